#include "runtime/text/grammar/json_text.h"

#include <algorithm>

namespace linnet::text {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

std::string escaped_code_point(char32_t c) {
  std::string out = "\\U";
  for (int shift = 28; shift >= 0; shift -= 4) out += kHex[c >> shift & 15];
  return out;
}

// The ways to write a character that JSON wants escaped.
std::vector<std::string> json_escapes(char32_t c) {
  std::vector<std::string> ways;
  constexpr std::pair<char32_t, char> kShort[] = {{U'"', '"'},  {U'\\', '\\'}, {U'\b', 'b'}, {U'\f', 'f'},
                                                  {U'\n', 'n'}, {U'\r', 'r'},  {U'\t', 't'}};
  for (const auto& [character, letter] : kShort) {
    if (character == c) return {std::string("\\") + letter};
  }
  return {std::string("\\u00") + kHex[c >> 4 & 15] + kHex[c & 15]};
}

bool needs_escape(char32_t c) { return c < 0x20 || c == U'"' || c == U'\\'; }

}  // namespace

std::string grammar_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_character(const CharacterRanges& ranges) {
  std::vector<std::string> ways;
  CharacterRanges plain;
  for (auto [first, last] : ranges) {
    for (char32_t c = first; c <= std::min<char32_t>(last, 0x7F); ++c) {
      if (!needs_escape(c)) {
        plain.emplace_back(c, c);
      } else {
        for (const std::string& way : json_escapes(c)) ways.push_back(grammar_literal(way));
      }
    }
    if (last > 0x7F) plain.emplace_back(std::max<char32_t>(first, 0x80), last);
  }
  std::string set;
  for (const auto& [first, last] : tidied_ranges(std::move(plain))) {
    if (first >= 0xD800 && last <= 0xDFFF) continue;
    const char32_t low = first >= 0xD800 && first <= 0xDFFF ? 0xE000 : first;
    const char32_t high = last >= 0xD800 && last <= 0xDFFF ? 0xD7FF : last;
    set += escaped_code_point(low);
    if (high > low) set += "-" + escaped_code_point(high);
  }
  if (!set.empty()) ways.insert(ways.begin(), "[" + set + "]");
  if (ways.empty()) return {};
  std::string out;
  for (const std::string& way : ways) out += (out.empty() ? "" : " | ") + way;
  return ways.size() == 1 ? out : "(" + out + ")";
}

}  // namespace linnet::text
