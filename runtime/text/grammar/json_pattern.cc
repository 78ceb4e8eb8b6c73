#include "runtime/text/grammar/json_pattern.h"

#include <algorithm>
#include <optional>

#include "runtime/text/grammar/json_text.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::size_t kDeepest = 32;
constexpr std::uint32_t kMostRepeats = 10'000;

const CharacterRanges kDigits = {{U'0', U'9'}};
const CharacterRanges kWord = {{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}};
const CharacterRanges kSpaces = {{U'\t', U'\n'}, {U'\r', U'\r'}, {U' ', U' '}};
// What every reading of \s takes, and what none of \S does, differ: the complement leaves out all of them.
const CharacterRanges kAnySpaces = {{U'\t', U'\r'}, {0x1C, 0x20}};

class PatternReader {
 public:
  explicit PatternReader(std::string_view pattern) : rest_(pattern), pattern_(pattern) {}

  // Anchors belong to one alternative each.
  Result<std::string> read() {
    const std::string any = json_character({{0, kLastCharacter}}) + "*";
    std::string out;
    for (;;) {
      const bool from_start = take('^');
      LINNET_TRY(const std::string body, sequence(0));
      const bool to_end = take('$');
      if (!from_start) out += any + " ";
      out += body.empty() ? "\"\"" : body;
      if (!to_end) out += " " + any;
      if (rest_.empty()) return out;
      if (!take('|')) return unsupported(rest_[0] == ')' ? "')' without '('" : "an anchor inside the pattern");
      out += " | ";
    }
  }

 private:
  [[nodiscard]] std::string place() const { return " at character " + std::to_string(pattern_.size() - rest_.size()); }
  [[nodiscard]] tl::unexpected<Error> unsupported(const std::string& what) const {
    return fail(ErrorKind::kUnsupported, what + place());
  }
  [[nodiscard]] tl::unexpected<Error> malformed(const std::string& what) const {
    return fail(ErrorKind::kMalformed, what + place());
  }

  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Result<std::string> choice(std::size_t depth) {
    if (depth > kDeepest) return unsupported("groups nested too deep");
    std::string out;
    for (;;) {
      LINNET_TRY(const std::string option, sequence(depth));
      out += option.empty() ? "\"\"" : option;
      if (!take('|')) return out;
      out += " | ";
    }
  }

  Result<std::string> sequence(std::size_t depth) {
    std::string out;
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')' && !(depth == 0 && rest_[0] == '$')) {
      LINNET_TRY(const std::string atom, repeated(depth));
      out += (out.empty() ? "" : " ") + atom;
    }
    return out;
  }

  Result<std::string> repeated(std::size_t depth) {
    LINNET_TRY(std::string atom, single(depth));
    if (rest_.empty()) return atom;
    std::string times;
    if (take('*')) {
      times = "*";
    } else if (take('+')) {
      times = "+";
    } else if (take('?')) {
      times = "?";
    } else if (rest_[0] == '{') {
      LINNET_TRY(times, bounds());
    }
    if (times.empty()) return atom;
    (void)take('?');  // Lazy or greedy, the texts are the same.
    if (!rest_.empty() && std::string_view("*+?{").find(rest_[0]) != std::string_view::npos) {
      return malformed("nothing to repeat");
    }
    return "(" + atom + ")" + times;
  }

  Result<std::string> bounds() {
    const std::size_t end = rest_.find('}');
    if (end == std::string_view::npos) return malformed("'{' without '}'");
    const std::string_view inside = rest_.substr(1, end - 1);
    const std::size_t comma = inside.find(',');
    const auto least = number(inside.substr(0, comma));
    const bool open = comma != std::string_view::npos && comma + 1 == inside.size();
    const auto most = comma == std::string_view::npos ? least : open ? least : number(inside.substr(comma + 1));
    if (!least || !most || *most < *least) return malformed("'{' without two numbers");
    rest_.remove_prefix(end + 1);
    return "{" + std::to_string(*least) + (open ? ",}" : "," + std::to_string(*most) + "}");
  }

  static std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    if (text.empty()) return std::nullopt;
    for (const char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<std::uint32_t>(c - '0');
      if (value > kMostRepeats) return std::nullopt;
    }
    return value;
  }

  Result<std::string> single(std::size_t depth) {
    if (take('(')) return group(depth);
    if (take('[')) return character_class();
    if (take('.')) return json_character(inverted_ranges({{U'\n', U'\n'}, {U'\r', U'\r'}, {0x2028, 0x2029}}));
    if (rest_[0] == '^' || rest_[0] == '$') return unsupported("an anchor inside the pattern");
    if (std::string_view("*+?{").find(rest_[0]) != std::string_view::npos) return malformed("nothing to repeat");
    if (take('\\')) {
      LINNET_TRY(const CharacterRanges set, escape());
      return json_character(set);
    }
    const CodePoint point = read_code_point(rest_);
    rest_.remove_prefix(point.size);
    return json_character({{point.value, point.value}});
  }

  Result<std::string> group(std::size_t depth) {
    if (take('?')) {
      if (!take(':')) return unsupported("look-around, names and flags in a group");
    }
    LINNET_TRY(const std::string inside, choice(depth + 1));
    if (!take(')')) return malformed("'(' without ')'");
    return "(" + inside + ")";
  }

  static CharacterRanges ascii_but(const CharacterRanges& ranges) { return inverted_ranges(ranges, 0x7F); }

  // The characters of an escape, after its backslash.
  Result<CharacterRanges> escape() {
    if (rest_.empty()) return malformed("a backslash at the end");
    const char c = rest_[0];
    rest_.remove_prefix(1);
    switch (c) {
      case 'd': return kDigits;
      case 'w': return kWord;
      case 's': return kSpaces;
      case 'D': return ascii_but(kDigits);
      case 'W': return ascii_but(kWord);
      case 'S': return ascii_but(kAnySpaces);
      case 'n': return CharacterRanges{{U'\n', U'\n'}};
      case 'r': return CharacterRanges{{U'\r', U'\r'}};
      case 't': return CharacterRanges{{U'\t', U'\t'}};
      case 'f': return CharacterRanges{{U'\f', U'\f'}};
      case 'v': return CharacterRanges{{U'\v', U'\v'}};
      case 'x': return code_point(2);
      case 'u': return code_point(4);
      default: break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || static_cast<unsigned char>(c) >= 0x80) return unsupported("this escape");
    return CharacterRanges{{static_cast<char32_t>(c), static_cast<char32_t>(c)}};
  }

  Result<CharacterRanges> code_point(std::size_t digits) {
    char32_t value = 0;
    for (; digits > 0; --digits) {
      const char c = rest_.empty() ? '\0' : rest_[0];
      const bool digit = c >= '0' && c <= '9';
      const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!digit && !letter) return malformed("expected a hexadecimal digit");
      value = value << 4 | static_cast<char32_t>(digit ? c - '0' : (c | 0x20) - 'a' + 10);
      rest_.remove_prefix(1);
    }
    if (value >= 0xD800 && value <= 0xDFFF) return unsupported("half of a surrogate pair");
    return CharacterRanges{{value, value}};
  }

  // One member of a class: a character, or the set of an escape.
  Result<CharacterRanges> member() {
    if (take('\\')) {
      if (take('b')) return CharacterRanges{{U'\b', U'\b'}};
      if (take('-')) return CharacterRanges{{U'-', U'-'}};
      return escape();
    }
    const CodePoint point = read_code_point(rest_);
    rest_.remove_prefix(point.size);
    return CharacterRanges{{point.value, point.value}};
  }

  static bool is_one(const CharacterRanges& set) { return set.size() == 1 && set[0].first == set[0].second; }

  Result<std::string> character_class() {
    const bool invert = take('^');
    bool has_set = false;
    CharacterRanges set;
    while (!take(']')) {
      if (rest_.empty()) return malformed("'[' without ']'");
      LINNET_TRY(const CharacterRanges low, member());
      has_set = has_set || !is_one(low);
      set.insert(set.end(), low.begin(), low.end());
      if (!is_one(low) || rest_.size() < 2 || rest_[0] != '-' || rest_[1] == ']') continue;
      (void)take('-');
      LINNET_TRY(const CharacterRanges high, member());
      if (!is_one(high) || high[0].first < low[0].first) return malformed("a range that is none");
      set.back().second = high[0].first;
    }
    set = tidied_ranges(std::move(set));
    // Sets like \d are wider in some engines: what is outside of them is certain in ASCII only.
    if (invert && has_set) set.insert(set.end(), kAnySpaces.begin(), kAnySpaces.end());
    if (invert) set = inverted_ranges(tidied_ranges(std::move(set)), has_set ? 0x7F : kLastCharacter);
    const std::string out = set.empty() ? std::string() : json_character(set);
    if (out.empty()) return unsupported("a class without characters");
    return out;
  }

  std::string_view rest_;
  std::string_view pattern_;
};

}  // namespace

Result<std::string> grammar_of_pattern(std::string_view pattern) { return PatternReader(pattern).read(); }

}  // namespace linnet::text
