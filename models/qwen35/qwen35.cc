#include "models/qwen35/qwen35.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/decoder_head.h"
#include "models/keys.h"
#include "models/program_builder.h"
#include "models/rope_keys.h"
#include "models/vocabulary.h"

namespace linnet::models::qwen35 {
namespace {

// The numbers of one model. Widths are of a token; those of heads, of one head.
struct Shape {
  std::vector<bool> recurrent;   // One a layer.
  std::size_t layers_ahead = 0;  // Behind those: they guess further tokens.
  std::size_t width = 0;
  std::size_t feed_forward = 0;
  std::size_t context = 0;
  std::size_t vocabulary = 0;
  float epsilon = 0;
  bool tied_head = false;
  // Of full attention.
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_width = 0;
  Rotation rotation;
  // Of the delta rule.
  std::size_t key_heads = 0;
  std::size_t value_heads = 0;
  std::size_t state_width = 0;  // Of keys and of values.
  std::size_t taps = 0;         // Tokens that the convolution sees.

  [[nodiscard]] std::size_t keys() const { return key_heads * state_width; }
  [[nodiscard]] std::size_t values() const { return value_heads * state_width; }
  [[nodiscard]] std::size_t mixed() const { return 2 * keys() + values(); }
};

constexpr Range kLayers{1, 512};
constexpr Range kWidth{1, 1 << 16};
constexpr Range kFeedForward{1, 1 << 20};
constexpr Range kHeads{1, 1024};
constexpr Range kHeadWidth{1, 1024};
constexpr Range kContext{1, 1 << 24};
constexpr Range kTaps{2, 16};
constexpr float kUnitEpsilon = 1e-6F;  // Of the keys' and queries' length, whatever the norms' is.

const std::string kEmbedding = kEmbeddingTensor;

// The file says of each layer whether it is recurrent, or that every n-th is not.
Result<void> read_layers(const ModelFile& file, const Keys& keys, Shape& shape) {
  LINNET_TRY(const std::size_t all, keys.count("block_count", kLayers));
  LINNET_TRY(shape.layers_ahead, keys.count_or("nextn_predict_layers", {0, all - 1}, 0));
  const std::size_t layers = all - shape.layers_ahead;
  if (keys.contains("attention.recurrent_layers")) {
    LINNET_TRY(const auto flags, file.header.booleans(keys.key("attention.recurrent_layers")));
    if (flags.size() != all) {
      return fail(ErrorKind::kMalformed, "key " + gguf::quoted(keys.key("attention.recurrent_layers")) + " has " +
                                             std::to_string(flags.size()) + " entries for " + std::to_string(all) +
                                             " layers");
    }
    for (std::size_t i = 0; i < layers; ++i) shape.recurrent.push_back(flags[i]);
    return {};
  }
  LINNET_TRY(const std::size_t interval, keys.count_or("full_attention_interval", kLayers, 4));
  for (std::size_t i = 0; i < layers; ++i) shape.recurrent.push_back((i + 1) % interval != 0);
  return {};
}

Result<void> read_attention(const Keys& keys, Shape& shape) {
  LINNET_TRY(shape.heads, keys.count("attention.head_count", kHeads));
  LINNET_TRY(shape.kv_heads, keys.count_or("attention.head_count_kv", kHeads, shape.heads));
  LINNET_TRY(shape.head_width, keys.count("attention.key_length", kHeadWidth));
  LINNET_TRY(const std::size_t values, keys.count_or("attention.value_length", kHeadWidth, shape.head_width));
  if (values != shape.head_width) {
    return fail(ErrorKind::kUnsupported, "key " + gguf::quoted(keys.key("attention.value_length")) +
                                             " differs from that of keys, which is not supported");
  }
  LINNET_TRY(const float base, keys.number_or("rope.freq_base", 1.0F, 1e12F, 10000.0F));
  shape.rotation.base = static_cast<double>(base);
  LINNET_TRY(shape.rotation.dimensions, keys.count("rope.dimension_count", {2, shape.head_width}));
  return read_rope_scaling(keys, shape.rotation);
}

Result<void> read_delta(const Keys& keys, Shape& shape) {
  LINNET_TRY(shape.taps, keys.count("ssm.conv_kernel", kTaps));
  LINNET_TRY(shape.key_heads, keys.count("ssm.group_count", kHeads));
  LINNET_TRY(shape.value_heads, keys.count("ssm.time_step_rank", kHeads));
  LINNET_TRY(shape.state_width, keys.count("ssm.state_size", kHeadWidth));
  LINNET_TRY(const std::size_t inner, keys.count("ssm.inner_size", {1, kHeads.most * kHeadWidth.most}));
  if (inner == shape.values()) return {};
  return fail(ErrorKind::kUnsupported, "key " + gguf::quoted(keys.key("ssm.inner_size")) +
                                           " is not the heads times the state's size, which is not supported");
}

Result<Shape> read_shape(const ModelFile& file) {
  const Keys keys(file.header, "qwen35");
  Shape shape;
  LINNET_CHECK(read_layers(file, keys, shape));
  LINNET_TRY(shape.width, keys.count("embedding_length", kWidth));
  LINNET_TRY(shape.feed_forward, keys.count("feed_forward_length", kFeedForward));
  LINNET_TRY(shape.context, keys.count("context_length", kContext));
  LINNET_TRY(shape.epsilon, keys.number("attention.layer_norm_rms_epsilon", 0.0F, 1.0F));
  LINNET_CHECK(read_attention(keys, shape));
  LINNET_CHECK(read_delta(keys, shape));
  LINNET_TRY(shape.vocabulary, read_vocabulary(file, keys));
  shape.tied_head = file.tensors.find(kHeadTensor) == nullptr;
  return shape;
}

// Emits the operations of one model, in the order of the paper.
class Writer {
 public:
  explicit Writer(const Shape& shape) : shape_(shape), program_("qwen35", shape.vocabulary, shape.context) {}

  Program write() {
    const WeightId table = shape_.tied_head ? program_.matrix(kEmbedding, shape_.vocabulary, shape_.width)
                                            : program_.table(kEmbedding, shape_.vocabulary, shape_.width);
    hidden_ = program_.tokens("hidden", shape_.width);
    rotation_ = program_.rotation(shape_.rotation);
    program_.step("embed", Embed{table, hidden_});
    for (std::size_t layer = 0; layer < shape_.recurrent.size(); ++layer) {
      prefix_ = "blk." + std::to_string(layer);
      const BufferId normed = program_.tokens("attention input", shape_.width);
      step("attention norm", RmsNorm{hidden_, vector("attn_norm.weight", shape_.width), normed, shape_.epsilon});
      shape_.recurrent[layer] ? write_delta(normed) : write_attention(normed);
      write_feed_forward();
    }
    for (std::size_t i = 0; i < shape_.layers_ahead; ++i) {
      program_.leave_out("blk." + std::to_string(shape_.recurrent.size() + i) + ".");
    }
    return program_.finish(write_head(
        program_, hidden_,
        {.width = shape_.width, .vocabulary = shape_.vocabulary, .epsilon = shape_.epsilon, .tied = shape_.tied_head}));
  }

 private:
  // hidden += W_o (sigmoid(gate) * attention(query, key, value)); a head's query and gate lie behind each other.
  void write_attention(BufferId normed) {
    const auto& s = shape_;
    const std::size_t queries = s.heads * s.head_width;
    const std::size_t keys = s.kv_heads * s.head_width;
    const BufferId both = program_.tokens("query and gate", 2 * queries);
    const BufferId query = program_.tokens("query", queries);
    const BufferId gate = program_.tokens("attention gate", queries);
    const BufferId key = program_.tokens("key", keys);
    const BufferId value = program_.tokens("value", keys);
    const BufferId mixed = program_.tokens("attention output", queries);

    step("query key value", MatMul{normed,
                                   {{matrix("attn_q", 2 * queries, s.width), {}, both},
                                    {matrix("attn_k", keys, s.width), {}, key},
                                    {matrix("attn_v", keys, s.width), {}, value}},
                                   kFineTerms});
    step("query and gate apart", Split{both, query, gate, s.heads});
    step("query norm", RmsNorm{query, vector("attn_q_norm.weight", s.head_width), query, s.epsilon, s.heads});
    step("key norm", RmsNorm{key, vector("attn_k_norm.weight", s.head_width), key, s.epsilon, s.kv_heads});
    step("rotate query", Rotate{query, rotation_, s.heads});
    step("rotate key", Rotate{key, rotation_, s.kv_heads});
    const StateId cache = program_.state(KvCache{s.kv_heads, s.head_width, s.head_width});
    const float scale = 1.0F / std::sqrt(static_cast<float>(s.head_width));
    step("attention", Attend{query, key, value, cache, mixed, s.heads, scale});
    step("gate", SigmoidMultiply{gate, mixed});
    step("attention out", add_to_hidden(mixed, matrix("attn_output", s.width, queries)));
  }

  // hidden += W_o (silu(z) * norm(delta rule over convolved queries, keys and values))
  void write_delta(BufferId normed) {
    const auto& s = shape_;
    const BufferId mixed = program_.tokens("mixed", s.mixed());
    const BufferId gate = program_.tokens("z", s.values());
    const BufferId decay = program_.tokens("decay", s.value_heads);
    const BufferId rate = program_.tokens("rate", s.value_heads);
    const BufferId read = program_.tokens("state output", s.values());

    step("query key value", MatMul{normed,
                                   {{matrix("attn_qkv", s.mixed(), s.width), {}, mixed},
                                    {matrix("attn_gate", s.values(), s.width), {}, gate},
                                    {matrix("ssm_alpha", s.value_heads, s.width), {}, decay},
                                    {matrix("ssm_beta", s.value_heads, s.width), {}, rate}},
                                   kFineTerms});
    const StateId past = program_.state(Recurrent{(s.taps - 1) * s.mixed()});
    step("convolution",
         ShortConvolution{mixed, program_.vectors(prefix_ + ".ssm_conv1d.weight", s.mixed(), s.taps), past});
    const float scale = 1.0F / std::sqrt(static_cast<float>(s.state_width));
    step("query norm", UnitNorm{mixed, 0, s.key_heads, s.state_width, kUnitEpsilon, scale});
    step("key norm", UnitNorm{mixed, s.keys(), s.key_heads, s.state_width, kUnitEpsilon});
    const StateId state = program_.state(Recurrent{s.state_width * s.values()});
    step("delta rule", GatedDelta{mixed, decay, rate, vector("ssm_dt.bias", s.value_heads),
                                  vector("ssm_a", s.value_heads), state, read, s.key_heads, s.state_width});
    step("state norm", RmsNorm{read, vector("ssm_norm.weight", s.state_width), read, s.epsilon, s.value_heads});
    step("gate", SiluMultiply{gate, read, read});
    step("state out", add_to_hidden(read, matrix("ssm_out", s.width, s.values())));
  }

  // hidden += W_down (silu(W_gate norm(hidden)) * W_up norm(hidden))
  void write_feed_forward() {
    const auto& s = shape_;
    const BufferId normed = program_.tokens("feed-forward input", s.width);
    const BufferId gate = program_.tokens("gate", s.feed_forward);
    const BufferId up = program_.tokens("up", s.feed_forward);
    step("feed-forward norm", RmsNorm{hidden_, vector("post_attention_norm.weight", s.width), normed, s.epsilon});
    step("gate up", MatMul{normed,
                           {{matrix("ffn_gate", s.feed_forward, s.width), {}, gate},
                            {matrix("ffn_up", s.feed_forward, s.width), {}, up}}});
    step("silu", SiluMultiply{gate, up, gate});
    step("down", add_to_hidden(gate, matrix("ffn_down", s.width, s.feed_forward)));
  }

  MatMul add_to_hidden(BufferId in, WeightId weight) const { return {in, {{weight, {}, hidden_, true}}}; }

  // A layer's own tensors and steps.
  void step(const std::string& name, Operation operation) { program_.step(prefix_ + " " + name, std::move(operation)); }
  WeightId vector(const std::string& name, std::size_t width) { return program_.vector(prefix_ + "." + name, width); }
  WeightId matrix(const std::string& name, std::size_t out, std::size_t in) {
    return program_.matrix(prefix_ + "." + name + ".weight", out, in);
  }

  const Shape& shape_;
  ProgramBuilder program_;
  BufferId hidden_{};
  RotationId rotation_{};
  std::string prefix_;
};

}  // namespace

Result<Program> read_qwen35(const ModelFile& file) {
  LINNET_TRY(const Shape shape, read_shape(file));
  return Writer(shape).write();
}

}  // namespace linnet::models::qwen35
