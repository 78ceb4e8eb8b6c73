#include "models/llama/llama.h"

#include <cmath>
#include <string>
#include <utility>

#include "models/decoder_head.h"
#include "models/experts.h"
#include "models/keys.h"
#include "models/program_builder.h"
#include "models/rope_keys.h"
#include "models/vocabulary.h"

namespace linnet::models::llama {
namespace {

// What tells the relatives apart.
struct Form {
  std::string_view architecture;
  bool interleaved = false;  // RoPE turns (2i, 2i + 1): how conversion to GGUF permutes Llama's Q and K.
  bool query_key_norm = false;
  bool always_experts = false;
};

// The numbers of one model. Widths are of a token; those of heads, of one head.
struct Shape {
  std::size_t layers = 0;
  std::size_t width = 0;
  std::size_t feed_forward = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t key_width = 0;
  std::size_t value_width = 0;
  std::size_t context = 0;
  std::size_t vocabulary = 0;
  float epsilon = 0;
  Rotation rotation;  // Of the first numbers of each head.
  bool tied_head = false;
  bool query_key_value_bias = false;
  std::size_t window = 0;  // Positions that a query sees; 0: all.
  Experts experts;         // In place of the feed-forward network.
};

// Far above any published model, far below where products of them wrap.
constexpr Range kLayers{1, 512};
constexpr Range kWidth{1, 1 << 16};
constexpr Range kFeedForward{1, 1 << 20};
constexpr Range kHeads{1, 1024};
constexpr Range kHeadWidth{1, 1024};
constexpr Range kContext{1, 1 << 24};

const std::string kEmbedding = kEmbeddingTensor;
const std::string kFactors = "rope_freqs.weight";

// A window as long as the context hides nothing.
Result<void> read_window(const Keys& keys, Shape& shape) {
  LINNET_TRY(const std::size_t window, keys.count_or("attention.sliding_window", {0, kContext.most}, 0));
  shape.window = window < shape.context ? window : 0;
  return {};
}

Result<void> read_attention(const Keys& keys, Shape& shape) {
  LINNET_TRY(shape.heads, keys.count("attention.head_count", kHeads));
  LINNET_TRY(shape.kv_heads, keys.count_or("attention.head_count_kv", kHeads, shape.heads));
  const bool divides = shape.width % shape.heads == 0;
  if (!divides && !keys.contains("attention.key_length")) {
    return fail(ErrorKind::kMalformed,
                "key " + gguf::quoted(keys.key("embedding_length")) + " is no multiple of the heads");
  }
  LINNET_TRY(shape.key_width, keys.count_or("attention.key_length", kHeadWidth, shape.width / shape.heads));
  LINNET_TRY(shape.value_width, keys.count_or("attention.value_length", kHeadWidth, shape.key_width));
  LINNET_TRY(const float base, keys.number_or("rope.freq_base", 1.0F, 1e12F, 10000.0F));
  shape.rotation.base = static_cast<double>(base);
  LINNET_TRY(shape.rotation.dimensions, keys.count_or("rope.dimension_count", kHeadWidth, shape.key_width));
  return read_rope_scaling(keys, shape.rotation);
}

// Published mixtures of this family divide the gates by their sum, and say so nowhere.
Result<void> read_feed_forward(const ModelFile& file, const Keys& keys, const Form& form, Shape& shape) {
  LINNET_TRY(shape.feed_forward, keys.count_or("feed_forward_length", kFeedForward, 1));
  LINNET_TRY(shape.experts, read_experts(file, keys, {.feed_forward = shape.feed_forward, .normalised = true}));
  if (shape.experts.count != 0) return {};
  if (form.always_experts) return keys.count("expert_count", kHeads).map([](auto) {});
  return keys.count("feed_forward_length", kFeedForward).map([](auto) {});
}

Result<Shape> read_shape(const ModelFile& file, const Form& form) {
  const Keys keys(file.header, form.architecture);
  Shape shape;
  LINNET_TRY(shape.layers, keys.count("block_count", kLayers));
  LINNET_TRY(shape.width, keys.count("embedding_length", kWidth));
  LINNET_CHECK(read_feed_forward(file, keys, form, shape));
  LINNET_TRY(shape.context, keys.count("context_length", kContext));
  LINNET_TRY(shape.epsilon, keys.number("attention.layer_norm_rms_epsilon", 0.0F, 1.0F));
  LINNET_CHECK(read_attention(keys, shape));
  LINNET_CHECK(read_window(keys, shape));
  LINNET_TRY(shape.vocabulary, read_vocabulary(file, keys));
  shape.tied_head = file.tensors.find(kHeadTensor) == nullptr;
  shape.rotation.interleaved = form.interleaved;
  if (file.tensors.find(kFactors) != nullptr) shape.rotation.factors = kFactors;
  // Qwen2 always has biases, some Llama-like models do: the tensors say it, and all layers must agree with the first.
  shape.query_key_value_bias = file.tensors.find("blk.0.attn_q.bias") != nullptr;
  return shape;
}

// Emits the operations of one model, in the order of the paper.
class Writer {
 public:
  Writer(const Form& form, const Shape& shape)
      : form_(form), shape_(shape), program_(std::string(form.architecture), shape.vocabulary, shape.context) {}

  Program write() {
    const WeightId table = shape_.tied_head ? program_.matrix(kEmbedding, shape_.vocabulary, shape_.width)
                                            : program_.table(kEmbedding, shape_.vocabulary, shape_.width);
    hidden_ = program_.tokens("hidden", shape_.width);
    rotation_ = program_.rotation(shape_.rotation);
    program_.step("embed", Embed{table, hidden_});
    for (std::size_t layer = 0; layer < shape_.layers; ++layer) {
      prefix_ = "blk." + std::to_string(layer);
      write_attention();
      write_feed_forward();
    }
    return program_.finish(write_head(
        program_, hidden_,
        {.width = shape_.width, .vocabulary = shape_.vocabulary, .epsilon = shape_.epsilon, .tied = shape_.tied_head}));
  }

 private:
  // hidden += W_o attention(norm(hidden))
  void write_attention() {
    const auto& s = shape_;
    const std::size_t queries = s.heads * s.key_width;
    const std::size_t keys = s.kv_heads * s.key_width;
    const std::size_t values = s.kv_heads * s.value_width;
    const BufferId normed = program_.tokens("attention input", s.width);
    const BufferId query = program_.tokens("query", queries);
    const BufferId key = program_.tokens("key", keys);
    const BufferId value = program_.tokens("value", values);
    const BufferId mixed = program_.tokens("attention output", s.heads * s.value_width);

    step("attention norm", RmsNorm{hidden_, vector("attn_norm", s.width), normed, s.epsilon});
    step("query key value", MatMul{normed,
                                   {{matrix("attn_q", queries, s.width), bias("attn_q", queries), query},
                                    {matrix("attn_k", keys, s.width), bias("attn_k", keys), key},
                                    {matrix("attn_v", values, s.width), bias("attn_v", values), value}},
                                   kFineTerms});
    if (form_.query_key_norm) {
      step("query norm", RmsNorm{query, vector("attn_q_norm", s.key_width), query, s.epsilon, s.heads});
      step("key norm", RmsNorm{key, vector("attn_k_norm", s.key_width), key, s.epsilon, s.kv_heads});
    }
    step("rotate query", Rotate{query, rotation_, s.heads});
    step("rotate key", Rotate{key, rotation_, s.kv_heads});
    const StateId cache = program_.state(KvCache{s.kv_heads, s.key_width, s.value_width, false, s.window});
    const float scale = 1.0F / std::sqrt(static_cast<float>(s.key_width));
    step("attention", Attend{query, key, value, cache, mixed, s.heads, scale, Mask::kCausal});
    step("attention out", add_to_hidden(mixed, matrix("attn_output", s.width, s.heads * s.value_width)));
  }

  // hidden += W_down (silu(W_gate norm(hidden)) * W_up norm(hidden))
  void write_feed_forward() {
    const auto& s = shape_;
    const BufferId normed = program_.tokens("feed-forward input", s.width);
    step("feed-forward norm", RmsNorm{hidden_, vector("ffn_norm", s.width), normed, s.epsilon});
    if (s.experts.count != 0) return write_experts(program_, s.experts, {prefix_, normed, hidden_, s.width});
    const BufferId gate = program_.tokens("gate", s.feed_forward);
    const BufferId up = program_.tokens("up", s.feed_forward);
    step("gate up", MatMul{normed,
                           {{matrix("ffn_gate", s.feed_forward, s.width), {}, gate},
                            {matrix("ffn_up", s.feed_forward, s.width), {}, up}}});
    step("silu", SiluMultiply{gate, up, gate});
    step("down", add_to_hidden(gate, matrix("ffn_down", s.width, s.feed_forward)));
  }

  MatMul add_to_hidden(BufferId in, WeightId weight) const { return {in, {{weight, {}, hidden_, true}}}; }

  // A layer's own tensors and steps.
  void step(const std::string& name, Operation operation) { program_.step(prefix_ + " " + name, std::move(operation)); }
  WeightId vector(const std::string& name, std::size_t width) {
    return program_.vector(prefix_ + "." + name + ".weight", width);
  }
  WeightId matrix(const std::string& name, std::size_t out, std::size_t in) {
    return program_.matrix(prefix_ + "." + name + ".weight", out, in);
  }
  std::optional<WeightId> bias(const std::string& name, std::size_t width) {
    if (!shape_.query_key_value_bias) return std::nullopt;
    return program_.vector(prefix_ + "." + name + ".bias", width);
  }

  const Form& form_;
  const Shape& shape_;
  ProgramBuilder program_;
  BufferId hidden_{};
  RotationId rotation_{};
  std::string prefix_;
};

Result<Program> read_form(const ModelFile& file, const Form& form) {
  LINNET_TRY(const Shape shape, read_shape(file, form));
  return Writer(form, shape).write();
}

}  // namespace

Result<Program> read_llama(const ModelFile& file) {
  return read_form(file, {.architecture = "llama", .interleaved = true});
}

Result<Program> read_qwen2(const ModelFile& file) { return read_form(file, {.architecture = "qwen2"}); }

Result<Program> read_qwen3(const ModelFile& file) {
  return read_form(file, {.architecture = "qwen3", .query_key_norm = true});
}

Result<Program> read_qwen3moe(const ModelFile& file) {
  return read_form(file, {.architecture = "qwen3moe", .query_key_norm = true, .always_experts = true});
}

}  // namespace linnet::models::llama
