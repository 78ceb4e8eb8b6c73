// Pseudo-random numbers that are the same on every machine and cost about a nanosecond for eight bytes.
#pragma once

#include <cstdint>

namespace linnet::synthetic {

// splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }

  // In [0, count), count > 0; the bias of the remainder does not matter here.
  std::uint64_t below(std::uint64_t count) { return next() % count; }

  // In [0, 1).
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24F; }

 private:
  std::uint64_t state_;
};

}  // namespace linnet::synthetic
