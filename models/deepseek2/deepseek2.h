// DeepSeek-V2, V2-Lite and V3 (and R1, which has V3's form): latent attention and mixtures of experts.
//
// DeepSeek-AI 2024 (V2: sections 2.1 and 2.2; V3: 2.1); keys and tensor names as the `gguf` Python package and
// llama.cpp's conversion define them. The reference is Hugging Face transformers' modeling_deepseek_v2 and
// modeling_deepseek_v3.
#pragma once

#include "models/program.h"
#include "models/registry.h"
#include "runtime/base/result.h"

namespace linnet::models::deepseek2 {

// Errors: those of read_program.
[[nodiscard]] Result<Program> read_deepseek2(const ModelFile& file);

}  // namespace linnet::models::deepseek2
