#include "runtime/cli/hugging_face/convert.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/formats/half.h"
#include "models/gguf/writer.h"
#include "runtime/cli/hugging_face/architecture_keys.h"
#include "runtime/cli/hugging_face/json_object.h"
#include "runtime/cli/hugging_face/tokenizer_keys.h"

namespace linnet::cli::hugging_face {
namespace {

using gguf::TensorType;

constexpr std::string_view kHead = "lm_head.weight";
constexpr std::string_view kFactors = "rope_freqs.weight";

struct Renamed {
  std::string_view from;
  std::string_view to;
};
constexpr Renamed kModelNames[] = {{"model.embed_tokens.weight", "token_embd.weight"},
                                   {"model.norm.weight", "output_norm.weight"},
                                   {kHead, "output.weight"}};
// Behind "model.layers.N." and "blk.N.".
constexpr Renamed kLayerNames[] = {{"input_layernorm.weight", "attn_norm.weight"},
                                   {"self_attn.q_proj.weight", "attn_q.weight"},
                                   {"self_attn.q_proj.bias", "attn_q.bias"},
                                   {"self_attn.k_proj.weight", "attn_k.weight"},
                                   {"self_attn.k_proj.bias", "attn_k.bias"},
                                   {"self_attn.v_proj.weight", "attn_v.weight"},
                                   {"self_attn.v_proj.bias", "attn_v.bias"},
                                   {"self_attn.q_norm.weight", "attn_q_norm.weight"},
                                   {"self_attn.k_norm.weight", "attn_k_norm.weight"},
                                   {"self_attn.o_proj.weight", "attn_output.weight"},
                                   {"post_attention_layernorm.weight", "ffn_norm.weight"},
                                   {"mlp.gate_proj.weight", "ffn_gate.weight"},
                                   {"mlp.up_proj.weight", "ffn_up.weight"},
                                   {"mlp.down_proj.weight", "ffn_down.weight"}};

// The name in a GGUF, or nothing where it has no place there.
std::optional<std::string> gguf_name(std::string_view name) {
  constexpr std::string_view kLayers = "model.layers.";
  if (!name.starts_with(kLayers)) {
    const auto* found = std::ranges::find(kModelNames, name, &Renamed::from);
    if (found == std::end(kModelNames)) return std::nullopt;
    return std::string(found->to);
  }
  name.remove_prefix(kLayers.size());
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto* found = std::ranges::find(kLayerNames, name.substr(dot + 1), &Renamed::from);
  if (found == std::end(kLayerNames)) return std::nullopt;
  return "blk." + std::string(name.substr(0, dot)) + "." + std::string(found->to);
}

std::optional<TensorType> float_type(std::string_view type) {
  if (type == "F32") return TensorType::kF32;
  if (type == "F16") return TensorType::kF16;
  if (type == "BF16") return TensorType::kBF16;
  return std::nullopt;
}

// Number `index` of a tensor's data.
float number(TensorType type, std::span<const std::byte> data, std::size_t index) {
  if (type == TensorType::kF32) {
    float value = 0;
    std::memcpy(&value, &data[4 * index], sizeof value);
    return value;
  }
  std::uint16_t half = 0;
  std::memcpy(&half, &data[2 * index], sizeof half);
  return type == TensorType::kF16 ? kernels::f16_to_f32(half) : kernels::bf16_to_f32(half);
}

std::vector<std::byte> to_f32(TensorType type, std::span<const std::byte> data) {
  const std::size_t count = data.size() / gguf::info(type).block_bytes;
  std::vector<std::byte> floats(4 * count);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = number(type, data, i);
    std::memcpy(&floats[4 * i], &value, sizeof value);
  }
  return floats;
}

// Rows (of `row_bytes`) of each head from its two halves to neighbouring pairs: 0, d/2, 1, d/2 + 1, …
std::vector<std::byte> turn_rows(std::span<const std::byte> data, std::size_t row_bytes, std::size_t heads) {
  std::vector<std::byte> turned(data.size());
  const std::size_t rows_a_head = data.size() / row_bytes / heads;
  for (std::size_t row = 0; row < rows_a_head * heads; ++row) {
    const std::size_t inside = row % rows_a_head;
    const std::size_t from = row - inside + inside % 2 * (rows_a_head / 2) + inside / 2;
    std::memcpy(&turned[row * row_bytes], &data[from * row_bytes], row_bytes);
  }
  return turned;
}

// A tensor and what becomes of it.
struct Move {
  const safetensors::Tensor* tensor;
  std::string name;
  TensorType from;
  TensorType to;
};

class Converter {
 public:
  Converter(const ModelFolder& folder, gguf::Sink& sink, gguf::Progress progress)
      : folder_(folder), sink_(sink), progress_(progress) {}

  Result<void> run() {
    const JsonObject config(folder_.path + "/config.json", &folder_.config);
    LINNET_TRY(architecture_, write_architecture(config, writer_));
    LINNET_CHECK(write_tokenizer(folder_, architecture_.vocabulary, writer_));
    for (const safetensors::Tensor& tensor : folder_.tensors) LINNET_CHECK(declare(tensor));
    LINNET_CHECK(declare_factors());
    LINNET_CHECK(writer_.begin(sink_));
    for (std::size_t i = 0; i < moves_.size(); ++i) LINNET_CHECK(write(i));
    if (architecture_.rope_factors.empty()) return {};
    return writer_.write(sink_, moves_.size(), 0, std::as_bytes(std::span(architecture_.rope_factors)));
  }

 private:
  // Tables that older versions saved and that are computed, and a head that is the embedding again.
  [[nodiscard]] bool is_left_out(std::string_view name) const {
    return name.ends_with(".rotary_emb.inv_freq") || (name == kHead && architecture_.tied_head);
  }

  Result<void> declare(const safetensors::Tensor& tensor) {
    if (is_left_out(tensor.name)) return {};
    const auto name = gguf_name(tensor.name);
    const auto type = float_type(tensor.type);
    const bool shaped = !tensor.data.empty() && (tensor.shape.size() == 1 || tensor.shape.size() == 2);
    if (!name || !type || !shaped) {
      return fail(ErrorKind::kUnsupported, folder_.path + ": tensor " + gguf::quoted(tensor.name) + " of type " +
                                               std::string(tensor.type) + " has no place in a model of " +
                                               gguf::quoted(architecture_.name));
    }
    moves_.push_back({&tensor, *name, *type, tensor.shape.size() == 1 ? TensorType::kF32 : *type});
    bytes_in_all_ += tensor.data.size();
    const std::vector<std::uint64_t> dims(tensor.shape.rbegin(), tensor.shape.rend());
    return writer_.add_tensor(*name, moves_.back().to, dims).map([](auto) {});
  }

  Result<void> declare_factors() {
    if (architecture_.rope_factors.empty()) return {};
    const std::array<std::uint64_t, 1> dims = {architecture_.rope_factors.size()};
    return writer_.add_tensor(kFactors, TensorType::kF32, dims).map([](auto) {});
  }

  Result<void> write(std::size_t index) {
    const Move& move = moves_[index];
    std::span<const std::byte> data = move.tensor->data;
    LINNET_CHECK(gguf::report(progress_, bytes_done_ += data.size(), bytes_in_all_));
    std::vector<std::byte> floats;
    if (move.from != move.to) data = floats = to_f32(move.from, data);
    const std::size_t heads = turned_heads(move.name);
    if (heads == 0) return writer_.write(sink_, index, 0, data);
    const std::uint64_t rows = move.tensor->shape.front();
    if (rows % (2 * heads) != 0) {
      return fail(ErrorKind::kMalformed,
                  folder_.path + ": tensor " + gguf::quoted(move.tensor->name) + " is not cut by the heads");
    }
    return writer_.write(sink_, index, 0, turn_rows(data, data.size() / static_cast<std::size_t>(rows), heads));
  }

  // The heads whose rows are turned, or 0.
  [[nodiscard]] std::size_t turned_heads(std::string_view name) const {
    if (!architecture_.turned) return 0;
    if (name.ends_with(".attn_q.weight") || name.ends_with(".attn_q.bias")) return architecture_.heads;
    if (name.ends_with(".attn_k.weight") || name.ends_with(".attn_k.bias")) return architecture_.kv_heads;
    return 0;
  }

  const ModelFolder& folder_;
  gguf::Sink& sink_;
  gguf::Progress progress_;
  gguf::Writer writer_;
  Architecture architecture_;
  std::vector<Move> moves_;
  std::uint64_t bytes_in_all_ = 0;
  std::uint64_t bytes_done_ = 0;
};

}  // namespace

Result<void> convert(const ModelFolder& folder, gguf::Sink& sink, gguf::Progress progress) {
  return Converter(folder, sink, progress).run();
}

}  // namespace linnet::cli::hugging_face
