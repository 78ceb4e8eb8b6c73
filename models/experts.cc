#include "models/experts.h"

#include <utility>

namespace linnet::models {
namespace {

constexpr Range kExperts{1, 1 << 12};
constexpr Range kFeedForward{1, 1 << 20};
constexpr std::size_t kSoftmaxKey = 1;  // Of expert_gating_func, as the GGUF keys number them.
constexpr std::size_t kSigmoidKey = 2;
constexpr std::size_t kSoftmaxOfChosenKey = 3;

}  // namespace

Result<Experts> read_experts(const ModelFile& file, const Keys& keys, const Experts& otherwise) {
  Experts experts = otherwise;
  LINNET_TRY(experts.count, keys.count_or("expert_count", {0, kExperts.most}, 0));
  if (experts.count == 0) return experts;
  if (file.tensors.find("blk.0.ffn_gate.0.weight") != nullptr) {
    return fail(ErrorKind::kUnsupported,
                "the file has a tensor for each expert ('blk.0.ffn_gate.0.weight'), as conversions before April 2024 "
                "wrote them, which is not supported; convert the model again");
  }
  LINNET_TRY(experts.used, keys.count("expert_used_count", {1, experts.count}));
  LINNET_TRY(experts.feed_forward, keys.count_or("expert_feed_forward_length", kFeedForward, otherwise.feed_forward));
  LINNET_TRY(experts.scale, keys.number_or("expert_weights_scale", 0.0F, 1e6F, otherwise.scale));
  if (experts.scale == 0.0F) experts.scale = 1.0F;  // Files write 0 for "none".
  LINNET_TRY(experts.normalised, file.header.boolean_or(keys.key("expert_weights_norm"), otherwise.normalised));
  LINNET_TRY(experts.groups, keys.count_or("expert_group_count", {1, experts.count}, 1));
  LINNET_TRY(experts.groups_used, keys.count_or("expert_group_used_count", {1, experts.groups}, experts.groups));
  const std::size_t usual = otherwise.gating == Gating::kSigmoid ? kSigmoidKey : kSoftmaxKey;
  LINNET_TRY(const std::size_t gating, keys.count_or("expert_gating_func", {0, 255}, usual));
  const bool of_chosen = gating == kSoftmaxOfChosenKey && experts.normalised;  // Which is the same.
  if (gating != kSoftmaxKey && gating != kSigmoidKey && !of_chosen) {
    return fail(ErrorKind::kUnsupported, "gates of experts of kind " + std::to_string(gating) + " are not supported");
  }
  experts.gating = gating == kSigmoidKey ? Gating::kSigmoid : Gating::kSoftmax;
  return experts;
}

void write_experts(ProgramBuilder& program, const Experts& experts, const ExpertLayer& layer) {
  const auto tensor = [&](const char* name) { return layer.layer + "." + name + ".weight"; };
  const auto step = [&](const char* name, Operation operation) {
    program.step(layer.layer + " " + name, std::move(operation));
  };
  const auto matrices = [&](const char* name, std::size_t out, std::size_t in) {
    return program.matrices(tensor(name), experts.count, out, in, experts.used);
  };
  const BufferId scores = program.tokens("expert scores", experts.count);
  const BufferId chosen = program.tokens("experts", experts.used);
  const BufferId gates = program.tokens("expert gates", experts.used);
  const BufferId gate = program.tokens("experts' gate", experts.used * experts.feed_forward);
  const BufferId up = program.tokens("experts' up", experts.used * experts.feed_forward);
  const BufferId down = program.tokens("experts' down", experts.used * layer.width);
  const auto biases = [&](const char* name, std::size_t rows, std::size_t width) {
    std::optional<WeightId> weight;
    if (experts.biased) weight = program.vectors(layer.layer + "." + name + ".bias", rows, width);
    return weight;
  };
  const auto product = [&](const char* name, std::size_t out, std::size_t in, BufferId to) {
    return Projection{matrices(name, out, in), biases(name, experts.count, out), to};
  };
  std::optional<WeightId> bias;
  if (layer.has_bias) bias = program.vector(layer.layer + ".exp_probs_b.bias", experts.count);

  step("router", MatMul{layer.in,
                        {{program.matrix(tensor("ffn_gate_inp"), experts.count, layer.width),
                          biases("ffn_gate_inp", 1, experts.count), scores}}});
  step("route", Route{scores, bias, chosen, gates, experts.gating, experts.normalised, experts.scale, experts.groups,
                      experts.groups_used});
  step("experts' gate up", ExpertMatMul{layer.in,
                                        chosen,
                                        {product("ffn_gate_exps", experts.feed_forward, layer.width, gate),
                                         product("ffn_up_exps", experts.feed_forward, layer.width, up)}});
  if (experts.biased) {
    step("experts' swiglu", ClampedSwiglu{gate, up, gate});
  } else {
    step("experts' silu", SiluMultiply{gate, up, gate});
  }
  step("experts' down",
       ExpertMatMul{gate, chosen, {product("ffn_down_exps", layer.width, experts.feed_forward, down)}});
  step("combine", Combine{down, gates, layer.hidden});
}

}  // namespace linnet::models
