// Fuzz target: any JSON schema is refused with a place or gives a grammar that compiles or is too large.
#include <cstdlib>

#include "runtime/text/grammar/grammar.h"
#include "runtime/text/grammar/json_schema.h"

namespace linnet {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text::grammar_of_json_schema({reinterpret_cast<const char*>(data), size});
  if (!text) {
    if (!text.error().message.starts_with("schema: ")) std::abort();
    return 0;
  }
  const auto grammar = text::Grammar::compile(*text);
  if (!grammar && grammar.error().kind != ErrorKind::kExhausted &&
      grammar.error().message.find("can never end") == std::string::npos &&
      grammar.error().message.find("left-recursive") == std::string::npos) {
    std::abort();
  }
  return 0;
}

}  // namespace linnet
