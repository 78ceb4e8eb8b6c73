#include "models/registry.h"

#include <algorithm>
#include <string>

#include "models/bert/bert.h"
#include "models/deepseek2/deepseek2.h"
#include "models/gpt_oss/gpt_oss.h"
#include "models/llama/llama.h"
#include "models/qwen35/qwen35.h"

namespace linnet::models {
namespace {

constexpr Architecture kArchitectures[] = {
    {"bert", bert::read_bert},    {"deepseek2", deepseek2::read_deepseek2}, {"gpt-oss", gpt_oss::read_gpt_oss},
    {"llama", llama::read_llama}, {"nomic-bert", bert::read_nomic_bert},    {"qwen2", llama::read_qwen2},
    {"qwen3", llama::read_qwen3}, {"qwen35", qwen35::read_qwen35},          {"qwen3moe", llama::read_qwen3moe},
};

std::string known_names() {
  std::string names;
  for (const Architecture& architecture : kArchitectures) {
    if (!names.empty()) names += ", ";
    names += architecture.name;
  }
  return names;
}

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

Result<Program> read_program(const ModelFile& file) {
  LINNET_TRY(const std::string_view name, file.header.string("general.architecture"));
  const auto found = std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                                  [&](const Architecture& architecture) { return architecture.name == name; });
  if (found == std::end(kArchitectures)) {
    return fail(ErrorKind::kUnsupported,
                "architecture " + gguf::quoted(name) + " is not supported; this build knows " + known_names());
  }
  LINNET_TRY(Program program, found->read(file));
  if (const auto fault = fault_of(program)) {
    return fail(ErrorKind::kMalformed, "the model's numbers do not fit together: " + *fault);
  }
  return program;
}

}  // namespace linnet::models
