// Experts: whose weights are read, what the plan says of them, and programs that would read past them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

using testing::HasSubstr;

// Makes every number of one expert of one layer NaN.
void poison(const ModelBytes& model, const gguf::Reader& reader, std::size_t layer, std::size_t expert) {
  for (const char* part : {"gate", "up", "down"}) {
    const auto* tensor = reader.find_tensor("blk." + std::to_string(layer) + ".ffn_" + part + "_exps.weight");
    ASSERT_NE(tensor, nullptr);
    const auto size = static_cast<std::size_t>(tensor->data.size() / tensor->dims[2]);
    const auto offset = static_cast<std::size_t>(tensor->data.data() - model.bytes().data()) + expert * size;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t at = 0; at < size; at += sizeof(nan))
      std::memcpy(model.bytes().data() + offset + at, &nan, sizeof(nan));
  }
}

// What is multiplied by a gate of 0 would still show as NaN: experts that are not chosen are not computed at all.
TEST(Experts, OnlyTheChosenAreRead) {
  constexpr std::size_t kExperts = 8;
  constexpr std::size_t kChosen = 3;
  const auto plain = read_file(data_path("qwen3moe-f32.gguf"));
  const std::vector<TokenId> tokens = {17};
  for (std::size_t layer = 0; layer < 2; ++layer) {
    std::size_t matter = 0;
    for (std::size_t expert = 0; expert < kExperts; ++expert) {
      const ModelBytes model(plain);
      const auto reader = gguf::Reader::open(model.bytes());
      ASSERT_TRUE(reader);
      poison(model, *reader, layer, expert);
      Engine engine = open_model(model);
      if (std::isnan(all_logits(engine, tokens, 1).front())) ++matter;
    }
    EXPECT_EQ(matter, kChosen) << "layer " << layer;
  }
}

TEST(Experts, ThePlanTellsWhatIsInUseAndWhatATokenReads) {
  const auto model = load_model("qwen3moe-f32");
  const auto reader = gguf::Reader::open(model->bytes());
  const auto plan = Engine::plan(*reader, {.threads = 1});
  ASSERT_TRUE(plan);
  std::uint64_t all = 0;
  std::uint64_t experts = 0;
  for (const auto& tensor : reader->tensors()) {
    if (tensor.name != "token_embd.weight") all += tensor.data.size();
    if (tensor.rank == 3) experts += tensor.data.size();
  }
  EXPECT_EQ(plan->touched_weights.count, all) << "different tokens choose different experts: all are in use";
  const Bytes a_token{all - experts + experts / 8 * 3};
  EXPECT_EQ(plan->rows.front().detail, to_string(Bytes{all}) + " in use, " + to_string(a_token) + " a token");
}

TEST(Experts, TransposedWeightsAreInThePlan) {
  const auto model = load_model("deepseek2-f32");
  const auto reader = gguf::Reader::open(model->bytes());
  const auto plan = Engine::plan(*reader, {.threads = 1});
  ASSERT_TRUE(plan) << plan.error().message;
  const auto row = std::ranges::find(plan->rows, "transposed weights", &MemoryRow::name);
  ASSERT_NE(row, plan->rows.end());
  EXPECT_EQ(row->size.count, 3 * 2 * 32 * 32 * sizeof(float));  // Layers, heads, latent, content.
  // 40 numbers of a latent key a layer and position, and no values.
  EXPECT_EQ(plan->page.count, 3 * 256 * 40 * sizeof(std::uint16_t));
}

struct Damage {
  std::string_view fault;  // Part of the line that names it.
  std::function<void(models::Program&)> apply;
};

template <class Op>
Op& first(models::Program& program) {
  for (models::Step& step : program.steps) {
    if (auto* op = std::get_if<Op>(&step.operation)) return *op;
  }
  throw std::logic_error("the program has no such operation");
}

models::Buffer& buffer(models::Program& program, models::BufferId id) {
  return program.buffers[static_cast<std::size_t>(id)];
}

models::Weight& weight(models::Program& program, models::WeightId id) {
  return program.weights[static_cast<std::size_t>(id)];
}

const Damage kDamages[] = {
    {"do not divide the experts", [](auto& p) { first<models::Route>(p).groups = 3; }},
    {"do not divide the experts", [](auto& p) { first<models::Route>(p).groups_used = 0; }},
    {"more experts than there are", [](auto& p) { first<models::Route>(p).groups_used = 1; }},
    {"scale is not finite", [](auto& p) { first<models::Route>(p).scale = INFINITY; }},
    {"differ in shape", [](auto& p) { buffer(p, first<models::Route>(p).gates).width = 2; }},
    {"writes over itself", [](auto& p) { first<models::Route>(p).gates = first<models::Route>(p).experts; }},
    {"no weight", [](auto& p) { first<models::Route>(p).bias = models::WeightId{9999}; }},
    // More scores than matrices: the choice would read past the last.
    {"nothing chose its experts",
     [](auto& p) {
       for (auto& w : p.weights) w.groups = w.groups == 8 ? 4 : w.groups;
     }},
    {"nothing chose its experts",
     [](auto& p) { first<models::ExpertMatMul>(p).experts = first<models::Combine>(p).gates; }},
    {"different numbers of experts",
     [](auto& p) { weight(p, first<models::ExpertMatMul>(p).projections[1].weight).groups = 7; }},
    {"its input has another width",
     [](auto& p) { weight(p, first<models::ExpertMatMul>(p).projections[0].weight).columns = 16; }},
    {"its output has another width",
     [](auto& p) { weight(p, first<models::ExpertMatMul>(p).projections[0].weight).rows = 16; }},
    {"it has no sums", [](auto& p) { first<models::ExpertMatMul>(p).projections[0].accumulate = true; }},
    {"no projections", [](auto& p) { first<models::ExpertMatMul>(p).projections.clear(); }},
    {"gates x width", [](auto& p) { first<models::Combine>(p).gates = first<models::Combine>(p).in_out; }},
    {"it has no biases",
     [](auto& p) { first<models::HeadMatMul>(p).projection.bias = first<models::MatMul>(p).projections[0].weight; }},
    {"biases are no weight",
     [](auto& p) { first<models::ExpertMatMul>(p).projections[0].bias = models::WeightId{9999}; }},
    {"not one bias an output",
     [](auto& p) { first<models::ExpertMatMul>(p).projections[0].bias = first<models::RmsNorm>(p).weight; }},
    {"widths do not fit together",
     [](auto& p) { weight(p, first<models::HeadMatMul>(p).projection.weight).rows = 31; }},
    {"past its tensor's groups",
     [](auto& p) { weight(p, first<models::HeadMatMul>(p).projection.weight).cut->first_row = 20; }},
    {"is several matrices", [](auto& p) { weight(p, first<models::MatMul>(p).projections[0].weight).groups = 2; }},
    {"neither given nor in its keys", [](auto& p) { first<models::Attend>(p).value = first<models::Attend>(p).key; }},
    {"are not in its keys", [](auto& p) { std::get<models::KvCache>(p.states[0]).value_width = 41; }},
    {"more than a head holds", [](auto& p) { first<models::Rotate>(p).first = 33; }},
};

TEST(Experts, DamageToAProgramIsNamed) {
  const auto model = load_model("deepseek2-f32");
  const models::Program whole = open_model(*model).program();
  EXPECT_EQ(models::fault_of(whole).value_or("none"), "none");
  for (const Damage& damage : kDamages) {
    models::Program program = whole;
    damage.apply(program);
    EXPECT_THAT(models::fault_of(program).value_or("none"), HasSubstr(damage.fault));
  }
}

}  // namespace
}  // namespace linnet::engine::test
