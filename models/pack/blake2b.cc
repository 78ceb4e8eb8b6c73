#include "models/pack/blake2b.h"

namespace linnet::pack {

void Blake2b::begin() { crypto_generichash_init(&state_, nullptr, 0, std::tuple_size_v<Digest>); }

void Blake2b::update(std::span<const std::byte> bytes) {
  crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

Digest Blake2b::finish() {
  Digest digest;
  crypto_generichash_final(&state_, reinterpret_cast<unsigned char*>(digest.data()), digest.size());
  return digest;
}

}  // namespace linnet::pack
