#include <algorithm>
#include <map>

#include "runtime/text/grammar/ranges.h"
#include "runtime/text/grammar/syntax.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::size_t kMostPostfixes = 8;  // Each nests an expression deeper.
constexpr std::string_view kCopyWords = "%copy-words";
constexpr std::string_view kCopyWordsRaw = "%copy-words-raw";
constexpr std::string_view kOnce = "%once-";  // And a name.

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Parser {
 public:
  Parser(std::string_view text, const GrammarLimits& limits) : text_(text), limits_(limits) {}

  Result<Syntax> parse() {
    if (text_.size() > limits_.text_bytes) {
      return grammar_error({}, "longer than " + std::to_string(limits_.text_bytes) + " bytes");
    }
    if (const std::size_t good = valid_prefix(text_); good != text_.size()) {
      skip(good);
      return error("broken UTF-8");
    }
    for (skip_blanks(); at_ < text_.size(); skip_blanks()) LINNET_CHECK(rule());
    for (const Rule& rule : syntax_.rules) {
      if (!rule.defined) return grammar_error(rule.place, "rule '" + rule.name + "' is not defined");
    }
    const auto root = names_.find("root");
    if (root == names_.end()) return grammar_error({}, "there is no rule named root");
    syntax_.root = root->second;
    return std::move(syntax_);
  }

 private:
  using Kind = Expression::Kind;

  [[nodiscard]] bool at(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  [[nodiscard]] tl::unexpected<Error> error(const std::string& what) const { return grammar_error(place_, what); }

  void skip(std::size_t count) {
    for (; count > 0; --count, ++at_) {
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '\n') {
        ++place_.line;
        place_.column = 1;
      } else if ((byte & 0xC0) != 0x80) {  // Columns count characters.
        ++place_.column;
      }
    }
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') skip(1);
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        skip(1);
      } else {
        return;
      }
    }
  }

  [[nodiscard]] std::size_t name_size() const {
    std::size_t size = 0;
    while (at_ + size < text_.size() && is_name_character(text_[at_ + size])) ++size;
    return size;
  }

  // Whether a definition starts here: a name, blanks, "::=".
  [[nodiscard]] bool at_definition() const {
    std::size_t next = at_ + name_size();
    if (next == at_) return false;
    while (next < text_.size() && (text_[next] == ' ' || text_[next] == '\t')) ++next;
    return text_.substr(next).starts_with("::=");
  }

  Result<std::uint32_t> rule_named(std::string_view name) {
    if (const auto found = names_.find(name); found != names_.end()) return found->second;
    if (syntax_.rules.size() >= limits_.rules) return error("more than " + std::to_string(limits_.rules) + " rules");
    const auto index = static_cast<std::uint32_t>(syntax_.rules.size());
    syntax_.rules.push_back({std::string(name), place_, false, 0});
    names_.emplace(std::string(name), index);
    return index;
  }

  [[nodiscard]] Expression make(Kind kind) const {
    Expression out;
    out.kind = kind;
    out.place = place_;
    return out;
  }

  std::uint32_t add(Expression expression) {
    syntax_.expressions.push_back(std::move(expression));
    return static_cast<std::uint32_t>(syntax_.expressions.size() - 1);
  }

  Result<void> rule() {
    if (!at_definition()) return error("expected a rule: name ::= …");
    const Place place = place_;
    const std::size_t size = name_size();
    LINNET_TRY(const std::uint32_t index, rule_named(text_.substr(at_, size)));
    if (syntax_.rules[index].defined) return error("rule '" + syntax_.rules[index].name + "' is defined twice");
    skip(size);
    skip_blanks();
    skip(3);
    LINNET_TRY(const std::uint32_t body, choice(0));
    Rule& rule = syntax_.rules[index];
    rule.defined = true;
    rule.place = place;
    rule.body = body;
    if (at_ < text_.size() && !at_definition()) return error("expected an expression, '|' or the next rule");
    return {};
  }

  Result<std::uint32_t> choice(std::size_t depth) {
    if (depth > limits_.nesting) return error("parentheses nested too deep");
    Expression out = make(Kind::kChoice);
    for (;;) {
      LINNET_TRY(const std::uint32_t option, sequence(depth));
      out.children.push_back(option);
      if (!at("|")) break;
      skip(1);
    }
    return out.children.size() == 1 ? out.children[0] : add(std::move(out));
  }

  Result<std::uint32_t> sequence(std::size_t depth) {
    Expression out = make(Kind::kSequence);
    for (skip_blanks(); at_ < text_.size() && !at("|") && !at(")") && !at_definition(); skip_blanks()) {
      LINNET_TRY(const std::uint32_t item, repeated(depth));
      out.children.push_back(item);
    }
    return out.children.size() == 1 ? out.children[0] : add(std::move(out));
  }

  Result<std::uint32_t> repeated(std::size_t depth) {
    LINNET_TRY(std::uint32_t item, primary(depth));
    std::size_t times = 0;
    for (skip_blanks(); at_ < text_.size(); skip_blanks()) {
      Expression out = make(Kind::kRepeat);
      out.children.push_back(item);
      if (at("{")) {
        LINNET_CHECK(bounds(out));
      } else if (at("?") || at("+") || at("*")) {
        if (at("?")) out.most = 1;
        if (at("+")) out.least = 1;
        skip(1);
      } else {
        break;
      }
      if (++times > kMostPostfixes) return error("too many of ? * + {…} after each other");
      item = add(std::move(out));
    }
    return item;
  }

  Result<std::uint32_t> number() {
    std::uint32_t value = 0;
    if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return error("expected a number");
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; skip(1)) {
      value = value * 10 + static_cast<std::uint32_t>(text_[at_] - '0');
      if (value > limits_.repeats) return error("repeats more than " + std::to_string(limits_.repeats) + " times");
    }
    return value;
  }

  // "{2}", "{2,}", "{2,5}".
  Result<void> bounds(Expression& out) {
    skip(1);
    skip_blanks();
    LINNET_TRY(out.least, number());
    out.most = out.least;
    skip_blanks();
    if (at(",")) {
      skip(1);
      skip_blanks();
      out.most = Expression::kUnbounded;
      if (!at("}")) {
        LINNET_TRY(out.most, number());
      }
      skip_blanks();
    }
    if (!at("}")) return error("expected '}'");
    if (out.most < out.least) return error("the second number is below the first");
    skip(1);
    return {};
  }

  Result<std::uint32_t> primary(std::size_t depth) {
    if (at("\"")) return literal();
    if (at("[")) return character_class();
    if (at("(")) {
      skip(1);
      LINNET_TRY(const std::uint32_t inner, choice(depth + 1));
      if (!at(")")) return error("expected ')'");
      skip(1);
      return inner;
    }
    if (at(".")) {
      Expression any = make(Kind::kClass);
      any.ranges = {{0, kLastCharacter}};
      skip(1);
      return add(std::move(any));
    }
    if (at("%")) return terminal();
    const std::size_t size = name_size();
    if (size == 0) return error("expected a literal, a class, a group or a rule's name");
    Expression out = make(Kind::kRule);
    LINNET_TRY(out.target, rule_named(text_.substr(at_, size)));
    skip(size);
    return add(std::move(out));
  }

  Result<std::uint32_t> terminal() {
    std::size_t size = 1;
    while (at_ + size < text_.size() && is_name_character(text_[at_ + size])) ++size;
    const std::string_view name = text_.substr(at_, size);
    if (name.size() > kOnce.size() && name.starts_with(kOnce)) return once(name);
    if (name != kCopyWords && name != kCopyWordsRaw) {
      return error("unknown terminal; there are %copy-words and %once-NAME");
    }
    Expression out = make(Kind::kCopyWords);
    out.escaped = name == kCopyWords;
    skip(size);
    return add(std::move(out));
  }

  // `name`: with "%once-". The names are numbered as they are met.
  Result<std::uint32_t> once(std::string_view name) {
    const auto number = static_cast<std::uint32_t>(onces_.size());
    const auto found = onces_.emplace(name, number).first;
    if (onces_.size() > GrammarLimits::kOnces) {
      return error("more than " + std::to_string(GrammarLimits::kOnces) + " names of %once-NAME");
    }
    Expression out = make(Kind::kOnce);
    out.target = found->second;
    skip(name.size());
    return add(std::move(out));
  }

  Result<std::uint32_t> literal() {
    Expression out = make(Kind::kLiteral);
    skip(1);
    while (!at("\"")) {
      LINNET_TRY(const char32_t c, character("the literal has no end"));
      char bytes[4];
      out.text.append(bytes, write_code_point(c, bytes));
    }
    skip(1);
    return add(std::move(out));
  }

  Result<std::uint32_t> character_class() {
    Expression out = make(Kind::kClass);
    skip(1);
    const bool invert = at("^");
    if (invert) skip(1);
    while (!at("]")) {
      LINNET_TRY(const char32_t first, character("the class has no end"));
      char32_t last = first;
      if (at("-") && !at("-]")) {
        skip(1);
        LINNET_TRY(last, character("the class has no end"));
      }
      if (last < first) return error("the range's end is below its start");
      out.ranges.emplace_back(first, last);
    }
    skip(1);
    out.ranges = tidied_ranges(std::move(out.ranges));
    if (invert) out.ranges = inverted_ranges(out.ranges);
    if (out.ranges.empty()) return grammar_error(out.place, "the class has no characters");
    return add(std::move(out));
  }

  Result<char32_t> character(const char* end_message) {
    if (at_ >= text_.size() || text_[at_] == '\n') return error(end_message);
    if (text_[at_] == '\\') return escape();
    const CodePoint point = read_code_point(text_.substr(at_));
    skip(point.size);
    return point.value;
  }

  Result<char32_t> escape() {
    skip(1);
    if (at_ >= text_.size()) return error("an escape without a character");
    const char c = text_[at_];
    switch (c) {
      case 'n': skip(1); return U'\n';
      case 'r': skip(1); return U'\r';
      case 't': skip(1); return U'\t';
      case 'x': return code_point(2);
      case 'u': return code_point(4);
      case 'U': return code_point(8);
      default: break;
    }
    if (std::string_view("\\\"'[]^-").find(c) == std::string_view::npos) return error("unknown escape");
    skip(1);
    return static_cast<char32_t>(c);
  }

  Result<char32_t> code_point(std::size_t digits) {
    skip(1);
    char32_t value = 0;
    for (; digits > 0; --digits) {
      const int digit = at_ < text_.size() ? hex_digit(text_[at_]) : -1;
      if (digit < 0) return error("expected a hexadecimal digit");
      value = value << 4 | static_cast<char32_t>(digit);
      skip(1);
    }
    if (value > kLastCharacter || (value >= 0xD800 && value <= 0xDFFF)) return error("not a Unicode character");
    return value;
  }

  std::string_view text_;
  const GrammarLimits& limits_;
  std::size_t at_ = 0;
  Place place_;
  Syntax syntax_;
  std::map<std::string, std::uint32_t, std::less<>> names_;
  std::map<std::string, std::uint32_t, std::less<>> onces_;
};

}  // namespace

tl::unexpected<Error> grammar_error(Place place, const std::string& what) {
  return fail(ErrorKind::kMalformed,
              "grammar: line " + std::to_string(place.line) + ", column " + std::to_string(place.column) + ": " + what);
}

Result<Syntax> parse_grammar(std::string_view text, const GrammarLimits& limits) {
  return Parser(text, limits).parse();
}

}  // namespace linnet::text
