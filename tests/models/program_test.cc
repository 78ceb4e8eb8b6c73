#include "models/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace linnet::models {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

// One attention layer and a head, with every operation: width 8, 2 heads on 1 KV head, 10 tokens.
Program small_program() {
  Program program;
  program.architecture = "test";
  program.vocabulary = 10;
  program.context_length = 64;
  program.weights = {{"table", 10, 8, WeightUse::kTable},    {"norm", 1, 8, WeightUse::kVector},
                     {"query", 8, 8, WeightUse::kMatrix},    {"key", 4, 8, WeightUse::kMatrix},
                     {"value", 4, 8, WeightUse::kMatrix},    {"query_bias", 1, 8, WeightUse::kVector},
                     {"up", 8, 8, WeightUse::kMatrix},       {"head", 10, 8, WeightUse::kMatrix},
                     {"head_norm", 1, 4, WeightUse::kVector}};
  program.buffers = {{"hidden", 8, RowsOf::kTokens},  {"query", 8, RowsOf::kTokens}, {"key", 4, RowsOf::kTokens},
                     {"value", 4, RowsOf::kTokens},   {"mixed", 8, RowsOf::kTokens}, {"last", 8, RowsOf::kOutputs},
                     {"logits", 10, RowsOf::kOutputs}};
  program.states = {KvCache{1, 4, 4}};
  program.rotations = {{4, 10000.0, false, ""}};
  const auto w = [](unsigned i) { return WeightId{i}; };
  const auto b = [](unsigned i) { return BufferId{i}; };
  program.steps = {
      {"embed", Embed{w(0), b(0)}},
      {"norm", RmsNorm{b(0), w(1), b(4)}},
      {"qkv", MatMul{b(4), {{w(2), w(5), b(1)}, {w(3), {}, b(2)}, {w(4), {}, b(3)}}}},
      {"head norm", RmsNorm{b(1), w(8), b(1), 1e-6F, 2}},
      {"rotate", Rotate{b(1), RotationId{0}, 2}},
      {"attend", Attend{b(1), b(2), b(3), StateId{0}, b(4), 2, 0.5F}},
      {"out", MatMul{b(4), {{w(6), {}, b(0), true}}}},
      {"silu", SiluMultiply{b(0), b(4), b(0)}},
      {"select", SelectOutputs{b(0), b(5)}},
      {"logits", MatMul{b(5), {{w(7), {}, b(6)}}}},
  };
  program.logits = b(6);
  return program;
}

template <class Op>
Op& step(Program& program, std::size_t index) {
  return std::get<Op>(program.steps.at(index).operation);
}

struct Damage {
  std::string_view fault;  // Part of the line that names it.
  std::function<void(Program&)> apply;
};

const Damage kDamages[] = {
    {"vocabulary is empty", [](Program& p) { p.vocabulary = 0; }},
    {"context length is zero", [](Program& p) { p.context_length = 0; }},
    {"no steps", [](Program& p) { p.steps.clear(); }},
    {"norm has no possible size", [](Program& p) { p.weights[1].columns = 0; }},
    {"up has no possible size", [](Program& p) { p.weights[6].rows = std::numeric_limits<std::size_t>::max(); }},
    {"norm is listed twice", [](Program& p) { p.weights[5].name = "norm"; }},
    {"has no name", [](Program& p) { p.weights[5].name = ""; }},
    {"is not as long", [](Program& p) { p.weights[1].rows = 2; }},
    {"mixed has no width", [](Program& p) { p.buffers[4].width = 0; }},
    {"KV cache has no size",
     [](Program& p) {
       p.states[0] = KvCache{0, 4, 4};
     }},
    {"odd or none", [](Program& p) { p.rotations[0].dimensions = 3; }},
    {"base", [](Program& p) { p.rotations[0].base = std::nan(""); }},
    {"more than a head holds", [](Program& p) { p.rotations[0].dimensions = 6; }},
    {"embed: its table is no weight", [](Program& p) { step<Embed>(p, 0).table = WeightId{99}; }},
    {"one row a token", [](Program& p) { p.weights[0].rows = 9; }},
    {"as wide as its output", [](Program& p) { p.weights[0].columns = 4; }},
    {"scale is not finite", [](Program& p) { step<Embed>(p, 0).scale = INFINITY; }},
    {"norm: it reads key before", [](Program& p) { step<RmsNorm>(p, 1).in = BufferId{2}; }},
    {"norm: it reads a buffer that is not listed", [](Program& p) { step<RmsNorm>(p, 1).in = BufferId{77}; }},
    {"norm: it writes a buffer that is not listed", [](Program& p) { step<RmsNorm>(p, 1).out = BufferId{77}; }},
    {"differ in shape", [](Program& p) { step<RmsNorm>(p, 1).out = BufferId{2}; }},
    {"groups do not divide", [](Program& p) { step<RmsNorm>(p, 3).groups = 3; }},
    {"as long as the part", [](Program& p) { step<RmsNorm>(p, 3).groups = 4; }},
    {"as long as the part", [](Program& p) { p.weights[1].columns = 4; }},  // Shorter ones work in place alone.
    {"epsilon", [](Program& p) { step<RmsNorm>(p, 1).epsilon = -1.0F; }},
    {"more than a part holds", [](Program& p) { step<RmsNorm>(p, 3).width = 9999; }},
    {"a part of what it copies", [](Program& p) { step<RmsNorm>(p, 1).width = 1; }},
    {"head_norm is not as long", [](Program& p) { step<RmsNorm>(p, 3).width = 1; }},
    {"not listed as a vector", [](Program& p) { p.weights[1].use = WeightUse::kMatrix; }},
    {"no projections", [](Program& p) { step<MatMul>(p, 2).projections.clear(); }},
    {"share a buffer", [](Program& p) { step<MatMul>(p, 2).projections[2].out = BufferId{2}; }},
    {"share a buffer", [](Program& p) { step<MatMul>(p, 6).projections[0].out = BufferId{4}; }},
    {"differ in rows", [](Program& p) { step<MatMul>(p, 9).in = BufferId{0}; }},
    {"key is not as wide", [](Program& p) { p.weights[3].columns = 7; }},
    {"key has not one row", [](Program& p) { p.weights[3].rows = 5; }},
    {"not listed as a matrix", [](Program& p) { p.weights[3].use = WeightUse::kTable; }},
    {"query_bias is not as long", [](Program& p) { p.weights[5].columns = 7; }},
    {"its matrix is no weight", [](Program& p) { step<MatMul>(p, 6).projections[0].weight = WeightId{50}; }},
    {"rotation is not listed", [](Program& p) { step<Rotate>(p, 4).rotation = RotationId{1}; }},
    {"heads do not divide", [](Program& p) { step<Rotate>(p, 4).heads = 3; }},
    {"cache is not listed", [](Program& p) { step<Attend>(p, 5).cache = StateId{1}; }},
    {"no multiple of its KV heads", [](Program& p) { step<Attend>(p, 5).heads = 0; }},
    {"heads x key width", [](Program& p) { step<Attend>(p, 5).heads = 4; }},
    {"heads x key width",
     [](Program& p) { step<Attend>(p, 5).heads = std::numeric_limits<std::size_t>::max() / 2 + 1; }},
    {"writes over its own input", [](Program& p) { step<Attend>(p, 5).out = BufferId{1}; }},
    {"stores into the same cache", [](Program& p) { p.steps.insert(p.steps.begin() + 6, p.steps[5]); }},
    {"silu: its buffers differ", [](Program& p) { step<SiluMultiply>(p, 7).up = BufferId{2}; }},
    {"from tokens to outputs", [](Program& p) { step<SelectOutputs>(p, 8).out = BufferId{4}; }},
    {"logits are no buffer", [](Program& p) { p.logits = BufferId{70}; }},
    {"last step",
     [](Program& p) {
       p.steps.push_back({"more", SiluMultiply{BufferId{5}, BufferId{5}, BufferId{5}}});
     }},
    {"wide as the vocabulary", [](Program& p) { p.logits = BufferId{5}; }},
    {"one row an output", [](Program& p) { p.logits = BufferId{0}; }},
};

TEST(FaultOf, AWholeProgramHasNone) { EXPECT_EQ(fault_of(small_program()).value_or("none"), "none"); }

TEST(FaultOf, EveryDamageIsNamed) {
  for (const Damage& damage : kDamages) {
    Program program = small_program();
    damage.apply(program);
    const auto fault = fault_of(program);
    ASSERT_TRUE(fault) << damage.fault;
    EXPECT_THAT(*fault, HasSubstr(std::string(damage.fault)));
  }
}

TEST(ReadsAndWrites, AnAccumulatedBufferIsInBoth) {
  const Operation sum = MatMul{BufferId{4}, {{WeightId{6}, {}, BufferId{0}, true}, {WeightId{6}, {}, BufferId{2}}}};
  EXPECT_THAT(reads(sum), UnorderedElementsAre(BufferId{0}, BufferId{4}));
  EXPECT_THAT(writes(sum), UnorderedElementsAre(BufferId{0}, BufferId{2}));
}

TEST(ReadsAndWrites, AttentionReadsThreeAndWritesOne) {
  const Operation attend = Attend{BufferId{1}, BufferId{2}, BufferId{3}, StateId{0}, BufferId{4}, 2};
  EXPECT_THAT(reads(attend), UnorderedElementsAre(BufferId{1}, BufferId{2}, BufferId{3}));
  EXPECT_THAT(writes(attend), UnorderedElementsAre(BufferId{4}));
}

}  // namespace
}  // namespace linnet::models
