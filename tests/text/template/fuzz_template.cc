// libFuzzer: parses and renders a hostile template, with limits small enough that every input ends soon.
//
// The input is a template, or after a NUL byte a second part: the JSON context. Whatever happens, it is a Result.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/text/template/json_read.h"
#include "runtime/text/template/template.h"

namespace {

constexpr std::string_view kContext = R"({"messages": [{"role": "user", "content": "Hi é€😀"},
  {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5]}}}]}],
  "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}}],
  "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true, "n": [3, 1, 2], "s": "text"})";

linnet::templates::Limits small_limits() {
  linnet::templates::Limits limits;
  limits.steps = 20'000;
  limits.memory_bytes = std::size_t{1} << 20;
  limits.string_bytes = std::size_t{1} << 16;
  limits.output_bytes = std::size_t{1} << 16;
  limits.elements = 5'000;
  return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const linnet::templates::Limits limits = small_limits();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view json = kContext;
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    json = text.substr(nul + 1);
    text = text.substr(0, nul);
  }
  const auto parsed = linnet::templates::Template::parse(text, limits);
  const auto context = linnet::templates::parse_json(json);
  if (parsed && context) (void)parsed->render(*context, {linnet::templates::CivilTime{}});
  return 0;
}
