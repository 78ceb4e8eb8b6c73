#include "runtime/text/template/json_read.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/text/template/number_parse.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class JsonReader {
 public:
  JsonReader(std::string_view text, std::size_t depth) : text_(text), most_depth_(depth) {}

  Result<Value> run() {
    LINNET_TRY(Value value, read_value());
    skip_space();
    if (position_ != text_.size()) return unexpected();
    return value;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> unexpected() const {
    if (position_ >= text_.size()) return fail(ErrorKind::kMalformed, "not JSON: it ends too early");
    return fail(ErrorKind::kMalformed, "not JSON: byte " + std::to_string(position_ + 1) + " is unexpected");
  }

  void skip_space() {
    while (position_ < text_.size() && std::string_view(" \t\n\r").find(text_[position_]) != std::string_view::npos) {
      ++position_;
    }
  }

  [[nodiscard]] bool at(char c) const { return position_ < text_.size() && text_[position_] == c; }

  bool skip(char c) {
    if (!at(c)) return false;
    ++position_;
    return true;
  }

  Result<Value> read_value() {
    skip_space();
    if (at('{') || at('[')) return read_container();
    if (at('"')) {
      LINNET_TRY(std::string text, read_string());
      return Value::string(std::move(text));
    }
    if (position_ < text_.size() && (is_digit(text_[position_]) || at('-'))) return read_number();
    return read_word();
  }

  Result<Value> read_word() {
    const std::pair<std::string_view, Value> words[] = {
        {"null", Value::none()}, {"true", Value::boolean(true)}, {"false", Value::boolean(false)}};
    for (const auto& [word, value] : words) {
      if (!text_.substr(position_).starts_with(word)) continue;
      position_ += word.size();
      return value;
    }
    return unexpected();
  }

  Result<Value> read_container() {
    if (depth_ >= most_depth_) {
      return fail(ErrorKind::kUnsupported, "JSON nests deeper than " + std::to_string(most_depth_));
    }
    ++depth_;
    Result<Value> value = skip('{') ? read_object() : read_array();
    --depth_;
    return value;
  }

  Result<Value> read_object() {
    Dict dict;
    skip_space();
    if (skip('}')) return Value::dict(std::move(dict));
    while (true) {
      skip_space();
      LINNET_TRY(std::string key, read_string());
      skip_space();
      if (!skip(':')) return unexpected();
      LINNET_TRY(Value value, read_value());
      dict.set(Value::string(std::move(key)), std::move(value));
      skip_space();
      if (skip('}')) return Value::dict(std::move(dict));
      if (!skip(',')) return unexpected();
    }
  }

  Result<Value> read_array() {
    ++position_;  // The bracket.
    std::vector<Value> items;
    skip_space();
    if (skip(']')) return Value::list(std::move(items));
    while (true) {
      LINNET_TRY(Value value, read_value());
      items.push_back(std::move(value));
      skip_space();
      if (skip(']')) return Value::list(std::move(items));
      if (!skip(',')) return unexpected();
    }
  }

  // Digits, at least one.
  bool skip_digits() {
    const std::size_t begin = position_;
    while (position_ < text_.size() && is_digit(text_[position_])) ++position_;
    return position_ > begin;
  }

  Result<Value> read_number() {
    const std::size_t begin = position_;
    skip('-');
    if (!skip('0') && !skip_digits()) return unexpected();
    bool is_float = false;
    if (skip('.')) {
      is_float = true;
      if (!skip_digits()) return unexpected();
    }
    if (skip('e') || skip('E')) {
      is_float = true;
      if (!skip('+')) skip('-');
      if (!skip_digits()) return unexpected();
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + position_;
    if (!is_float) {
      std::int64_t integer = 0;
      if (std::from_chars(first, last, integer).ec == std::errc()) return Value::integer(integer);
      return fail(ErrorKind::kUnsupported, "an integer of more than 64 bits in JSON");
    }
    return Value::floating(parse_float(text_.substr(begin, position_ - begin)).value_or(0));
  }

  Result<std::string> read_string() {
    if (!skip('"')) return unexpected();
    std::string out;
    while (position_ < text_.size() && !at('"')) {
      const auto byte = static_cast<std::uint8_t>(text_[position_]);
      if (byte < 0x20) return unexpected();
      if (byte == '\\') {
        LINNET_CHECK(read_escape(out));
        continue;
      }
      const std::size_t size = code_point_size(text_, position_);
      if (size == 1 && byte >= 0x80) return unexpected();  // Not UTF-8.
      out.append(text_.substr(position_, size));
      position_ += size;
    }
    if (!skip('"')) return unexpected();
    return out;
  }

  Result<void> read_escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++position_;  // The backslash.
    if (at('u')) return read_unicode_escape(out);
    const std::size_t known = position_ < text_.size() ? kLetters.find(text_[position_]) : std::string_view::npos;
    if (known == std::string_view::npos) return unexpected();
    out.push_back(kMeanings[known]);
    ++position_;
    return {};
  }

  // uXXXX at the current byte.
  Result<char32_t> read_unit() {
    if (!skip('u')) return unexpected();
    std::uint32_t unit = 0;
    const std::string_view digits = text_.substr(position_, 4);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (digits.size() != 4 || parsed.ptr != digits.data() + 4) return unexpected();
    position_ += 4;
    return unit;
  }

  Result<void> read_unicode_escape(std::string& out) {
    LINNET_TRY(char32_t c, read_unit());
    if (c >= 0xD800 && c <= 0xDBFF && skip('\\')) {
      LINNET_TRY(const char32_t low, read_unit());
      if (low < 0xDC00 || low > 0xDFFF) return unexpected();
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (c >= 0xD800 && c <= 0xDFFF) return fail(ErrorKind::kMalformed, "not JSON: half of a surrogate pair");
    append_code_point(out, c);
    return {};
  }

  std::string_view text_;
  std::size_t most_depth_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

Result<Value> parse_json(std::string_view text, std::size_t depth) { return JsonReader(text, depth).run(); }

}  // namespace linnet::templates
