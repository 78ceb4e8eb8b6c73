#include "models/rope_keys.h"

#include <cmath>

namespace linnet::models {
namespace {

constexpr float kMostFactor = 1e6F;
constexpr Range kContext{1, 1 << 24};

// Attention is sharpened as the context grows (the paper's equation 22): both query and key are multiplied by this.
float yarn_magnitude(float factor) { return factor > 1.0F ? 0.1F * std::log(factor) + 1.0F : 1.0F; }

Result<void> read_yarn(const Keys& keys, Rotation& rotation) {
  Stretch& stretch = rotation.stretch;
  stretch.kind = Stretch::Kind::kYarn;
  LINNET_TRY(const float factor, keys.number("rope.scaling.factor", 1.0F, kMostFactor));
  LINNET_TRY(stretch.original_context, keys.count("rope.scaling.original_context_length", kContext));
  LINNET_TRY(const float extrapolation, keys.number_or("rope.scaling.yarn_ext_factor", -1.0F, 1.0F, 1.0F));
  if (extrapolation != 1.0F && extrapolation != -1.0F) {  // -1: unset.
    return fail(ErrorKind::kUnsupported, "YaRN with an extrapolation factor other than 1 is not supported");
  }
  LINNET_TRY(const float fast, keys.number_or("rope.scaling.yarn_beta_fast", 1.0F, 1e4F, 32.0F));
  LINNET_TRY(const float slow, keys.number_or("rope.scaling.yarn_beta_slow", 1e-3F, 1e4F, 1.0F));
  LINNET_TRY(const float attention, keys.number_or("rope.scaling.attn_factor", 1e-3F, 1e3F, 1.0F));
  stretch.factor = static_cast<double>(factor);
  stretch.fast_turns = static_cast<double>(fast);
  stretch.slow_turns = static_cast<double>(slow);
  rotation.magnitude = yarn_magnitude(factor) * attention;
  return {};
}

}  // namespace

Result<void> read_rope_scaling(const Keys& keys, Rotation& rotation) {
  // Files older than rope.scaling.* have one number.
  const bool old = !keys.contains("rope.scaling.type") && keys.contains("rope.scale_linear");
  LINNET_TRY(const auto type, keys.text_or("rope.scaling.type", old ? "linear" : "none"));
  if (type == "none") return {};
  if (type == "yarn") return read_yarn(keys, rotation);
  if (type != "linear") {
    return fail(ErrorKind::kUnsupported, "RoPE scaling of type " + gguf::quoted(type) + " is not supported");
  }
  LINNET_TRY(const float factor, keys.number(old ? "rope.scale_linear" : "rope.scaling.factor", 0.05F, kMostFactor));
  rotation.stretch = {.kind = Stretch::Kind::kLinear, .factor = static_cast<double>(factor)};
  return {};
}

}  // namespace linnet::models
