#include "runtime/cli/calibration_texts.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "runtime/cli/text_file.h"
#include "runtime/text/template/json_read.h"

namespace linnet::cli {
namespace {

using Tokens = std::vector<text::TokenId>;

// Text of one line, and whether a chat template made it (special tokens stand in it then).
struct LineText {
  std::string text;
  bool rendered = false;
};

Result<LineText> read_line(std::string_view line, const LanguageText& language) {
  LINNET_TRY(const auto object, templates::parse_json(line));
  if (!object.is(templates::Kind::kDict)) return fail(ErrorKind::kUsage, "is no JSON object");
  if (const auto* text = object.as_dict().find("text"); text != nullptr && text->is(templates::Kind::kString)) {
    return LineText{text->as_string(), false};
  }
  const auto* messages = object.as_dict().find("messages");
  if (messages == nullptr) return fail(ErrorKind::kUsage, R"(has neither "text" nor "messages")");
  if (!language.chat_template) return fail(ErrorKind::kUsage, "holds messages, and the model has no chat template");
  templates::ChatRequest request;
  request.messages = *messages;
  request.add_generation_prompt = false;
  LINNET_TRY(auto text, language.chat_template->render_chat(request));
  return LineText{std::move(text), true};
}

std::vector<std::string_view> lines_of(std::string_view data) {
  std::vector<std::string_view> lines;
  while (!data.empty()) {
    const auto line = data.substr(0, data.find('\n'));
    data.remove_prefix(std::min(data.size(), line.size() + 1));
    lines.push_back(line);
  }
  return lines;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

// Numbers 0 to count - 1, each once, spread so that any first part covers the whole: bits reversed.
std::vector<std::size_t> spread(std::size_t count) {
  std::size_t bits = 0;
  while ((std::size_t{1} << bits) < count) ++bits;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < std::size_t{1} << bits; ++i) {
    std::size_t number = 0;
    for (std::size_t bit = 0; bit < bits; ++bit) number |= (i >> bit & 1U) << (bits - 1 - bit);
    if (number < count) numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

Result<std::vector<Tokens>> read_calibration_texts(const ModelFile& file, const std::string& path,
                                                   std::size_t most_tokens) {
  LINNET_TRY(const std::string data, read_text_file(path));
  LINNET_TRY(const LanguageText language, LanguageText::load(file, {.forced_form = false}));
  TextEncoder encoder(*language.tokenizer);
  const auto lines = lines_of(data);
  std::vector<Tokens> windows;
  std::size_t tokens = 0;
  for (const std::size_t at : spread(lines.size())) {
    if (tokens >= most_tokens) break;
    if (is_blank(lines[at])) continue;
    auto line = read_line(lines[at], language);
    if (!line) return fail(ErrorKind::kUsage, path + ": line " + std::to_string(at + 1) + ": " + line.error().message);
    LINNET_TRY(auto ids, encoder.encode(line->text, {.add_special = !line->rendered, .parse_special = line->rendered}));
    for (; !ids.empty() && tokens < most_tokens; ids = ids.subspan(windows.back().size())) {
      const auto window = ids.first(std::min({ids.size(), kCalibrationWindow, most_tokens - tokens}));
      windows.emplace_back(window.begin(), window.end());
      tokens += window.size();
    }
  }
  if (windows.empty()) return fail(ErrorKind::kUsage, path + ": holds no calibration texts");
  return windows;
}

}  // namespace linnet::cli
