#include "runtime/text/template/printf_format.h"

#include <cmath>
#include <optional>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/number_format.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

class PrintfFormatter {
 public:
  PrintfFormatter(Interpreter& interpreter, std::string_view format, const Value& values)
      : workspace_(interpreter.workspace()), format_(format), values_(values) {}

  Result<std::string> run() {
    while (position_ < format_.size()) {
      LINNET_CHECK(workspace_.room_for_string(out_.size()));
      const char c = format_[position_++];
      if (c != '%') {
        out_.push_back(c);
      } else {
        LINNET_CHECK(read_directive());
      }
    }
    const bool all_used = values_.is(Kind::kTuple) ? used_ == values_.items().size() : used_ > 0 || is_mapping();
    if (!all_used) return python_error("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool is_mapping() const {
    return values_.is(Kind::kDict) || values_.is(Kind::kList) || values_.is(Kind::kUndefined);
  }

  [[nodiscard]] bool at(char c) const { return position_ < format_.size() && format_[position_] == c; }

  Result<std::optional<std::size_t>> read_number() {
    if (at('*')) return fail(ErrorKind::kUnsupported, "a width of * in a format");
    std::optional<std::size_t> number;
    for (; position_ < format_.size() && format_[position_] >= '0' && format_[position_] <= '9'; ++position_) {
      number = number.value_or(0) * 10 + static_cast<std::size_t>(format_[position_] - '0');
      LINNET_CHECK(workspace_.room_for_string(*number));
    }
    return number;
  }

  void read_flags() {
    for (; position_ < format_.size(); ++position_) {
      switch (format_[position_]) {
        case '-': spec_.align = '<'; break;
        case '+': spec_.sign = '+'; break;
        case ' ': spec_.sign = spec_.sign == '+' ? '+' : ' '; break;
        case '#': spec_.alternate = true; break;
        case '0': zero_ = true; break;
        default: return;
      }
    }
  }

  Result<Value> next_value(const std::optional<std::string>& name) {
    if (name) {
      if (!values_.is(Kind::kDict)) return python_error("format requires a mapping");
      const Value* value = values_.as_dict().find(std::string_view(*name));
      if (value == nullptr) return python_error("no key " + quoted(*name) + " for a format");
      used_ = std::max<std::size_t>(used_, 1);
      return *value;
    }
    if (values_.is(Kind::kTuple)) {
      if (used_ >= values_.items().size()) return python_error("not enough arguments for format string");
      return values_.items()[used_++];
    }
    if (used_++ > 0) return python_error("not enough arguments for format string");
    return values_;
  }

  Result<void> read_directive() {
    spec_ = FormatSpec{};
    zero_ = false;
    std::optional<std::string> name;
    if (at('(')) {
      const std::size_t close = format_.find(')', position_);
      if (close == std::string_view::npos) return python_error("incomplete format key");
      name = std::string(format_.substr(position_ + 1, close - position_ - 1));
      position_ = close + 1;
    }
    read_flags();
    LINNET_TRY(const auto width, read_number());
    spec_.width = width.value_or(0);
    if (at('.')) {
      ++position_;
      LINNET_TRY(const auto precision, read_number());
      spec_.precision = precision.value_or(0);
    }
    while (at('l') || at('h') || at('L')) ++position_;
    if (position_ >= format_.size()) return python_error("incomplete format");
    const char type = format_[position_++];
    if (type == '%') {
      out_.push_back('%');
      return {};
    }
    LINNET_TRY(const Value value, next_value(name));
    LINNET_TRY(const std::string text, format_one(type, value));
    out_ += text;
    return {};
  }

  Result<std::string> format_one(char type, const Value& value) {
    if (type == 's' || type == 'r' || type == 'a') return format_string(type, value);
    if (zero_ && spec_.align == 0) {
      spec_.align = '=';
      spec_.fill = "0";
    }
    spec_.type = type;
    switch (type) {
      case 'd':
      case 'i':
      case 'u': return format_decimal(value);
      case 'o':
      case 'x':
      case 'X': {
        const auto integer = as_index(value);
        if (!integer) return python_error(std::string("%") + type + " format: an integer is required");
        return format_integer_padded(*integer);
      }
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (value.is(Kind::kUndefined)) return undefined_error(value);
        if (!value.is_number()) return python_error("must be real number, not " + std::string(type_name_of(value)));
        return format_float(workspace_, as_double(value), spec_);
      case 'c': return format_character(value);
      default: return python_error(std::string("unsupported format character '") + type + "'");
    }
  }

  Result<std::string> format_string(char type, const Value& value) {
    if (type == 'a') return fail(ErrorKind::kUnsupported, "the conversion %a");
    std::string text;
    LINNET_CHECK(type == 'r' ? append_repr(workspace_, text, value) : append_str(workspace_, text, value));
    if (spec_.align == 0) spec_.align = '>';
    return format_text(workspace_, text, spec_);
  }

  Result<std::string> format_decimal(const Value& value) {
    if (value.is(Kind::kUndefined)) return undefined_error(value);
    if (!value.is_number())
      return python_error("%d format: a real number is required, not " + std::string(type_name_of(value)));
    spec_.type = 'd';
    if (!value.is(Kind::kFloat)) return format_integer_padded(*as_index(value));
    const double whole = std::trunc(value.as_float());
    if (!(std::fabs(whole) < 0x1p63)) return fail(ErrorKind::kUnsupported, "an integer of more than 64 bits");
    return format_integer_padded(static_cast<std::int64_t>(whole));
  }

  // A precision of an integer is its least number of digits.
  Result<std::string> format_integer_padded(std::int64_t value) {
    FormatSpec digits = spec_;
    if (!spec_.precision) return format_integer(workspace_, value, digits);
    digits.precision.reset();
    digits.width = 0;
    LINNET_TRY(std::string text, format_integer(workspace_, value, digits));
    const std::size_t sign = text.find_first_of("0123456789abcdefABCDEF");
    const std::size_t prefix = spec_.alternate && spec_.type != 'd' ? sign + 2 : sign;
    if (text.size() - prefix < *spec_.precision) text.insert(prefix, *spec_.precision - (text.size() - prefix), '0');
    FormatSpec field = spec_;
    field.type = 0;
    field.precision.reset();
    if (field.align != '<') field.align = '>';
    field.fill = " ";
    return format_text(workspace_, text, field);
  }

  Result<std::string> format_character(const Value& value) {
    if (value.is(Kind::kString) && value.code_points() == 1) {
      spec_.type = 0;
      if (spec_.align != '<') spec_.align = '>';
      return format_text(workspace_, value.as_string(), spec_);
    }
    const auto integer = as_index(value);
    if (!integer) return python_error("%c requires int or char");
    if (spec_.align != '<') spec_.align = '>';
    return format_integer(workspace_, *integer, spec_);
  }

  Workspace& workspace_;
  std::string_view format_;
  const Value& values_;
  std::size_t position_ = 0;
  std::size_t used_ = 0;  // Values consumed.
  std::string out_;
  FormatSpec spec_;
  bool zero_ = false;
};

}  // namespace

Result<Value> printf_format(Interpreter& interpreter, const Value& format, const Value& values) {
  if (format.is_markup()) return fail(ErrorKind::kUnsupported, "formatting a string that was marked safe");
  LINNET_TRY(std::string text, PrintfFormatter(interpreter, format.as_string(), values).run());
  return interpreter.workspace().string(std::move(text));
}

}  // namespace linnet::templates
