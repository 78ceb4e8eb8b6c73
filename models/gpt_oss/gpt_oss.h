// gpt-oss: attention with sinks, every other layer under a sliding window, and experts with biases.
#pragma once

#include "models/registry.h"

namespace linnet::models::gpt_oss {

// Architecture "gpt-oss", as in Hugging Face transformers' modeling_gpt_oss.py, with the tensors as llama.cpp's
// conversion lays them out. YaRN's bounds are not rounded to whole pairs, as the reference has it (llama.cpp rounds
// them). Errors: kMalformed, kUnsupported.
[[nodiscard]] Result<Program> read_gpt_oss(const ModelFile& file);

}  // namespace linnet::models::gpt_oss
