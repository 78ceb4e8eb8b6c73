#include "runtime/limits/model_size.h"

#include <algorithm>

#include "runtime/engine/memory_plan.h"

namespace linnet::limits {
namespace {

constexpr std::uint64_t kInt4Block = 18;  // Bytes of 32 weights.
constexpr std::uint64_t kInt8Block = 34;
constexpr std::uint64_t kBatchRows = 128;                          // The engine's own default.
constexpr std::uint64_t kProcessBytes = std::uint64_t{768} << 10;  // As the engine plans them.
constexpr std::uint64_t kThreadBytes = std::uint64_t{48} << 10;    // With a thread's share of scratch.
constexpr std::uint64_t kVocabularyBytes = 4 + 8 + 1;              // Logits, the sampler's candidates, a mask.

// vocabulary; layers, width, feed forward; heads, KV heads, head width; context, tied
constexpr ModelSize kSizes[] = {
    {"0.5B", "Qwen2.5-0.5B", 151'936, 24, 896, 4'864, 14, 2, 64, 32'768, true},
    {"1.5B", "DeepSeek-R1-Distill-Qwen-1.5B, Qwen2.5-1.5B", 151'936, 28, 1'536, 8'960, 12, 2, 128, 32'768, true},
    {"3B", "Qwen2.5-3B", 151'936, 36, 2'048, 11'008, 16, 2, 128, 32'768, true},
    {"7B", "DeepSeek-R1-Distill-Qwen-7B", 152'064, 28, 3'584, 18'944, 28, 4, 128, 131'072, false},
    {"8B", "DeepSeek-R1-Distill-Llama-8B", 128'256, 32, 4'096, 14'336, 32, 8, 128, 131'072, false},
    {"14B", "DeepSeek-R1-Distill-Qwen-14B", 152'064, 48, 5'120, 13'824, 40, 8, 128, 131'072, false},
    {"16B-A2.4B", "DeepSeek-V2-Lite", 102'400, 27, 2'048, 10'944, 16, 16, 128, 163'840, false, 64, 6, 2, 1'408, 1, 512,
     64},
};

Bytes stored(std::uint64_t weights, WeightBits bits) {
  return {weights / 32 * (bits == WeightBits::kInt4 ? kInt4Block : kInt8Block)};
}

}  // namespace

std::uint64_t ModelSize::attention_weights() const {
  const std::uint64_t query = heads * head_width;
  if (latent == 0) return width * (2 * query + 2 * kv_heads * head_width);
  // Queries with their turned part, the way down to the latent space, the way up for keys and values, the output.
  return width * (query + heads * latent_rope) + width * (latent + latent_rope) + latent * 2 * query + width * query;
}

std::uint64_t ModelSize::feed_forward_weights(std::uint64_t experts_counted) const {
  const std::uint64_t with_experts = experts == 0 ? 0 : layers - dense_layers;
  return 3 * width *
         ((layers - with_experts) * feed_forward +
          with_experts * (experts_counted + experts_shared) * expert_feed_forward);
}

std::uint64_t ModelSize::layer_weights() const { return layers * attention_weights() + feed_forward_weights(experts); }

std::uint64_t ModelSize::layer_weights_a_token() const {
  return layers * attention_weights() + feed_forward_weights(experts_used);
}

Bytes ModelSize::layers_a_token(WeightBits bits) const { return stored(layer_weights_a_token(), bits); }

Bytes ModelSize::head(WeightBits /*bits*/) const { return stored(table_weights(), WeightBits::kInt8); }

Bytes ModelSize::fixed(WeightBits bits, std::size_t threads) const {
  const std::uint64_t widest = std::max(feed_forward, (experts_used + experts_shared) * expert_feed_forward);
  // Activations live at a time: the residual and its norm, then queries, keys and values or gate and up; float32, and
  // int8 with scales and sums beside them.
  const std::uint64_t activations = kBatchRows * (4 * (2 * width + 2 * widest) + widest + widest / 4);
  return stored(layer_weights(), bits) + head(bits) +
         Bytes{activations + vocabulary * kVocabularyBytes + kProcessBytes + threads * kThreadBytes};
}

Bytes ModelSize::cache_a_position() const {
  const std::uint64_t numbers = latent != 0 ? latent + latent_rope : 2 * kv_heads * head_width;
  return {layers * numbers * 2};  // f16
}

Bytes ModelSize::needed(WeightBits bits, std::size_t threads, std::size_t positions) const {
  const std::uint64_t pages = (positions + engine::kPagePositions - 1) / engine::kPagePositions;
  return fixed(bits, threads) + Bytes{pages * engine::kPagePositions * cache_a_position().count};
}

std::span<const ModelSize> model_sizes() { return kSizes; }

}  // namespace linnet::limits
