#include "models/quantize/target.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace linnet::quantize {
namespace {

using gguf::TensorType;

constexpr std::uint64_t kLeastBlock = 32;
constexpr std::uint64_t kLargeGroup = 128;

// Looked up or deciding every token's probability: their errors cost more than those of other matrices.
constexpr std::array<std::string_view, 4> kEmbeddings = {"token_embd.weight", "output.weight", "position_embd.weight",
                                                         "token_types.weight"};

// The type, or the one with the next smaller groups that rows of so many weights are whole blocks of.
TensorType fitting(TensorType type, std::uint64_t columns) {
  if (type == TensorType::kQ8_128 && columns % kLargeGroup != 0) return TensorType::kQ8_0;
  if (type == TensorType::kQ4_128 && columns % kLargeGroup != 0) type = TensorType::kQ4_64;
  if (type == TensorType::kQ4_64 && columns % 64 != 0) type = TensorType::kQ4_0;
  return type;
}

bool is_float(TensorType type) {
  return type == TensorType::kF32 || type == TensorType::kF16 || type == TensorType::kBF16;
}

// A router picks experts: small, and a flipped choice is no small error.
bool is_router(std::string_view name) { return name.find("ffn_gate_inp") != std::string_view::npos; }

}  // namespace

Result<Target> target_of(const gguf::Tensor& tensor, TensorType matrices, TensorType embeddings) {
  const TensorType type = tensor.type->type;
  if (!is_float(type)) {
    if (tensor.type->block_weights == 1) return Target{type, {}};
    return fail(ErrorKind::kUnsupported, "tensor " + gguf::quoted(tensor.name) + " is " +
                                             std::string(tensor.type->name) +
                                             " already; quantise from a file of F32, F16 or BF16");
  }
  if (tensor.rank < 2 || !tensor.name.ends_with(".weight") || is_router(tensor.name))
    return Target{TensorType::kF32, {}};
  if (tensor.columns() % kLeastBlock != 0) {
    return Target{TensorType::kF16, "rows of " + std::to_string(tensor.columns()) + " weights are no multiple of 32"};
  }
  const bool is_matrix = std::ranges::find(kEmbeddings, tensor.name) == kEmbeddings.end();
  const TensorType wanted = is_matrix ? matrices : embeddings;
  const TensorType fits = fitting(wanted, tensor.columns());
  if (fits == wanted) return Target{wanted, {}, is_matrix};
  return Target{fits, "rows of " + std::to_string(tensor.columns()) + " weights are no whole groups", is_matrix};
}

}  // namespace linnet::quantize
