// The parser's view of the tokens: one ahead, with expectations that fail by line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/lexer.h"

namespace linnet::templates {

class TokenStream {
 public:
  // `tokens` ends with kEnd.
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] const Token& current() const { return tokens_[position_]; }
  [[nodiscard]] const Token& ahead() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }

  // Gives the current token and moves on; stays at the end.
  const Token& take() {
    const Token& token = current();
    if (position_ + 1 < tokens_.size()) ++position_;
    return token;
  }

  bool skip_operator(std::string_view symbol) {
    if (!current().is_operator(symbol)) return false;
    take();
    return true;
  }

  bool skip_name(std::string_view name) {
    if (!current().is_name(name)) return false;
    take();
    return true;
  }

  [[nodiscard]] Result<void> expect_operator(std::string_view symbol) {
    if (skip_operator(symbol)) return {};
    return unexpected("'" + std::string(symbol) + "'");
  }

  [[nodiscard]] Result<void> expect_kind(TokenKind kind) {
    if (current().kind == kind) {
      take();
      return {};
    }
    return unexpected(describe(Token{kind, 0}));
  }

  [[nodiscard]] Result<std::string> expect_name() {
    if (current().kind == TokenKind::kName) return take().text;
    return unexpected("a name");
  }

  [[nodiscard]] tl::unexpected<Error> unexpected(std::string_view expected) const {
    return fail_at(current().line, ErrorKind::kMalformed,
                   "expected " + std::string(expected) + ", got " + describe(current()));
  }

 private:
  std::vector<Token> tokens_;
  std::size_t position_ = 0;
};

}  // namespace linnet::templates
