// The keys "<architecture>.rope.*" that stretch a model's rotary positions beyond its training.
#pragma once

#include "models/keys.h"
#include "models/program.h"
#include "runtime/base/result.h"

namespace linnet::models {

// Fills in `rotation.stretch` and `rotation.magnitude` from the keys rope.scaling.*: none, linear (Chen et al. 2023) or
// YaRN (Peng et al. 2023), with the defaults of Hugging Face transformers' modeling_rope_utils.py. Errors: kUnsupported
// (another type), kMalformed.
[[nodiscard]] Result<void> read_rope_scaling(const Keys& keys, Rotation& rotation);

}  // namespace linnet::models
