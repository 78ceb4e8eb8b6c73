// The shapes of published models, for files that cost what those cost to store and run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace linnet::synthetic {

// Special tokens, pre-tokenizer and chat template that models share.
enum class VocabularyFamily : std::uint8_t { kQwen, kDeepSeekQwen, kLlama3, kSmolLm, kTiny };

// Hyper-parameters as the models' own configurations publish them.
struct Shape {
  std::string_view name;          // Of --like.
  std::string_view architecture;  // general.architecture: "llama", "qwen2", "qwen3".
  VocabularyFamily vocabulary_family;
  std::uint32_t vocabulary;
  std::uint32_t layers;
  std::uint32_t width;
  std::uint32_t feed_forward;
  std::uint32_t heads;
  std::uint32_t kv_heads;
  std::uint32_t head_width;
  std::uint32_t context;
  float rope_base;
  float epsilon;
  bool tied;                // The output head is the embedding table.
  float llama3_factor = 0;  // Of Llama 3's RoPE scaling; 0: none.
};

[[nodiscard]] std::span<const Shape> shapes();

// The row of that name, or null.
[[nodiscard]] const Shape* find_shape(std::string_view name);

}  // namespace linnet::synthetic
