// A 256-bit hash in progress, so that the packer needs no cryptographic library of its own.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace linnet::pack {

using Digest = std::array<std::byte, 32>;

// BLAKE2b-256 wherever files are written or verified (`blake2b.h`). One hash at a time; not thread-safe.
class Hasher {
 public:
  Hasher() = default;
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  virtual ~Hasher() = default;

  virtual void begin() = 0;
  virtual void update(std::span<const std::byte> bytes) = 0;
  // The digest of everything since begin().
  [[nodiscard]] virtual Digest finish() = 0;
};

}  // namespace linnet::pack
