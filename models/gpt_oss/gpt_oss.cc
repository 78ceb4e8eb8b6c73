#include "models/gpt_oss/gpt_oss.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/decoder_head.h"
#include "models/experts.h"
#include "models/keys.h"
#include "models/program_builder.h"
#include "models/rope_keys.h"
#include "models/vocabulary.h"

namespace linnet::models::gpt_oss {
namespace {

// The numbers of one model. Widths are of a token; those of heads, of one head.
struct Shape {
  std::vector<std::size_t> windows;  // One a layer: positions that a query sees; 0: all.
  std::size_t width = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_width = 0;
  std::size_t context = 0;
  std::size_t vocabulary = 0;
  float epsilon = 0;
  Rotation rotation;
  Experts experts;
};

constexpr Range kLayers{1, 512};
constexpr Range kWidth{1, 1 << 16};
constexpr Range kHeads{1, 1024};
constexpr Range kHeadWidth{1, 1024};
constexpr Range kContext{1, 1 << 24};

const std::string kEmbedding = kEmbeddingTensor;

// Every second layer sees all positions, unless the file says of each layer which does.
Result<void> read_windows(const ModelFile& file, const Keys& keys, Shape& shape) {
  LINNET_TRY(const std::size_t layers, keys.count("block_count", kLayers));
  LINNET_TRY(const std::size_t window, keys.count("attention.sliding_window", kContext));
  const std::size_t used = window < shape.context ? window : 0;  // A window as long as the context hides nothing.
  const std::string pattern = keys.key("attention.sliding_window_pattern");
  if (!file.header.contains(pattern)) {
    for (std::size_t i = 0; i < layers; ++i) shape.windows.push_back(i % 2 == 0 ? used : 0);
    return {};
  }
  LINNET_TRY(const auto flags, file.header.booleans(pattern));
  if (flags.size() != layers) {
    return fail(ErrorKind::kMalformed, "key " + gguf::quoted(pattern) + " has " + std::to_string(flags.size()) +
                                           " entries for " + std::to_string(layers) + " layers");
  }
  for (std::size_t i = 0; i < layers; ++i) shape.windows.push_back(flags[i] ? used : 0);
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
  LINNET_TRY(const float base, keys.number("rope.freq_base", 1.0F, 1e12F));
  shape.rotation.base = static_cast<double>(base);
  LINNET_TRY(shape.rotation.dimensions, keys.count_or("rope.dimension_count", kHeadWidth, shape.head_width));
  shape.rotation.stretch.whole_pairs = false;
  return read_rope_scaling(keys, shape.rotation);
}

Result<Shape> read_shape(const ModelFile& file) {
  const Keys keys(file.header, "gpt-oss");
  Shape shape;
  LINNET_TRY(shape.width, keys.count("embedding_length", kWidth));
  LINNET_TRY(shape.context, keys.count("context_length", kContext));
  LINNET_TRY(shape.epsilon, keys.number("attention.layer_norm_rms_epsilon", 0.0F, 1.0F));
  LINNET_CHECK(read_windows(file, keys, shape));
  LINNET_CHECK(read_attention(keys, shape));
  // A softmax over the chosen experts alone is one over all of them, divided by the sum of the chosen.
  LINNET_CHECK(keys.count("expert_count", kHeads).map([](auto) {}));
  LINNET_TRY(shape.experts, read_experts(file, keys, {.feed_forward = 1, .normalised = true, .biased = true}));
  LINNET_TRY(shape.vocabulary, read_vocabulary(file, keys));
  return shape;
}

// Emits the operations of one model.
class Writer {
 public:
  explicit Writer(const Shape& shape) : shape_(shape), program_("gpt-oss", shape.vocabulary, shape.context) {}

  Program write() {
    hidden_ = program_.tokens("hidden", shape_.width);
    rotation_ = program_.rotation(shape_.rotation);
    program_.step("embed", Embed{program_.table(kEmbedding, shape_.vocabulary, shape_.width), hidden_});
    for (std::size_t layer = 0; layer < shape_.windows.size(); ++layer) {
      prefix_ = "blk." + std::to_string(layer);
      write_attention(shape_.windows[layer]);
      const BufferId normed = program_.tokens("feed-forward input", shape_.width);
      step("feed-forward norm", norm(hidden_, "post_attention_norm", normed));
      write_experts(program_, shape_.experts, {prefix_, normed, hidden_, shape_.width});
    }
    return program_.finish(write_head(
        program_, hidden_, {.width = shape_.width, .vocabulary = shape_.vocabulary, .epsilon = shape_.epsilon}));
  }

 private:
  // hidden += W_o attention(norm(hidden)) + b_o
  void write_attention(std::size_t window) {
    const auto& s = shape_;
    const std::size_t queries = s.heads * s.head_width;
    const std::size_t keys = s.kv_heads * s.head_width;
    const BufferId normed = program_.tokens("attention input", s.width);
    const BufferId query = program_.tokens("query", queries);
    const BufferId key = program_.tokens("key", keys);
    const BufferId value = program_.tokens("value", keys);
    const BufferId mixed = program_.tokens("attention output", queries);

    step("attention norm", norm(hidden_, "attn_norm", normed));
    step("query key value",
         MatMul{normed,
                {projection("attn_q", queries, s.width, query), projection("attn_k", keys, s.width, key),
                 projection("attn_v", keys, s.width, value)},
                kFineTerms});
    step("rotate query", Rotate{query, rotation_, s.heads});
    step("rotate key", Rotate{key, rotation_, s.kv_heads});
    const StateId cache = program_.state(KvCache{s.kv_heads, s.head_width, s.head_width, false, window});
    const float scale = 1.0F / std::sqrt(static_cast<float>(s.head_width));
    const WeightId sinks = program_.vector(prefix_ + ".attn_sinks.weight", s.heads);
    step("attention", Attend{query, key, value, cache, mixed, s.heads, scale, Mask::kCausal, sinks});
    Projection out = projection("attn_output", s.width, queries, hidden_);
    out.accumulate = true;
    step("attention out", MatMul{mixed, {out}});
  }

  RmsNorm norm(BufferId in, const std::string& name, BufferId out) {
    return {in, program_.vector(prefix_ + "." + name + ".weight", shape_.width), out, shape_.epsilon};
  }
  Projection projection(const std::string& name, std::size_t out, std::size_t in, BufferId buffer) {
    return {program_.matrix(prefix_ + "." + name + ".weight", out, in),
            program_.vector(prefix_ + "." + name + ".bias", out), buffer};
  }
  void step(const std::string& name, Operation operation) { program_.step(prefix_ + " " + name, std::move(operation)); }

  const Shape& shape_;
  ProgramBuilder program_;
  BufferId hidden_{};
  RotationId rotation_{};
  std::string prefix_;
};

}  // namespace

Result<Program> read_gpt_oss(const ModelFile& file) {
  LINNET_TRY(const Shape shape, read_shape(file));
  return Writer(shape).write();
}

}  // namespace linnet::models::gpt_oss
