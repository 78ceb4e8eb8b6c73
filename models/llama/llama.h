// The Llama form of decoder and its relatives, which differ in fields: Llama 2 and 3, Qwen2 and 2.5, Qwen3.
//
// Touvron et al. 2023 (Llama), Yang et al. 2024 (Qwen2), 2025 (Qwen3); keys and tensor names as the GGUF specification
// and the `gguf` Python package define them. The reference is Hugging Face transformers' modeling_llama, modeling_qwen2
// and modeling_qwen3 (tests/models/llama_reference_test.cc).
#pragma once

#include "models/program.h"
#include "models/registry.h"
#include "runtime/base/result.h"

namespace linnet::models::llama {

// Errors of all: those of read_program.
[[nodiscard]] Result<Program> read_llama(const ModelFile& file);
[[nodiscard]] Result<Program> read_qwen2(const ModelFile& file);
[[nodiscard]] Result<Program> read_qwen3(const ModelFile& file);
[[nodiscard]] Result<Program> read_qwen3moe(const ModelFile& file);

}  // namespace linnet::models::llama
