// BLAKE2b-256 by libsodium, for programs that pack or verify (target linnet_blake2b).
#pragma once

#include <sodium/crypto_generichash.h>

#include "models/pack/hasher.h"

namespace linnet::pack {

class Blake2b final : public Hasher {
 public:
  Blake2b() { begin(); }
  void begin() override;
  void update(std::span<const std::byte> bytes) override;
  [[nodiscard]] Digest finish() override;

 private:
  crypto_generichash_state state_;
};

}  // namespace linnet::pack
