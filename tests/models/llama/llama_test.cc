#include "models/llama/llama.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "models/pack/packed_view.h"
#include "models/registry.h"
#include "tests/models/edited_model.h"

namespace linnet::models {
namespace {

using test::drop_tensor;
using test::EditedModel;
using test::Edits;
using test::tensor_named;
using testing::HasSubstr;

Result<Program> read(const EditedModel& model) {
  LINNET_TRY(const auto reader, gguf::Reader::open(model.bytes()));
  LINNET_TRY(const auto view, pack::PackedView::open(reader));
  return read_program({reader, view});
}

Program program_of(const std::string& name) {
  auto program = read(EditedModel(name, {}));
  EXPECT_TRUE(program) << program.error().message;
  return program ? *std::move(program) : Program{};
}

template <class Op>
std::vector<const Op*> all(const Program& program) {
  std::vector<const Op*> found;
  for (const Step& step : program.steps) {
    if (const auto* op = std::get_if<Op>(&step.operation)) found.push_back(op);
  }
  return found;
}

bool has_weight(const Program& program, std::string_view name) {
  return std::any_of(program.weights.begin(), program.weights.end(), [&](const Weight& w) { return w.name == name; });
}

TEST(Llama, ProgramFollowsTheKeys) {
  const Program program = program_of("llama-f32");
  EXPECT_EQ(program.architecture, "llama");
  EXPECT_EQ(program.vocabulary, 150u);
  EXPECT_EQ(program.context_length, 1024u);
  EXPECT_EQ(program.states.size(), 2u);
  ASSERT_EQ(program.rotations.size(), 1u);
  EXPECT_TRUE(program.rotations[0].interleaved);
  EXPECT_EQ(program.rotations[0].factors, "rope_freqs.weight");
  EXPECT_EQ(program.rotations[0].dimensions, 16u);
  const auto attention = all<Attend>(program);
  ASSERT_EQ(attention.size(), 2u);
  EXPECT_EQ(attention[0]->heads, 4u);
  EXPECT_EQ(attention[0]->scale, 0.25F);
  EXPECT_EQ(std::get<KvCache>(program.states[0]).kv_heads, 2u);
}

TEST(Llama, AnUntiedEmbeddingIsATableATiedOneAMatrix) {
  const auto use_of_embedding = [](const Program& program) {
    const auto found = std::find_if(program.weights.begin(), program.weights.end(),
                                    [](const Weight& w) { return w.name == "token_embd.weight"; });
    return found->use;
  };
  EXPECT_EQ(use_of_embedding(program_of("llama-f32")), WeightUse::kTable);
  EXPECT_EQ(use_of_embedding(program_of("qwen2-f32")), WeightUse::kMatrix);
  EXPECT_TRUE(has_weight(program_of("llama-f32"), "output.weight"));
  EXPECT_FALSE(has_weight(program_of("qwen2-f32"), "output.weight"));
}

TEST(Qwen2, HasBiasesAndTurnsHalves) {
  const Program program = program_of("qwen2-f32");
  EXPECT_FALSE(program.rotations[0].interleaved);
  EXPECT_EQ(program.rotations[0].base, 1000000.0);
  EXPECT_TRUE(has_weight(program, "blk.1.attn_v.bias"));
}

TEST(Qwen3, NormsEveryHead) {
  const Program program = program_of("qwen3-f32");
  std::size_t heads_normed = 0;
  for (const RmsNorm* norm : all<RmsNorm>(program)) heads_normed += norm->groups > 1 ? 1 : 0;
  EXPECT_EQ(heads_normed, 4u);                                     // Query and key of two layers.
  EXPECT_EQ(std::get<KvCache>(program.states[0]).key_width, 24u);  // attention.key_length, not width / heads.
}

struct Refusal {
  const char* name;
  const char* model;
  ErrorKind kind;
  const char* message;  // Part of it.
  Edits edits;
};

std::function<void(gguf::Writer&)> u32(const char* key, std::uint32_t value) {
  return [=](gguf::Writer& writer) { writer.set_u32(key, value); };
}
std::function<void(gguf::Writer&)> f32(const char* key, float value) {
  return [=](gguf::Writer& writer) { writer.set_f32(key, value); };
}
std::function<void(gguf::Writer&)> text(const char* key, const char* value) {
  return [=](gguf::Writer& writer) { writer.set_string(key, value); };
}

constexpr auto kMalformed = ErrorKind::kMalformed;
constexpr auto kUnsupported = ErrorKind::kUnsupported;
constexpr std::uint32_t kHuge = std::numeric_limits<std::uint32_t>::max();

const Refusal kRefusals[] = {
    {"other_architecture", "llama-f32", kUnsupported, "'gemma3'", {text("general.architecture", "gemma3")}},
    {"no_architecture", "llama-f32", kMalformed, "general.architecture", {{}, {"general.architecture"}}},
    {"zero_layers", "llama-f32", kMalformed, "llama.block_count", {u32("llama.block_count", 0)}},
    {"huge_layers", "llama-f32", kMalformed, "llama.block_count", {u32("llama.block_count", kHuge)}},
    {"no_layers_key", "llama-f32", kMalformed, "llama.block_count", {{}, {"llama.block_count"}}},
    {"key_of_another_type", "llama-f32", kMalformed, "llama.block_count", {text("llama.block_count", "2")}},
    {"huge_width", "llama-f32", kMalformed, "llama.embedding_length", {u32("llama.embedding_length", kHuge)}},
    {"zero_width", "llama-f32", kMalformed, "llama.embedding_length", {u32("llama.embedding_length", 0)}},
    {"zero_heads", "llama-f32", kMalformed, "head_count", {u32("llama.attention.head_count", 0)}},
    {"heads_do_not_divide", "llama-f32", kMalformed, "multiple", {u32("llama.attention.head_count", 3)}},
    {"kv_heads_do_not_divide", "llama-f32", kMalformed, "KV heads", {u32("llama.attention.head_count_kv", 3)}},
    {"huge_kv_heads", "llama-f32", kMalformed, "head_count_kv", {u32("llama.attention.head_count_kv", kHuge)}},
    {"huge_head", "llama-f32", kMalformed, "key_length", {u32("llama.attention.key_length", 1U << 20)}},
    {"odd_rotation", "llama-f32", kMalformed, "odd", {u32("llama.rope.dimension_count", 7)}},
    {"rotation_beyond_head", "llama-f32", kMalformed, "more than a head", {u32("llama.rope.dimension_count", 64)}},
    {"base_of_zero", "llama-f32", kMalformed, "rope.freq_base", {f32("llama.rope.freq_base", 0)}},
    {"base_not_a_number", "llama-f32", kMalformed, "rope.freq_base", {f32("llama.rope.freq_base", std::nanf(""))}},
    {"negative_epsilon", "llama-f32", kMalformed, "epsilon", {f32("llama.attention.layer_norm_rms_epsilon", -1)}},
    {"zero_context", "llama-f32", kMalformed, "llama.context_length", {u32("llama.context_length", 0)}},
    {"huge_context", "llama-f32", kMalformed, "llama.context_length", {u32("llama.context_length", kHuge)}},
    {"huge_feed_forward", "llama-f32", kMalformed, "feed_forward", {u32("llama.feed_forward_length", kHuge)}},
    {"other_vocabulary_size", "llama-f32", kMalformed, "vocabulary", {u32("llama.vocab_size", 151)}},
    {"other_number_of_tokens", "llama-f16", kMalformed, "vocabulary", {[](gguf::Writer& w) {
       w.set_strings("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"});
     }}},
    {"longrope", "llama-f32", kUnsupported, "'longrope'", {text("llama.rope.scaling.type", "longrope")}},
    {"yarn_alone", "llama-f32", kMalformed, "scaling.factor", {text("llama.rope.scaling.type", "yarn")}},
    {"scale", "llama-f32", kMalformed, "scale_linear", {f32("llama.rope.scale_linear", 1e9F)}},
    {"experts", "llama-f32", kMalformed, "expert_used_count", {u32("llama.expert_count", 8)}},
    {"more_experts_than_there_are",
     "mixtral-f32",
     kMalformed,
     "expert_used_count",
     {u32("llama.expert_used_count", 5)}},
    {"unknown_gates", "mixtral-f32", kUnsupported, "gates", {u32("llama.expert_gating_func", 4)}},
    {"state_of_another_size", "qwen35-f32", kUnsupported, "ssm.inner_size", {u32("qwen35.ssm.inner_size", 96)}},
    {"one_tap", "qwen35-f32", kMalformed, "ssm.conv_kernel", {u32("qwen35.ssm.conv_kernel", 1)}},
    {"heads_that_do_not_divide", "qwen35-f32", kMalformed, "heads do not divide", {u32("qwen35.ssm.group_count", 3)}},
    {"all_layers_ahead", "qwen35-f32", kMalformed, "nextn_predict_layers", {u32("qwen35.nextn_predict_layers", 4)}},
    {"layers_without_a_kind", "qwen35-f32", kMalformed, "recurrent_layers", {u32("qwen35.block_count", 5)}},
    {"a_tensor_an_expert",
     "mixtral-f32",
     kUnsupported,
     "a tensor for each expert",
     {.tensors =
          [](auto& tensors) { tensor_named(tensors, "blk.0.ffn_gate_exps.weight").name = "blk.0.ffn_gate.0.weight"; }}},
    {"no_window", "gpt-oss-f32", kMalformed, "sliding_window", {u32("gpt-oss.attention.sliding_window", 0)}},
    {"groups_of_experts", "mixtral-f32", kMalformed, "groups", {u32("llama.expert_group_count", 3)}},
    {"no_latents", "deepseek2-f32", kMalformed, "kv_lora_rank", {u32("deepseek2.attention.kv_lora_rank", 0)}},
    {"all_rotated", "deepseek2-f32", kMalformed, "rotated part", {u32("deepseek2.attention.key_length", 8)}},
    {"no_embedding",
     "llama-f32",
     kMalformed,
     "token_embd.weight",
     {{}, {}, [](auto& tensors) { drop_tensor(tensors, "token_embd.weight"); }}},
};

class LlamaRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(LlamaRefusal, IsOneClearLine) {
  const auto program = read(EditedModel(GetParam().model, GetParam().edits));
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().kind, GetParam().kind) << program.error().message;
  EXPECT_THAT(program.error().message, HasSubstr(GetParam().message));
  EXPECT_EQ(program.error().message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Files, LlamaRefusal, testing::ValuesIn(kRefusals),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(Registry, NamesWhatItKnows) {
  const auto program = read(EditedModel("llama-f32", {text("general.architecture", "mamba")}));
  ASSERT_FALSE(program);
  for (const Architecture& architecture : architectures()) {
    EXPECT_THAT(program.error().message, HasSubstr(std::string(architecture.name)));
  }
}

}  // namespace
}  // namespace linnet::models
