#include "models/bert/bert.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "models/keys.h"
#include "models/program_builder.h"
#include "models/rope_keys.h"
#include "models/vocabulary.h"

namespace linnet::models::bert {
namespace {

// The numbers of one model.
struct Shape {
  std::string architecture;
  std::size_t layers = 0;
  std::size_t width = 0;
  std::size_t feed_forward = 0;
  std::size_t heads = 0;
  std::size_t context = 0;
  std::size_t vocabulary = 0;
  std::size_t token_types = 0;
  float epsilon = 0;
  Pooling pooling = Pooling::kMean;
  bool modern = false;  // nomic-bert: rotated positions, a gate beside `up`, Q, K and V in one tensor, no biases.
  Rotation rotation;
};

// Far above any published model, far below where products of them wrap.
constexpr Range kLayers{1, 512};
constexpr Range kWidth{1, 1 << 16};
constexpr Range kFeedForward{1, 1 << 20};
constexpr Range kHeads{1, 1024};
constexpr Range kContext{1, 1 << 20};
constexpr Range kTokenTypes{1, 1024};

// The numbers of llama.cpp's llama_pooling_type; without the key, the mean (sentence-transformers' usual).
Result<Pooling> read_pooling(const Keys& keys) {
  LINNET_TRY(const std::size_t type, keys.count_or("pooling_type", {0, 4}, 1));
  if (type == 1) return Pooling::kMean;
  if (type == 2) return Pooling::kFirst;
  return fail(ErrorKind::kUnsupported,
              "pooling of type " + std::to_string(type) + " is not supported; mean (1) and CLS (2) are");
}

Result<Shape> read_shape(const ModelFile& file, const std::string& architecture, bool modern) {
  const Keys keys(file.header, architecture);
  Shape shape;
  shape.architecture = architecture;
  shape.modern = modern;
  LINNET_TRY(shape.layers, keys.count("block_count", kLayers));
  LINNET_TRY(shape.width, keys.count("embedding_length", kWidth));
  LINNET_TRY(shape.feed_forward, keys.count("feed_forward_length", kFeedForward));
  LINNET_TRY(shape.heads, keys.count("attention.head_count", kHeads));
  LINNET_TRY(shape.context, keys.count("context_length", kContext));
  LINNET_TRY(shape.epsilon, keys.number("attention.layer_norm_epsilon", 0.0F, 1.0F));
  LINNET_TRY(shape.pooling, read_pooling(keys));
  if (shape.modern) {
    LINNET_TRY(const float base, keys.number("rope.freq_base", 1.0F, 1e12F));
    shape.rotation.dimensions = shape.width / shape.heads;
    shape.rotation.base = static_cast<double>(base);
    LINNET_CHECK(read_rope_scaling(keys, shape.rotation));
  }
  LINNET_TRY(shape.vocabulary, read_vocabulary(file, keys));
  const pack::PackedTensor* types = file.tensors.find("token_types.weight");
  if (types == nullptr || types->rows() < kTokenTypes.least || types->rows() > kTokenTypes.most) {
    return fail(ErrorKind::kMalformed, "tensor 'token_types.weight' is missing or has no sensible number of rows");
  }
  shape.token_types = static_cast<std::size_t>(types->rows());
  if (shape.width % shape.heads == 0) return shape;
  return fail(ErrorKind::kMalformed,
              "key " + gguf::quoted(keys.key("embedding_length")) + " is no multiple of the heads");
}

// Emits the operations of one model, in the order of the paper.
class Writer {
 public:
  explicit Writer(const Shape& shape) : shape_(shape), program_(shape.architecture, shape.vocabulary, shape.context) {}

  Program write() {
    hidden_ = program_.tokens("hidden", shape_.width);
    if (shape_.modern) rotation_ = program_.rotation(shape_.rotation);
    write_embedding();
    for (std::size_t layer = 0; layer < shape_.layers; ++layer) {
      prefix_ = "blk." + std::to_string(layer) + ".";
      write_attention();
      write_feed_forward();
    }
    const BufferId embedding = program_.outputs("embedding", shape_.width);
    program_.step("select", SelectOutputs{hidden_, embedding});
    Program program = program_.finish(embedding);
    program.pooling = shape_.pooling;
    return program;
  }

 private:
  // hidden = norm(token + position + first type): a text alone is all of the first type.
  void write_embedding() {
    const BufferId added = program_.tokens("added embedding", shape_.width);
    program_.step("embed", Embed{table("token_embd", shape_.vocabulary), hidden_});
    if (!shape_.modern) {
      program_.step("position", Embed{table("position_embd", shape_.context), added, 1.0F, Lookup::kPosition});
      program_.step("add position", Add{added, hidden_});
    }
    program_.step("token type", Embed{table("token_types", shape_.token_types), added, 1.0F, Lookup::kFirst});
    program_.step("add token type", Add{added, hidden_});
    norm("token_embd_norm");
  }

  // hidden = norm(hidden + W_o attention(hidden))
  void write_attention() {
    const std::size_t width = shape_.width;
    const std::size_t head_width = width / shape_.heads;
    const BufferId query = program_.tokens("query", width);
    const BufferId key = program_.tokens("key", width);
    const BufferId value = program_.tokens("value", width);
    const BufferId mixed = program_.tokens("attention output", width);
    if (shape_.modern) {
      write_joint(query, key, value);
    } else {
      step("query key value",
           MatMul{hidden_,
                  {projection("attn_q", width, width, query), projection("attn_k", width, width, key),
                   projection("attn_v", width, width, value)}});
    }
    const StateId cache = program_.state(KvCache{shape_.heads, head_width, head_width});
    const float scale = 1.0F / std::sqrt(static_cast<float>(head_width));
    step("attention", Attend{query, key, value, cache, mixed, shape_.heads, scale, Mask::kNone});
    step("attention out", add_to_hidden("attn_output", width, mixed));
    norm(prefix_ + "attn_output_norm");
  }

  // Queries, keys and values behind each other in one product, then apart, the first two rotated.
  void write_joint(BufferId query, BufferId key, BufferId value) {
    const std::size_t width = shape_.width;
    const BufferId all = program_.tokens("query, key and value", 3 * width);
    const BufferId rest = program_.tokens("key and value", 2 * width);
    step("query key value", MatMul{hidden_, {projection("attn_qkv", 3 * width, width, all)}});
    step("query apart", Split{all, query, rest});
    step("key and value apart", Split{rest, key, value});
    step("rotate query", Rotate{query, rotation_, shape_.heads});
    step("rotate key", Rotate{key, rotation_, shape_.heads});
  }

  // hidden = norm(hidden + W_down f(hidden)), f = gelu(W_up hidden), or silu(W_gate hidden) * W_up hidden
  void write_feed_forward() {
    const BufferId up = program_.tokens("up", shape_.feed_forward);
    if (shape_.modern) {
      const BufferId gate = program_.tokens("gate", shape_.feed_forward);
      step("gate up", MatMul{hidden_,
                             {projection("ffn_gate", shape_.feed_forward, shape_.width, gate),
                              projection("ffn_up", shape_.feed_forward, shape_.width, up)}});
      step("silu", SiluMultiply{gate, up, up});
      step("down", add_to_hidden("ffn_down", shape_.feed_forward, up));
      return norm(prefix_ + "layer_output_norm");
    }
    step("up", MatMul{hidden_, {projection("ffn_up", shape_.feed_forward, shape_.width, up)}});
    step("gelu", Gelu{up});
    step("down", add_to_hidden("ffn_down", shape_.feed_forward, up));
    norm(prefix_ + "layer_output_norm");
  }

  void norm(const std::string& name) {
    const WeightId weight = program_.vector(name + ".weight", shape_.width);
    const WeightId bias = program_.vector(name + ".bias", shape_.width);
    program_.step(name, LayerNorm{hidden_, weight, bias, hidden_, shape_.epsilon});
  }

  void step(const std::string& name, Operation operation) { program_.step(prefix_ + name, std::move(operation)); }
  WeightId table(const std::string& name, std::size_t rows) {
    return program_.table(name + ".weight", rows, shape_.width);
  }
  Projection projection(const std::string& name, std::size_t out_width, std::size_t in_width, BufferId out) {
    const WeightId weight = program_.matrix(prefix_ + name + ".weight", out_width, in_width);
    std::optional<WeightId> bias;
    if (!shape_.modern) bias = program_.vector(prefix_ + name + ".bias", out_width);
    return {weight, bias, out};
  }
  MatMul add_to_hidden(const std::string& name, std::size_t in_width, BufferId in) {
    Projection onto = projection(name, shape_.width, in_width, hidden_);
    onto.accumulate = true;
    return {in, {onto}};
  }

  const Shape& shape_;
  ProgramBuilder program_;
  BufferId hidden_{};
  RotationId rotation_{};
  std::string prefix_;
};

}  // namespace

Result<Program> read_bert(const ModelFile& file) {
  LINNET_TRY(const Shape shape, read_shape(file, "bert", false));
  return Writer(shape).write();
}

Result<Program> read_nomic_bert(const ModelFile& file) {
  LINNET_TRY(const Shape shape, read_shape(file, "nomic-bert", true));
  return Writer(shape).write();
}

}  // namespace linnet::models::bert
