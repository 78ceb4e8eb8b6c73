// Template text to tokens, with Jinja2's white-space control (trim_blocks and lstrip_blocks on).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/limits.h"

namespace linnet::templates {

enum class TokenKind : std::uint8_t {
  kData,           // Text outside of tags, stripped and trimmed already.
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,  // Unescaped.
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  int line;               // From 1.
  std::string text = {};  // Of data, names, strings and operators.
  std::int64_t integer = 0;
  double real = 0;

  [[nodiscard]] bool is(TokenKind expected, std::string_view expected_text) const {
    return kind == expected && text == expected_text;
  }
  [[nodiscard]] bool is_operator(std::string_view symbol) const { return is(TokenKind::kOperator, symbol); }
  [[nodiscard]] bool is_name(std::string_view name) const { return is(TokenKind::kName, name); }
};

// How a message calls a token: "'endif'", "end of print statement".
[[nodiscard]] std::string describe(const Token& token);

// An error at a line of the template.
[[nodiscard]] tl::unexpected<Error> fail_at(int line, ErrorKind kind, std::string_view message);

// All tokens, kEnd last. Errors: kMalformed, kUnsupported (beyond the limits), with the line.
[[nodiscard]] Result<std::vector<Token>> tokenize(std::string_view text, const Limits& limits);

}  // namespace linnet::templates
