#include "runtime/text/template/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "runtime/text/template/characters.h"
#include "runtime/text/template/number_parse.h"
#include "runtime/text/template/string_literal.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

tl::unexpected<Error> fail_at(int line, ErrorKind kind, std::string_view message) {
  return fail(kind, "template line " + std::to_string(line) + ": " + std::string(message));
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData: return "text";
    case TokenKind::kVariableBegin: return "'{{'";
    case TokenKind::kVariableEnd: return "end of print statement";
    case TokenKind::kBlockBegin: return "'{%'";
    case TokenKind::kBlockEnd: return "end of statement block";
    case TokenKind::kString: return "a string";
    case TokenKind::kInteger:
    case TokenKind::kFloat: return "a number";
    case TokenKind::kEnd: return "end of template";
    case TokenKind::kName:
    case TokenKind::kOperator: break;
  }
  return "'" + token.text + "'";
}

namespace {

// Line ends become \n, and one at the very end is dropped: Jinja2's newline_sequence and keep_trailing_newline.
std::string normalize_lines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out.push_back(text[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    while (position_ < source_.size()) LINNET_CHECK(read_root());
    add(TokenKind::kEnd, position_);
    return std::move(tokens_);
  }

 private:
  enum class Sign : char { kNone = ' ', kStrip = '-', kKeep = '+' };

  [[nodiscard]] std::string_view rest(std::size_t from) const { return std::string_view(source_).substr(from); }
  [[nodiscard]] bool at(std::size_t position, std::string_view text) const { return rest(position).starts_with(text); }
  [[nodiscard]] std::size_t skip_space(std::size_t from) const {
    return source_.size() - strip_left(rest(from)).size();
  }

  // The line of a byte; asked for ascending bytes.
  int line_of(std::size_t position) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(counted_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
    counted_ = position;
    return line_;
  }

  Token& add(TokenKind kind, std::size_t position, std::string text = {}) {
    return tokens_.emplace_back(Token{kind, line_of(position), std::move(text)});
  }

  // Moves behind a match that ended at `end`.
  void advance(std::size_t end) {
    line_starting_ = end > position_ ? source_[end - 1] == '\n' : line_starting_;
    position_ = end;
  }

  [[nodiscard]] Sign sign_at(std::size_t position) const {
    if (at(position, "-")) return Sign::kStrip;
    return at(position, "+") ? Sign::kKeep : Sign::kNone;
  }

  // Adds the text before a tag at `end`, as the tag's sign and lstrip_blocks leave it.
  void add_data(std::size_t end, Sign sign, bool is_variable) {
    std::string_view text = std::string_view(source_).substr(position_, end - position_);
    if (sign == Sign::kStrip) {
      text = strip_right(text);
    } else if (sign == Sign::kNone && !is_variable) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
      if ((line_begin > 0 || line_starting_) && strip_left(text.substr(line_begin)).empty()) {
        text = text.substr(0, line_begin);
      }
    }
    if (!text.empty()) add(TokenKind::kData, position_, std::string(text));
  }

  // The end of `{% raw %}` at `position`, or npos.
  [[nodiscard]] std::size_t raw_begin_end(std::size_t position) const {
    std::size_t end = position + 2;
    if (sign_at(end) != Sign::kNone) ++end;
    end = skip_space(end);
    if (!at(end, "raw")) return std::string::npos;
    end = skip_space(end + 3);
    if (at(end, "-%}")) return skip_space(end + 3);
    return at(end, "%}") ? end + 2 : std::string::npos;
  }

  Result<void> read_root() {
    std::size_t tag = position_;
    while ((tag = source_.find('{', tag)) != std::string::npos) {
      if (at(tag, "{{") || at(tag, "{%") || at(tag, "{#")) break;
      ++tag;
    }
    if (tag == std::string::npos) {
      add(TokenKind::kData, position_, source_.substr(position_));
      position_ = source_.size();
      return {};
    }
    const char type = source_[tag + 1];
    const Sign sign = sign_at(tag + 2);
    add_data(tag, sign, type == '{');
    const std::size_t raw_end = type == '%' ? raw_begin_end(tag) : std::string::npos;
    if (raw_end != std::string::npos) return read_raw(tag, raw_end);
    advance(tag + (sign == Sign::kNone ? 2 : 3));
    if (type == '#') return read_comment();
    add(type == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, tag);
    return read_tag(type == '{');
  }

  Result<void> read_comment() {
    const std::size_t close = source_.find("#}", position_);
    if (close == std::string::npos) {
      return fail_at(line_of(position_), ErrorKind::kMalformed, "missing end of comment tag");
    }
    const Sign sign = close > position_ ? sign_at(close - 1) : Sign::kNone;
    advance(after_close(close + 2, sign));
    return {};
  }

  // Where text goes on after a tag that closed at `end`.
  [[nodiscard]] std::size_t after_close(std::size_t end, Sign sign) const {
    if (sign == Sign::kStrip) return skip_space(end);
    return sign == Sign::kNone && at(end, "\n") ? end + 1 : end;
  }

  Result<void> read_raw(std::size_t tag, std::size_t body) {
    advance(body);
    for (std::size_t close = body; (close = source_.find("{%", close)) != std::string::npos; close += 2) {
      const Sign sign = sign_at(close + 2);
      std::size_t end = skip_space(close + (sign == Sign::kNone ? 2 : 3));
      if (!at(end, "endraw")) continue;
      end = skip_space(end + 6);
      const Sign close_sign = sign_at(end);
      if (close_sign != Sign::kNone) ++end;
      if (!at(end, "%}")) continue;
      add_data(close, sign, false);
      advance(after_close(end + 2, close_sign));
      return {};
    }
    return fail_at(line_of(tag), ErrorKind::kMalformed, "missing end of raw directive");
  }

  // The end of the tag at `position_`, white space that it strips included, or npos.
  [[nodiscard]] std::size_t tag_end(bool is_variable) const {
    const std::string_view close = is_variable ? "}}" : "%}";
    const Sign sign = sign_at(position_);
    if (sign == Sign::kKeep && is_variable) return std::string::npos;
    const std::size_t start = position_ + (sign == Sign::kNone ? 0 : 1);
    if (!at(start, close)) return std::string::npos;
    if (is_variable) return sign == Sign::kStrip ? skip_space(start + 2) : start + 2;
    return after_close(start + 2, sign);
  }

  Result<void> read_tag(bool is_variable) {
    open_.clear();
    while (position_ < source_.size()) {
      const std::size_t end = open_.empty() ? tag_end(is_variable) : std::string::npos;
      if (end != std::string::npos) {
        add(is_variable ? TokenKind::kVariableEnd : TokenKind::kBlockEnd, position_);
        advance(end);
        return {};
      }
      LINNET_CHECK(read_token());
    }
    return {};  // The parser says what is missing.
  }

  Result<void> read_token() {
    const std::size_t after_space = skip_space(position_);
    if (after_space != position_) {
      advance(after_space);
      return {};
    }
    const char c = source_[position_];
    std::size_t next = position_;
    if (c >= '0' && c <= '9') return read_number();
    if (is_identifier_start(next_code_point(source_, next))) return read_name(next);
    if (c == '\'' || c == '"') return read_string(c);
    return read_operator();
  }

  Result<void> read_name(std::size_t end) {
    while (end < source_.size()) {
      std::size_t next = end;
      if (!is_identifier_part(next_code_point(source_, next))) break;
      end = next;
    }
    add(TokenKind::kName, position_, source_.substr(position_, end - position_));
    advance(end);
    return {};
  }

  Result<void> read_string(char quote) {
    std::size_t end = position_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2u : 1u;
    const int line = line_of(position_);
    if (end >= source_.size()) return fail_at(line, ErrorKind::kMalformed, "a string without its closing quote");
    auto text = unescape(std::string_view(source_).substr(position_ + 1, end - position_ - 1));
    if (!text) return fail_at(line, text.error().kind, text.error().message);
    add(TokenKind::kString, position_, *std::move(text));
    advance(end + 1);
    return {};
  }

  // Digits with single underscores between them, from `from`; its end, or `from` if there are none.
  template <class IsDigit>
  [[nodiscard]] std::size_t digits_end(std::size_t from, IsDigit is_digit) const {
    std::size_t end = from;
    const auto goes_on = [&] {
      if (is_digit(source_[end])) return true;
      return source_[end] == '_' && end > from && end + 1 < source_.size() && is_digit(source_[end + 1]);
    };
    while (end < source_.size() && goes_on()) ++end;
    return end;
  }

  static bool is_decimal_digit(char c) { return c >= '0' && c <= '9'; }

  // The end of a float literal at `position_`, or npos: a fraction, an exponent or both; not right after a dot.
  [[nodiscard]] std::size_t float_end() const {
    if (position_ > 0 && source_[position_ - 1] == '.') return std::string::npos;
    std::size_t end = digits_end(position_, is_decimal_digit);
    bool is_float = false;
    if (at(end, ".") && digits_end(end + 1, is_decimal_digit) > end + 1) {
      end = digits_end(end + 1, is_decimal_digit);
      is_float = true;
    }
    if (at(end, "e") || at(end, "E")) {
      const bool is_signed = at(end + 1, "+") || at(end + 1, "-");
      const std::size_t exponent = end + (is_signed ? 2u : 1u);
      const std::size_t exponent_end = digits_end(exponent, is_decimal_digit);
      if (exponent_end > exponent) return exponent_end;
    }
    return is_float ? end : std::string::npos;
  }

  [[nodiscard]] std::string without_underscores(std::size_t begin, std::size_t end) const {
    std::string text = source_.substr(begin, end - begin);
    std::erase(text, '_');
    return text;
  }

  Result<void> read_number() {
    const std::size_t end = float_end();
    if (end == std::string::npos) return read_integer();
    const std::string text = without_underscores(position_, end);
    Token& token = add(TokenKind::kFloat, position_);
    token.real = parse_float(text).value_or(0);
    advance(end);
    return {};
  }

  Result<void> read_integer() {
    struct Base {
      char letter;
      int base;
    };
    for (const auto [letter, base] : {Base{'b', 2}, Base{'o', 8}, Base{'x', 16}}) {
      if (source_[position_] != '0' || position_ + 1 >= source_.size() || (source_[position_ + 1] | 0x20) != letter) {
        continue;
      }
      const std::size_t begin = position_ + (at(position_ + 2, "_") ? 3 : 2);
      const auto is_digit = [base = base](char c) {
        if (is_decimal_digit(c)) return c - '0' < base;
        return base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
      };
      const std::size_t end = digits_end(begin, is_digit);
      if (end > begin) return add_integer(begin, end, base);
    }
    if (source_[position_] == '0') {
      return add_integer(position_, digits_end(position_, [](char c) { return c == '0'; }), 10);
    }
    return add_integer(position_, digits_end(position_, is_decimal_digit), 10);
  }

  Result<void> add_integer(std::size_t begin, std::size_t end, int base) {
    const std::string text = without_underscores(begin, end);
    Token& token = add(TokenKind::kInteger, position_);
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), token.integer, base);
    if (parsed.ec != std::errc()) {
      return fail_at(token.line, ErrorKind::kUnsupported, "an integer of more than 64 bits");
    }
    advance(end);
    return {};
  }

  // Brackets must pair inside a tag; while one is open, `}}` and `%}` are operators.
  Result<void> balance(char c) {
    constexpr std::string_view kOpening = "{([";
    constexpr std::string_view kClosing = "})]";
    const std::size_t opening = kOpening.find(c);
    if (opening != std::string_view::npos) open_.push_back(kClosing[opening]);
    if (kClosing.find(c) == std::string_view::npos) return {};
    if (open_.empty() || open_.back() != c) {
      return fail_at(line_of(position_), ErrorKind::kMalformed, std::string("unexpected '") + c + "'");
    }
    open_.pop_back();
    return {};
  }

  Result<void> read_operator() {
    constexpr std::array<std::string_view, 25> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                             "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                             ">",  "<",  "=",  ".",  ":",  "|",  ","};
    for (const std::string_view symbol : kOperators) {
      if (!at(position_, symbol)) continue;
      if (symbol.size() == 1) LINNET_CHECK(balance(symbol[0]));
      add(TokenKind::kOperator, position_, std::string(symbol));
      advance(position_ + symbol.size());
      return {};
    }
    const std::string character = source_.substr(position_, code_point_size(source_, position_));
    return fail_at(line_of(position_), ErrorKind::kMalformed, "unexpected character '" + character + "'");
  }

  std::string source_;
  std::size_t position_ = 0;
  bool line_starting_ = true;  // Whether the last match ended with a line.
  std::string open_;           // The closing brackets that are due, the innermost last.
  std::vector<Token> tokens_;
  int line_ = 1;
  std::size_t counted_ = 0;  // Up to where line_ has counted.
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text, const Limits& limits) {
  if (text.size() > limits.template_bytes) {
    return fail(ErrorKind::kUnsupported, "the template has " + std::to_string(text.size()) +
                                             " bytes, beyond the limit of " + std::to_string(limits.template_bytes));
  }
  if (!is_utf8(text)) return fail(ErrorKind::kMalformed, "the template is not UTF-8 text");
  return Lexer(normalize_lines(text)).run();
}

}  // namespace linnet::templates
