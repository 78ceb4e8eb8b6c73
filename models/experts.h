// Mixtures of experts: what a file says of them, and the steps that compute one.
#pragma once

#include <cstddef>
#include <string>

#include "models/keys.h"
#include "models/program.h"
#include "models/program_builder.h"
#include "models/registry.h"
#include "runtime/base/result.h"

namespace linnet::models {

// The routed experts of one model; none where `count` is 0.
struct Experts {
  std::size_t count = 0;
  std::size_t used = 0;          // By a token.
  std::size_t feed_forward = 0;  // Of one expert.
  Gating gating = Gating::kSoftmax;
  bool normalised = false;
  float scale = 1.0F;
  std::size_t groups = 1;
  std::size_t groups_used = 1;
  bool biased = false;  // Router and experts have biases, and the experts' gates are clamped (gpt-oss).
};

// Reads the keys expert_*; what a file does not say of its gates is as in `otherwise`, `feed_forward` among it. Errors:
// kMalformed; kUnsupported (gates that are neither softmax nor sigmoid).
[[nodiscard]] Result<Experts> read_experts(const ModelFile& file, const Keys& keys, const Experts& otherwise);

// Emits hidden += sum over the chosen experts e of gate_e W_down_e (silu(W_gate_e in) * W_up_e in), with the tensors
// "<layer>.ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps" and, where `has_bias`, "exp_probs_b". Where
// the experts are biased, each product has one and ClampedSwiglu stands in place of silu and product.
struct ExpertLayer {
  std::string layer;  // "blk.3"
  BufferId in;
  BufferId hidden;
  std::size_t width = 0;
  bool has_bias = false;
};
void write_experts(ProgramBuilder& program, const Experts& experts, const ExpertLayer& layer);

}  // namespace linnet::models
