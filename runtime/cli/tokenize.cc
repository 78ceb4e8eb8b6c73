// `linnet tokenize`: text to token ids.
#include <string>

#include "runtime/cli/commands.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/open_model.h"

namespace linnet::cli {
namespace {

constexpr std::size_t kPrintedAtOnce = std::size_t{1} << 16;

std::string ids_line(std::span<const text::TokenId> ids, bool json) {
  if (json) {
    JsonWriter writer;
    writer.begin_object().key("tokens").begin_array();
    for (const text::TokenId id : ids) writer.value(id);
    return writer.end_array().end_object().line();
  }
  std::string line;
  for (const text::TokenId id : ids) {
    if (!line.empty()) line += ' ';
    line += std::to_string(id);
  }
  return line + "\n";
}

// Cuts the first line off `rest`.
std::string_view next_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return line;
}

}  // namespace

Result<void> execute(const TokenizeOptions& options, Console& console) {
  LINNET_TRY(const ModelFile model, open_source(options.model, console));
  auto tokenizer = text::Tokenizer::load(*model.header);
  if (!tokenizer) return tl::unexpected(content_error(options.model, tokenizer.error()));
  std::string input = options.text.value_or("");
  if (!options.text) {
    LINNET_TRY(input, console.read_input());
  }
  TextEncoder encoder(*tokenizer);
  std::string output;
  std::string_view rest = input;
  do {
    const std::string_view text = options.lines ? next_line(rest) : std::exchange(rest, {});
    LINNET_TRY(const auto ids, encoder.encode(text, {.add_special = options.special, .parse_special = false}));
    output += ids_line(ids, options.json);
    if (output.size() >= kPrintedAtOnce) {
      LINNET_CHECK(console.print(output));
      output.clear();
    }
    if (console.stop_requested()) return interrupted();
  } while (!rest.empty());
  return console.print(output);
}

}  // namespace linnet::cli
