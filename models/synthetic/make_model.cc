#include "models/synthetic/make_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <numbers>
#include <vector>

#include "models/gguf/value.h"
#include "models/gguf/writer.h"
#include "models/synthetic/vocabulary.h"
#include "models/synthetic/weights.h"

namespace linnet::synthetic {
namespace {

using gguf::TensorType;

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

struct NamedType {
  std::string_view name;
  TensorType type;
  std::uint32_t file_type;  // Of general.file_type, by llama.cpp's enumeration.
};

constexpr NamedType kTypes[] = {{"f32", TensorType::kF32, 0},
                                {"f16", TensorType::kF16, 1},
                                {"q4_0", TensorType::kQ4_0, 2},
                                {"q4_1", TensorType::kQ4_1, 3},
                                {"q8_0", TensorType::kQ8_0, 7}};

const NamedType* find_type(TensorType type) {
  const auto* found = std::ranges::find(kTypes, type, &NamedType::type);
  return found == std::end(kTypes) ? nullptr : found;
}

// How the weights of a tensor are drawn.
struct Draw {
  float mean = 0.0F;
  float deviation = 0.0F;
};

constexpr Draw kNormDraw{1.0F, 0.1F};
constexpr Draw kBiasDraw{0.0F, 0.1F};

// One run of make_model().
class ModelMaker {
 public:
  ModelMaker(const Shape& shape, const NamedType& type, std::uint64_t seed, gguf::Sink& sink)
      : shape_(shape), type_(type), seed_(seed), sink_(sink) {}

  [[nodiscard]] Result<Summary> run(gguf::Progress progress);

 private:
  void describe_model();
  [[nodiscard]] Result<void> declare_tensors();
  [[nodiscard]] Result<void> declare_layer(std::uint32_t layer);
  [[nodiscard]] Result<void> vector(const std::string& name, std::uint64_t size, Draw draw);
  [[nodiscard]] Result<void> matrix(const std::string& name, std::uint64_t columns, std::uint64_t rows, TensorType type,
                                    float gain = 1.0F);
  [[nodiscard]] Result<void> declare(const std::string& name, TensorType type, std::span<const std::uint64_t> dims,
                                     Draw draw);
  [[nodiscard]] Result<void> write_random(std::size_t index, gguf::Progress progress, std::uint64_t& done);
  [[nodiscard]] Result<void> write_rope_factors(std::size_t index);

  const Shape& shape_;
  const NamedType& type_;
  std::uint64_t seed_;
  gguf::Sink& sink_;
  gguf::Writer writer_;
  std::vector<TensorType> types_;  // Of each tensor.
  std::vector<Draw> draws_;
  std::uint64_t bytes_ = 0;
  Summary summary_;
};

Result<Summary> ModelMaker::run(gguf::Progress progress) {
  describe_model();
  describe(make_vocabulary(shape_, seed_), writer_);
  LINNET_CHECK(declare_tensors());
  LINNET_CHECK(writer_.begin(sink_));
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < draws_.size(); ++i) LINNET_CHECK(write_random(i, progress, done));
  if (shape_.llama3_factor != 0) LINNET_CHECK(write_rope_factors(draws_.size()));
  summary_.tensors = writer_.tensor_count();
  summary_.file_bytes = writer_.file_bytes();
  return summary_;
}

void ModelMaker::describe_model() {
  const std::string prefix = std::string(shape_.architecture) + ".";
  const auto number = [&](const char* key, std::uint32_t value) { writer_.set_u32(prefix + key, value); };
  writer_.set_string("general.architecture", shape_.architecture);
  writer_.set_string("general.type", "model");
  writer_.set_string("general.name", "random weights of the shape of " + std::string(shape_.name));
  writer_.set_u32("general.file_type", type_.file_type);
  writer_.set_u32("general.quantization_version", 2);
  number("block_count", shape_.layers);
  number("context_length", shape_.context);
  number("embedding_length", shape_.width);
  number("feed_forward_length", shape_.feed_forward);
  number("attention.head_count", shape_.heads);
  number("attention.head_count_kv", shape_.kv_heads);
  number("attention.key_length", shape_.head_width);
  number("attention.value_length", shape_.head_width);
  number("rope.dimension_count", shape_.head_width);
  number("vocab_size", shape_.vocabulary);
  writer_.set_f32(prefix + "rope.freq_base", shape_.rope_base);
  writer_.set_f32(prefix + "attention.layer_norm_rms_epsilon", shape_.epsilon);
}

Result<void> ModelMaker::declare(const std::string& name, TensorType type, std::span<const std::uint64_t> dims,
                                 Draw draw) {
  LINNET_TRY(const auto index, writer_.add_tensor(name, type, dims));
  std::uint64_t weights = 1;
  for (const std::uint64_t dim : dims) weights *= dim;
  summary_.parameters += weights;
  bytes_ += writer_.tensor_bytes(index);
  types_.push_back(type);
  draws_.push_back(draw);
  return {};
}

Result<void> ModelMaker::vector(const std::string& name, std::uint64_t size, Draw draw) {
  const std::array<std::uint64_t, 1> dims = {size};
  return declare(name, TensorType::kF32, dims, draw);
}

// Deviation 1 / sqrt(columns): a normalised input gives an output of about the same size.
Result<void> ModelMaker::matrix(const std::string& name, std::uint64_t columns, std::uint64_t rows, TensorType type,
                                float gain) {
  const std::array<std::uint64_t, 2> dims = {columns, rows};
  return declare(name, type, dims, {0.0F, gain / std::sqrt(static_cast<float>(columns))});
}

Result<void> ModelMaker::declare_tensors() {
  const bool quantised = gguf::info(type_.type).block_weights > 1;
  const TensorType table = quantised ? TensorType::kQ8_0 : type_.type;
  LINNET_CHECK(matrix("token_embd.weight", shape_.width, shape_.vocabulary, table));
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) LINNET_CHECK(declare_layer(layer));
  LINNET_CHECK(vector("output_norm.weight", shape_.width, kNormDraw));
  if (!shape_.tied) LINNET_CHECK(matrix("output.weight", shape_.width, shape_.vocabulary, table));
  if (shape_.llama3_factor == 0) return {};
  const std::array<std::uint64_t, 1> dims = {shape_.head_width / 2};  // Not drawn: written by write_rope_factors.
  LINNET_TRY([[maybe_unused]] const auto index, writer_.add_tensor("rope_freqs.weight", TensorType::kF32, dims));
  return {};
}

Result<void> ModelMaker::declare_layer(std::uint32_t layer) {
  const std::string block = "blk." + std::to_string(layer) + ".";
  const std::uint64_t query = std::uint64_t{shape_.heads} * shape_.head_width;
  const std::uint64_t key = std::uint64_t{shape_.kv_heads} * shape_.head_width;
  // What every layer adds to the residual stream shrinks with their number, so that its sum stays of size one.
  const float residual_gain = 1.0F / std::sqrt(2.0F * static_cast<float>(shape_.layers));
  LINNET_CHECK(vector(block + "attn_norm.weight", shape_.width, kNormDraw));
  LINNET_CHECK(matrix(block + "attn_q.weight", shape_.width, query, type_.type));
  LINNET_CHECK(matrix(block + "attn_k.weight", shape_.width, key, type_.type));
  LINNET_CHECK(matrix(block + "attn_v.weight", shape_.width, key, type_.type));
  if (shape_.architecture == "qwen2") {
    LINNET_CHECK(vector(block + "attn_q.bias", query, kBiasDraw));
    LINNET_CHECK(vector(block + "attn_k.bias", key, kBiasDraw));
    LINNET_CHECK(vector(block + "attn_v.bias", key, kBiasDraw));
  }
  if (shape_.architecture == "qwen3") {
    LINNET_CHECK(vector(block + "attn_q_norm.weight", shape_.head_width, kNormDraw));
    LINNET_CHECK(vector(block + "attn_k_norm.weight", shape_.head_width, kNormDraw));
  }
  LINNET_CHECK(matrix(block + "attn_output.weight", query, shape_.width, type_.type, residual_gain));
  LINNET_CHECK(vector(block + "ffn_norm.weight", shape_.width, kNormDraw));
  LINNET_CHECK(matrix(block + "ffn_gate.weight", shape_.width, shape_.feed_forward, type_.type));
  LINNET_CHECK(matrix(block + "ffn_up.weight", shape_.width, shape_.feed_forward, type_.type));
  return matrix(block + "ffn_down.weight", shape_.feed_forward, shape_.width, type_.type, residual_gain);
}

Result<void> ModelMaker::write_random(std::size_t index, gguf::Progress progress, std::uint64_t& done) {
  const std::uint64_t size = writer_.tensor_bytes(index);
  const std::size_t block = gguf::info(types_[index]).block_bytes;
  // Tensors have streams of their own: a tensor's bytes do not depend on those before it.
  WeightSource source(types_[index], draws_[index].mean, draws_[index].deviation, Random(seed_ + index).next());
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(size, kPieceBytes / block * block)));
  for (std::uint64_t offset = 0; offset < size; offset += piece.size()) {
    const auto part =
        std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size - offset)));
    source.fill(part);
    LINNET_CHECK(writer_.write(sink_, index, offset, part));
    LINNET_CHECK(gguf::report(progress, done += part.size(), bytes_));
  }
  return {};
}

// Llama 3's scaling as divisors of each pair's frequency: long waves are stretched by the factor, short ones kept,
// those between are interpolated (Llama 3.1 model card: low 1, high 4, original context 8,192).
Result<void> ModelMaker::write_rope_factors(std::size_t index) {
  constexpr double kLow = 1.0;
  constexpr double kHigh = 4.0;
  constexpr double kOriginalContext = 8192.0;
  std::vector<float> factors(shape_.head_width / 2);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double exponent = static_cast<double>(2 * i) / shape_.head_width;
    const double wave = 2.0 * std::numbers::pi * std::pow(double{shape_.rope_base}, exponent);
    const double blend = std::clamp((kOriginalContext / wave - kLow) / (kHigh - kLow), 0.0, 1.0);
    factors[i] = static_cast<float>(1.0 / ((1.0 - blend) / shape_.llama3_factor + blend));
  }
  return writer_.write(sink_, index, 0, std::as_bytes(std::span(factors)));
}

}  // namespace

Result<TensorType> parse_type(std::string_view name) {
  const auto* found = std::ranges::find(kTypes, name, &NamedType::name);
  if (found == std::end(kTypes)) {
    return fail(ErrorKind::kUsage, "there is no type " + gguf::quoted(name) + "; use f32, f16, q8_0, q4_0 or q4_1");
  }
  return found->type;
}

Result<Summary> make_model(const Options& options, gguf::Sink& sink, gguf::Progress progress) {
  const Shape* shape = find_shape(options.like);
  if (shape == nullptr) {
    std::string names;
    for (const auto& known : shapes()) names += (names.empty() ? "" : ", ") + std::string(known.name);
    return fail(ErrorKind::kUsage, "there is no model " + gguf::quoted(options.like) + "; known are " + names);
  }
  return make_model(*shape, options.type, options.seed, sink, progress);
}

Result<Summary> make_model(const Shape& shape, TensorType type, std::uint64_t seed, gguf::Sink& sink,
                           gguf::Progress progress) {
  const NamedType* named = find_type(type);
  if (named == nullptr) {
    return fail(ErrorKind::kUsage, std::string(gguf::info(type).name) + " is no type for random weights");
  }
  return ModelMaker(shape, *named, seed, sink).run(progress);
}

}  // namespace linnet::synthetic
