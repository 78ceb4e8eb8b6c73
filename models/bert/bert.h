// BERT and the sentence encoders built on it: a text in, one vector out.
//
// Devlin et al. 2019, Nussbaum et al. 2024 (nomic-bert); keys and tensor names as the `gguf` Python package defines
// them. The reference is Hugging Face transformers' modeling_bert and modeling_nomic_bert.
#pragma once

#include "models/program.h"
#include "models/registry.h"
#include "runtime/base/result.h"

namespace linnet::models::bert {

// Errors of both: those of read_program.
[[nodiscard]] Result<Program> read_bert(const ModelFile& file);
[[nodiscard]] Result<Program> read_nomic_bert(const ModelFile& file);

}  // namespace linnet::models::bert
