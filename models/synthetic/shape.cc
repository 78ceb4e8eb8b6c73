#include "models/synthetic/shape.h"

#include <algorithm>
#include <iterator>

namespace linnet::synthetic {
namespace {

using enum VocabularyFamily;

constexpr Shape kShapes[] = {
    // name, architecture, vocabulary; layers, width, feed forward; heads, KV heads, head width; context, RoPE, epsilon
    {"tiny", "llama", kTiny, 512, 2, 128, 256, 4, 2, 32, 512, 10'000, 1e-5F, true},
    {"smollm2-135m", "llama", kSmolLm, 49'152, 30, 576, 1'536, 9, 3, 64, 8'192, 100'000, 1e-5F, true},
    {"qwen2.5-0.5b", "qwen2", kQwen, 151'936, 24, 896, 4'864, 14, 2, 64, 32'768, 1'000'000, 1e-6F, true},
    {"qwen3-0.6b", "qwen3", kQwen, 151'936, 28, 1'024, 3'072, 16, 8, 128, 40'960, 1'000'000, 1e-6F, true},
    {"llama3.2-1b", "llama", kLlama3, 128'256, 16, 2'048, 8'192, 32, 8, 64, 131'072, 500'000, 1e-5F, true, 32},
    {"qwen2.5-1.5b", "qwen2", kQwen, 151'936, 28, 1'536, 8'960, 12, 2, 128, 32'768, 1'000'000, 1e-6F, true},
    {"deepseek-r1-distill-qwen-7b", "qwen2", kDeepSeekQwen, 152'064, 28, 3'584, 18'944, 28, 4, 128, 131'072, 10'000,
     1e-6F, false},
};

}  // namespace

std::span<const Shape> shapes() { return kShapes; }

const Shape* find_shape(std::string_view name) {
  const auto* found = std::ranges::find(kShapes, name, &Shape::name);
  return found == std::end(kShapes) ? nullptr : found;
}

}  // namespace linnet::synthetic
