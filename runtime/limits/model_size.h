// How much a model of a published shape takes and reads, by arithmetic alone: for advice before there is a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/units.h"

namespace linnet::limits {

enum class WeightBits : std::uint8_t {
  kInt4,  // Q4_0 matrices, 4.5 bits a weight; embeddings and output head Q8_0.
  kInt8,  // All Q8_0, 8.5 bits.
};

// Hyper-parameters as the models' own configurations publish them.
struct ModelSize {
  std::string_view name;     // "7B".
  std::string_view example;  // "DeepSeek-R1-Distill-Qwen-7B".
  std::uint64_t vocabulary;
  std::uint64_t layers;
  std::uint64_t width;
  std::uint64_t feed_forward;  // Of layers without experts.
  std::uint64_t heads;
  std::uint64_t kv_heads;
  std::uint64_t head_width;
  std::uint64_t context;
  bool tied;  // The output head is the embedding table.
  // Of mixtures of experts; 0 where there are none.
  std::uint64_t experts = 0;
  std::uint64_t experts_used = 0;
  std::uint64_t experts_shared = 0;
  std::uint64_t expert_feed_forward = 0;
  std::uint64_t dense_layers = 0;  // The first ones, without experts.
  // Of latent attention (DeepSeek-V2); 0: ordinary.
  std::uint64_t latent = 0;
  std::uint64_t latent_rope = 0;

  // Weights of all layers' matrices, and those that one token meets.
  [[nodiscard]] std::uint64_t layer_weights() const;
  [[nodiscard]] std::uint64_t layer_weights_a_token() const;
  [[nodiscard]] std::uint64_t table_weights() const { return vocabulary * width; }

  // What lies in the layers and in the output head, of which a token reads some.
  [[nodiscard]] Bytes layers_a_token(WeightBits bits) const;
  [[nodiscard]] Bytes head(WeightBits bits) const;
  // What a budget is held against without the cache: weights in use and this process's own memory.
  [[nodiscard]] Bytes fixed(WeightBits bits, std::size_t threads) const;
  [[nodiscard]] Bytes cache_a_position() const;
  [[nodiscard]] Bytes needed(WeightBits bits, std::size_t threads, std::size_t positions) const;

 private:
  [[nodiscard]] std::uint64_t attention_weights() const;
  [[nodiscard]] std::uint64_t feed_forward_weights(std::uint64_t experts_counted) const;
};

// The sizes that doctor advises on, the smallest first.
[[nodiscard]] std::span<const ModelSize> model_sizes();

}  // namespace linnet::limits
