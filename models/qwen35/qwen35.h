// Qwen3.5: layers whose state is a matrix (gated delta nets) and, every few, one of full attention.
#pragma once

#include "models/registry.h"

namespace linnet::models::qwen35 {

// Architecture "qwen35" (dense), text alone: as in Hugging Face transformers' modeling_qwen3_5.py, with the tensors as
// llama.cpp's conversion lays them out (norm weights have their 1 added, `ssm_a` is -exp(A_log), value heads are in the
// order in which head h has the key head h mod key heads). Layers that guess several tokens ahead
// (nextn_predict_layers) are left out. Errors: kMalformed, kUnsupported.
[[nodiscard]] Result<Program> read_qwen35(const ModelFile& file);

}  // namespace linnet::models::qwen35
