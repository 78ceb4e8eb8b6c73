// The 16 virtual lanes of canonical sums (ARCHITECTURE, canonical arithmetic), for the scalar definitions.
#pragma once

#include <cmath>
#include <cstddef>

namespace linnet::kernels {

inline constexpr std::size_t kLanes = 16;

// Element i of a sum belongs to lane i mod 16; the lanes are then added by halves.
class LaneSum {
 public:
  void add(std::size_t index, float x) { lane_[index % kLanes] += x; }
  void multiply_add(std::size_t index, float a, float b) {
    float& lane = lane_[index % kLanes];
    lane = std::fma(a, b, lane);
  }

  [[nodiscard]] float total() const {
    float tree[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) tree[i] = lane_[i];
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) tree[i] += tree[i + half];
    }
    return tree[0];
  }

 private:
  float lane_[kLanes] = {};
};

}  // namespace linnet::kernels
