#include "models/deepseek2/deepseek2.h"

#include <cmath>
#include <string>
#include <utility>

#include "models/decoder_head.h"
#include "models/experts.h"
#include "models/keys.h"
#include "models/program_builder.h"
#include "models/rope_keys.h"
#include "models/vocabulary.h"

namespace linnet::models::deepseek2 {
namespace {

// The numbers of one model. A head's key is [content, position]: the first part comes from the latent vector, the other
// is rotated and shared by all heads.
struct Shape {
  std::size_t layers = 0;
  std::size_t dense_layers = 0;  // The first ones: without experts.
  std::size_t width = 0;
  std::size_t feed_forward = 0;  // Of the dense layers.
  std::size_t shared_feed_forward = 0;
  std::size_t heads = 0;
  std::size_t query_latent = 0;  // 0: queries come from the hidden state alone.
  std::size_t latent = 0;
  std::size_t content = 0;
  std::size_t position = 0;
  std::size_t value = 0;
  std::size_t context = 0;
  std::size_t vocabulary = 0;
  float epsilon = 0;
  float scale = 1.0F;
  Rotation rotation;
  Experts experts;
  bool has_bias = false;    // V3's correction of the choice of experts.
  bool one_tensor = false;  // attn_kv_b holds what newer files call attn_k_b and attn_v_b.
};

constexpr Range kLayers{1, 512};
constexpr Range kWidth{1, 1 << 16};
constexpr Range kFeedForward{1, 1 << 20};
constexpr Range kHeads{1, 1024};
constexpr Range kHeadWidth{1, 1024};
constexpr Range kLatent{1, 1 << 13};
constexpr Range kContext{1, 1 << 24};

// YaRN sharpens the softmax by the square of this instead of growing cosines and sines (the file holds 0.1 times the
// paper's mscale_all_dim).
Result<float> read_sharpening(const Keys& keys, Rotation& rotation) {
  LINNET_TRY(const float multiplier, keys.number_or("rope.scaling.yarn_log_multiplier", 0.0F, 10.0F, 0.0F));
  if (rotation.stretch.kind != Stretch::Kind::kYarn || multiplier == 0.0F) return 1.0F;
  rotation.magnitude = 1.0F;
  const float sharpening = 1.0F + multiplier * static_cast<float>(std::log(rotation.stretch.factor));
  return sharpening * sharpening;
}

Result<void> read_attention(const ModelFile& file, const Keys& keys, Shape& shape) {
  LINNET_TRY(shape.heads, keys.count("attention.head_count", kHeads));
  LINNET_TRY(shape.query_latent, keys.count_or("attention.q_lora_rank", {0, kLatent.most}, 0));
  LINNET_TRY(shape.latent, keys.count("attention.kv_lora_rank", kLatent));
  LINNET_TRY(shape.position, keys.count("rope.dimension_count", kHeadWidth));
  // Newer files tell the cache's widths as the key's and value's, and those of a head under names of their own.
  const bool newer = keys.contains("attention.key_length_mla");
  LINNET_TRY(const std::size_t key,
             keys.count(newer ? "attention.key_length_mla" : "attention.key_length", kHeadWidth));
  LINNET_TRY(shape.value, keys.count(newer ? "attention.value_length_mla" : "attention.value_length", kHeadWidth));
  if (key <= shape.position) return fail(ErrorKind::kMalformed, "a head's key is no wider than its rotated part");
  shape.content = key - shape.position;
  LINNET_TRY(const float base, keys.number_or("rope.freq_base", 1.0F, 1e12F, 10000.0F));
  shape.rotation.dimensions = shape.position;
  shape.rotation.base = static_cast<double>(base);
  shape.rotation.interleaved = true;
  LINNET_CHECK(read_rope_scaling(keys, shape.rotation));
  LINNET_TRY(const float sharpening, read_sharpening(keys, shape.rotation));
  shape.scale = sharpening / std::sqrt(static_cast<float>(key));
  shape.one_tensor = file.tensors.find("blk.0.attn_kv_b.weight") != nullptr;
  return {};
}

Result<void> read_feed_forward(const ModelFile& file, const Keys& keys, Shape& shape) {
  LINNET_TRY(shape.feed_forward, keys.count("feed_forward_length", kFeedForward));
  LINNET_TRY(shape.experts, read_experts(file, keys, {.feed_forward = shape.feed_forward}));
  const std::size_t dense = shape.experts.count == 0 ? shape.layers : 0;
  LINNET_TRY(shape.dense_layers, keys.count_or("leading_dense_block_count", {0, shape.layers}, dense));
  LINNET_TRY(const std::size_t shared, keys.count_or("expert_shared_count", {0, kHeads.most}, 0));
  shape.shared_feed_forward = shared * shape.experts.feed_forward;
  const std::string last = "blk." + std::to_string(shape.layers - 1);
  shape.has_bias = file.tensors.find(last + ".exp_probs_b.bias") != nullptr;
  return {};
}

Result<Shape> read_shape(const ModelFile& file) {
  const Keys keys(file.header, "deepseek2");
  Shape shape;
  LINNET_TRY(shape.layers, keys.count("block_count", kLayers));
  LINNET_TRY(shape.width, keys.count("embedding_length", kWidth));
  LINNET_TRY(shape.context, keys.count("context_length", kContext));
  LINNET_TRY(shape.epsilon, keys.number("attention.layer_norm_rms_epsilon", 0.0F, 1.0F));
  LINNET_CHECK(read_attention(file, keys, shape));
  LINNET_CHECK(read_feed_forward(file, keys, shape));
  LINNET_TRY(shape.vocabulary, read_vocabulary(file, keys));
  return shape;
}

// Emits the operations of one model, in the order of the paper.
class Writer {
 public:
  explicit Writer(const Shape& shape) : s_(shape), program_("deepseek2", shape.vocabulary, shape.context) {}

  Program write() {
    hidden_ = program_.tokens("hidden", s_.width);
    rotation_ = program_.rotation(s_.rotation);
    program_.step("embed", Embed{program_.table("token_embd.weight", s_.vocabulary, s_.width), hidden_});
    for (std::size_t layer = 0; layer < s_.layers; ++layer) {
      prefix_ = "blk." + std::to_string(layer);
      write_attention();
      write_feed_forward(layer < s_.dense_layers);
    }
    return program_.finish(
        write_head(program_, hidden_, {.width = s_.width, .vocabulary = s_.vocabulary, .epsilon = s_.epsilon}));
  }

 private:
  // The cache keeps a token's latent vector and its rotated key, once for all heads. A head's content key would be
  // W_k latent: its product with q is that of latent with W_k^T q, so queries are brought to the latent space instead
  // (the paper's absorption), attention mixes latents, and each head's W_v turns its mixture into values.
  void write_attention() {
    const std::size_t key_width = s_.latent + s_.position;
    const BufferId normed = program_.tokens("attention input", s_.width);
    const BufferId key = program_.tokens("latent key", key_width);
    const BufferId query = program_.tokens("query", s_.heads * (s_.content + s_.position));
    const BufferId latent_query = program_.tokens("latent query", s_.heads * key_width);
    const BufferId mixed = program_.tokens("mixed latents", s_.heads * s_.latent);
    const BufferId values = program_.tokens("attention output", s_.heads * s_.value);

    step("attention norm", RmsNorm{hidden_, vector("attn_norm", s_.width), normed, s_.epsilon});
    write_query(normed, query, {matrix("attn_kv_a_mqa", key_width, s_.width), {}, key});
    step("latent norm", RmsNorm{key, vector("attn_kv_a_norm", s_.latent), key, s_.epsilon, 1, s_.latent});
    step("rotate query", Rotate{query, rotation_, s_.heads, s_.content});
    step("rotate key", Rotate{key, rotation_, 1, s_.latent});
    step("absorb", HeadMatMul{query, {key_matrices(), {}, latent_query}});
    const StateId cache = program_.state(KvCache{1, key_width, s_.latent, true});
    step("attention", Attend{latent_query, key, {}, cache, mixed, s_.heads, s_.scale, Mask::kCausal});
    step("values", HeadMatMul{mixed, {value_matrices(), {}, values}});
    step("attention out", add_to_hidden(values, matrix("attn_output", s_.width, s_.heads * s_.value)));
  }

  // query = W_q in, or W_b norm(W_a in), and with the first product of `in` also the latent key.
  void write_query(BufferId in, BufferId query, const Projection& latent_key) {
    const std::size_t queries = s_.heads * (s_.content + s_.position);
    if (s_.query_latent == 0) {
      step("query latent", MatMul{in, {{matrix("attn_q", queries, s_.width), {}, query}, latent_key}, kFineTerms});
      return;
    }
    const BufferId narrow = program_.tokens("query latent", s_.query_latent);
    step("latents", MatMul{in, {{matrix("attn_q_a", s_.query_latent, s_.width), {}, narrow}, latent_key}, kFineTerms});
    step("query norm", RmsNorm{narrow, vector("attn_q_a_norm", s_.query_latent), narrow, s_.epsilon});
    step("query", MatMul{narrow, {{matrix("attn_q_b", queries, s_.query_latent), {}, query}}, kFineTerms});
  }

  // [heads, latent, content]: W_k^T
  WeightId key_matrices() {
    if (!s_.one_tensor) {
      return program_.matrices(tensor("attn_k_b"), s_.heads, s_.latent, s_.content, s_.heads);
    }
    return program_.cut(tensor("attn_kv_b"), s_.heads, s_.latent, s_.content, {0, s_.content + s_.value, true});
  }

  // [heads, value, latent]
  WeightId value_matrices() {
    if (!s_.one_tensor) return program_.matrices(tensor("attn_v_b"), s_.heads, s_.value, s_.latent, s_.heads);
    return program_.cut(tensor("attn_kv_b"), s_.heads, s_.value, s_.latent, {s_.content, s_.content + s_.value, false});
  }

  // hidden += shared experts(norm(hidden)) + the chosen experts' sum
  void write_feed_forward(bool dense) {
    const BufferId normed = program_.tokens("feed-forward input", s_.width);
    step("feed-forward norm", RmsNorm{hidden_, vector("ffn_norm", s_.width), normed, s_.epsilon});
    if (dense) return write_dense(normed, "", s_.feed_forward);
    if (s_.shared_feed_forward != 0) write_dense(normed, "_shexp", s_.shared_feed_forward);
    write_experts(program_, s_.experts, {prefix_, normed, hidden_, s_.width, s_.has_bias});
  }

  void write_dense(BufferId in, const std::string& kind, std::size_t width) {
    const BufferId gate = program_.tokens("gate", width);
    const BufferId up = program_.tokens("up", width);
    step("gate up", MatMul{in,
                           {{matrix("ffn_gate" + kind, width, s_.width), {}, gate},
                            {matrix("ffn_up" + kind, width, s_.width), {}, up}}});
    step("silu", SiluMultiply{gate, up, gate});
    step("down", add_to_hidden(gate, matrix("ffn_down" + kind, s_.width, width)));
  }

  MatMul add_to_hidden(BufferId in, WeightId weight) const { return {in, {{weight, {}, hidden_, true}}}; }

  // A layer's own tensors and steps.
  void step(const std::string& name, Operation operation) { program_.step(prefix_ + " " + name, std::move(operation)); }
  [[nodiscard]] std::string tensor(const std::string& name) const { return prefix_ + "." + name + ".weight"; }
  WeightId vector(const std::string& name, std::size_t width) { return program_.vector(tensor(name), width); }
  WeightId matrix(const std::string& name, std::size_t out, std::size_t in) {
    return program_.matrix(tensor(name), out, in);
  }

  const Shape& s_;
  ProgramBuilder program_;
  BufferId hidden_{};
  RotationId rotation_{};
  std::string prefix_;
};

}  // namespace

Result<Program> read_deepseek2(const ModelFile& file) {
  LINNET_TRY(const Shape shape, read_shape(file));
  return Writer(shape).write();
}

}  // namespace linnet::models::deepseek2
