// What config.json says of a model, as the keys of a GGUF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/gguf/writer.h"
#include "runtime/base/result.h"
#include "runtime/cli/hugging_face/json_object.h"

namespace linnet::cli::hugging_face {

// What the tensors' conversion needs to know besides the keys.
struct Architecture {
  std::string_view name;  // As general.architecture has it: "llama", "qwen2", "qwen3".
  std::uint32_t layers = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t vocabulary = 0;
  bool tied_head = false;
  // Q and K have their rows turned from halves to neighbouring pairs, as Llama's conversion to GGUF always had it.
  bool turned = false;
  std::vector<float> rope_factors;  // Llama 3's divisors of the frequencies; empty where there are none.
};

// Sets the architecture's keys. Errors: kUnsupported (a class or variant that is not converted, by name), kMalformed.
[[nodiscard]] Result<Architecture> write_architecture(const JsonObject& config, gguf::Writer& writer);

}  // namespace linnet::cli::hugging_face
