// Every architecture with its matrices in every format: logits beside those of the same weights de-quantised.
//
// Both are computed by this engine, so what differs is the rounding of activations to int8 and whatever a format does
// wrong: the de-quantised file is what reference_test.cc and encoder_test.cc hold against transformers.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "hal/cpu.h"
#include "kernels/formats/format.h"
#include "models/gguf/tensor_type.h"
#include "tests/engine/model_files.h"
#include "tests/models/edited_model.h"

namespace linnet::engine::test {
namespace {

using kernels::Format;
using models::test::EditedTensor;

// A tiny model, and how it is made wide enough for blocks of 256 (encoders: of 32): its matrices are repeated `factor`
// times down and across, each time down somewhat larger, so that no block of activations is like another.
struct Model {
  const char* name;
  const char* architecture = "";
  std::uint32_t factor = 0;  // 0: it stays as it is.
  std::uint32_t embedding = 0;
  std::uint32_t feed_forward = 0;
  std::uint32_t head = 0;     // 0: the file does not say.
  std::uint32_t experts = 0;  // The width of an expert's feed-forward, where the file says it.
};

constexpr Model kModels[] = {
    {"llama-f32", "llama", 8, 64, 96, 16},
    {"mistral-f32"},
    {"qwen2-f32", "qwen2", 8, 64, 96, 16},
    {"qwen3-f32", "qwen3", 8, 64, 64, 24},
    {"mixtral-f32", "llama", 8, 32, 32, 16},
    {"qwen3moe-f32", "qwen3moe", 8, 32, 64, 16, 32},
    {"deepseek2-f32"},
    {"deepseek3-f32"},
    {"qwen35-f32"},
    {"gpt-oss-f32"},
    {"bert-mean-f32", "bert", 16, 48, 80, 0},
    {"nomic-bert-f32", "nomic-bert", 16, 48, 80, 0},
};

void widen_keys(const Model& model, gguf::Writer& writer) {
  const auto set = [&](const char* key, std::uint32_t value) {
    if (value != 0) writer.set_u32(std::string(model.architecture) + key, value * model.factor);
  };
  set(".embedding_length", model.embedding);
  set(".feed_forward_length", model.feed_forward);
  set(".expert_feed_forward_length", model.experts);
  set(".rope.dimension_count", model.head);
  set(".attention.key_length", model.head);
  set(".attention.value_length", model.head);
}

// A matrix's numbers are divided by what its rows grew by: its inputs are as many times more.
void widen(std::uint32_t factor, EditedTensor& tensor) {
  const bool table = tensor.name.find("_embd.weight") != std::string::npos || tensor.name.starts_with("token_types");
  const bool vector = tensor.dims.size() == 1;
  const bool chooses = tensor.name == "output.weight" || tensor.name.find("ffn_gate_inp") != std::string::npos;
  const auto columns = static_cast<std::size_t>(tensor.dims[0]);
  const std::size_t rows = vector ? 1 : static_cast<std::size_t>(tensor.dims[1]);
  const std::size_t matrices = tensor.dims.size() == 3 ? static_cast<std::size_t>(tensor.dims[2]) : 1;
  const std::size_t down = vector || table || chooses ? 1 : factor;
  const auto larger = [](std::size_t copy) { return 1 + static_cast<float>(copy) / 8; };
  std::vector<float> floats(columns * rows * matrices);
  std::memcpy(floats.data(), tensor.data.data(), tensor.data.size());
  std::vector<float> wide;
  for (std::size_t row = 0; row < rows * down * matrices; ++row) {
    const std::size_t from = row / (rows * down) * rows + row % rows;
    for (std::size_t column = 0; column < columns * factor; ++column) {
      const float number = floats[from * columns + column % columns];
      const float fitted = table ? number * larger(column / columns)
                                 : number / static_cast<float>(factor) * larger(row % (rows * down) / rows);
      wide.push_back(vector ? number : fitted);
    }
  }
  tensor.dims[0] *= factor;
  if (!vector) tensor.dims[1] *= down;
  tensor.data.resize(wide.size() * sizeof(float));
  std::memcpy(tensor.data.data(), wide.data(), tensor.data.size());
}

// Weights that published files keep as floats whatever the format: norms, routers, convolutions, what is read by row.
bool stays_float(const EditedTensor& tensor) {
  for (const char* part : {"norm", "ffn_gate_inp", "conv1d", "position_embd", "token_types"}) {
    if (tensor.name.find(part) != std::string::npos) return true;
  }
  return tensor.dims.size() < 2;
}

std::uint64_t rows_of(const EditedTensor& tensor) {
  std::uint64_t rows = 1;
  for (std::size_t i = 1; i < tensor.dims.size(); ++i) rows *= tensor.dims[i];
  return rows;
}

// The float matrix rounded to the format; with `as_floats` what that rounding made of it, as floats again.
void round_to(Format format, bool as_floats, EditedTensor& tensor) {
  const auto columns = static_cast<std::size_t>(tensor.dims[0]);
  const std::size_t bytes = kernels::row_bytes(format, columns);
  const auto rows = static_cast<std::size_t>(rows_of(tensor));
  std::vector<std::byte> rounded(rows * bytes);
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<float> floats(columns);
    std::byte* const source = tensor.data.data() + row * columns * sizeof(float);
    std::memcpy(floats.data(), source, columns * sizeof(float));
    kernels::quantize_row(format, floats.data(), columns, rounded.data() + row * bytes);
    kernels::dequantize_row(format, rounded.data() + row * bytes, columns, floats.data());
    std::memcpy(source, floats.data(), columns * sizeof(float));
  }
  if (as_floats) return;
  tensor.data = std::move(rounded);
  for (const auto& type : gguf::tensor_types()) {
    if (type.name == kernels::info(format).name) tensor.type = type.type;
  }
}

// A model with its matrices in the format, or as floats that were.
struct Formed {
  Formed(const Model& model, Format format, bool as_floats)
      : edited(model.name, {.keys =
                                [&](gguf::Writer& writer) {
                                  if (wide(model, format)) widen_keys(model, writer);
                                },
                            .tensors =
                                [&](std::vector<EditedTensor>& tensors) {
                                  for (EditedTensor& tensor : tensors) {
                                    if (wide(model, format)) widen(model.factor, tensor);
                                    form(format, as_floats, tensor);
                                  }
                                }}) {}

  static bool wide(const Model& model, Format format) {
    return model.factor == 16 || (model.factor != 0 && kernels::info(format).block_weights > 32);
  }

  void form(Format format, bool as_floats, EditedTensor& tensor) {
    if (stays_float(tensor) || tensor.dims[0] % kernels::info(format).block_weights != 0) return;
    round_to(format, as_floats, tensor);
    ++matrices;
  }

  std::size_t matrices = 0;  // So many took the format.
  models::test::EditedModel edited;
};

struct Outputs {
  std::vector<float> numbers;
  std::size_t width;
};

Outputs outputs_of(const Formed& formed) {
  const auto model = packed(formed.edited.bytes());
  const CpuFeatures cpu = hal::detect_cpu_features();
  Engine engine = open_model(*model, {.context = 64, .max_batch_rows = 64, .max_outputs = 64, .cpu = cpu});
  auto tokens = read_npy<TokenId>(data_path("long.tokens.npy")).values;
  tokens.resize(40);
  for (TokenId& token : tokens) token %= static_cast<TokenId>(engine.program().vocabulary);
  auto numbers = all_logits(engine, tokens, tokens.size());
  const std::size_t width = numbers.size() / tokens.size();
  return {std::move(numbers), width};
}

// How far a row is from the expected one, of that one's length: of the median row, because where rounding made one
// token choose another expert its row says nothing about the format.
double distance(const Outputs& actual, const Outputs& expected) {
  std::vector<double> rows;
  for (std::size_t first = 0; first < expected.numbers.size(); first += expected.width) {
    double difference = 0;
    double length = 0;
    for (std::size_t i = first; i < first + expected.width; ++i) {
      const auto wanted = static_cast<double>(expected.numbers[i]);
      difference += std::pow(static_cast<double>(actual.numbers[i]) - wanted, 2);
      length += std::pow(wanted, 2);
    }
    rows.push_back(std::sqrt(difference / length));
  }
  std::sort(rows.begin(), rows.end());
  return rows[rows.size() / 2];
}

class Formats : public testing::TestWithParam<std::tuple<Model, Format>> {};

TEST_P(Formats, AgreeWithTheirDequantisedWeights) {
  const auto& [model, format] = GetParam();
  const Formed rounded(model, format, false);
  if (rounded.matrices == 0) GTEST_SKIP() << "no row of this model is whole blocks of the format";
  const Outputs actual = outputs_of(rounded);
  const Outputs expected = outputs_of(Formed(model, format, true));
  ASSERT_EQ(actual.numbers.size(), expected.numbers.size());
  const double relative = distance(actual, expected);
  std::printf("[ FIGURES  ] %s %s: %zu matrices, relative difference %.1e\n", model.name,
              std::string(kernels::info(format).name).c_str(), rounded.matrices, relative);
  const bool floats = kernels::info(format).panel_block_bytes == 0;
  EXPECT_LE(relative, floats ? 1e-6 : 0.05);
}

std::string name_of(const testing::TestParamInfo<std::tuple<Model, Format>>& instance) {
  const auto& [model, format] = instance.param;
  std::string name = std::string(model.name) + "_" + std::string(kernels::info(format).name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, Formats,
                         testing::Combine(testing::ValuesIn(kModels), testing::ValuesIn(kernels::all_formats())),
                         name_of);

}  // namespace
}  // namespace linnet::engine::test
