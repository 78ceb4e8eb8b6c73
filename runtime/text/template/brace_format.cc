#include "runtime/text/template/brace_format.h"

#include <charconv>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/number_format.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& arguments)
      : interpreter_(interpreter), workspace_(interpreter.workspace()), arguments_(arguments) {}

  // `nesting` is 1 inside of a specification, where fields may stand once more.
  Result<std::string> run(std::string_view format, int nesting) {
    std::string out;
    for (std::size_t position = 0; position < format.size();) {
      const char c = format[position++];
      if (c != '{' && c != '}') {
        out.push_back(c);
      } else if (position < format.size() && format[position] == c) {
        out.push_back(c);
        ++position;
      } else if (c == '}') {
        return python_error("single '}' encountered in format string");
      } else {
        LINNET_TRY(const std::string_view field, read_field(format, position));
        LINNET_TRY(const std::string text, format_field(field, nesting));
        out += text;
      }
      LINNET_CHECK(workspace_.room_for_string(out.size()));
    }
    return out;
  }

 private:
  // The text up to the brace that closes the field; `position` moves behind it.
  static Result<std::string_view> read_field(std::string_view format, std::size_t& position) {
    int open = 1;
    for (std::size_t end = position; end < format.size(); ++end) {
      if (format[end] == '{') ++open;
      if (format[end] == '}' && --open == 0) {
        const std::string_view field = format.substr(position, end - position);
        position = end + 1;
        return field;
      }
    }
    return python_error("expected '}' before end of string");
  }

  Result<std::string> format_field(std::string_view field, int nesting) {
    if (nesting > 1) return python_error("max string recursion exceeded");
    const std::size_t colon = field.find(':');
    std::string_view name = field.substr(0, colon);
    char conversion = 0;
    if (const std::size_t mark = name.find('!'); mark != std::string_view::npos) {
      if (mark + 2 != name.size()) return python_error("expected ':' after conversion specifier");
      conversion = name[mark + 1];
      name = name.substr(0, mark);
    }
    LINNET_TRY(Value value, find_value(name));
    LINNET_TRY(value, convert(std::move(value), conversion));
    std::string spec;
    if (colon != std::string_view::npos) {
      LINNET_TRY(spec, run(field.substr(colon + 1), nesting + 1));
    }
    return format_value(value, spec);
  }

  Result<Value> convert(Value value, char conversion) {
    if (conversion == 0) return value;
    if (conversion == 's') return to_str_value(workspace_, value);
    if (conversion != 'r') return fail(ErrorKind::kUnsupported, std::string("the conversion !") + conversion);
    std::string text;
    LINNET_CHECK(append_repr(workspace_, text, value));
    return workspace_.string(std::move(text));
  }

  // `name`, `0`, nothing (the next), then `.attribute` and `[key]`.
  Result<Value> find_value(std::string_view name) {
    const std::size_t end = std::min(name.find_first_of(".["), name.size());
    LINNET_TRY(Value value, find_argument(name.substr(0, end)));
    for (std::size_t position = end; position < name.size();) {
      const bool is_key = name[position] == '[';
      const std::size_t begin = position + 1;
      const std::size_t stop = std::min(is_key ? name.find(']', begin) : name.find_first_of(".[", begin), name.size());
      if (stop == begin || (is_key && stop == name.size())) return python_error("empty attribute in format string");
      const std::string_view part = name.substr(begin, stop - begin);
      LINNET_TRY(value, find_part(value, part, is_key));
      position = is_key ? stop + 1 : stop;
      if (is_key && position < name.size() && name[position] != '.' && name[position] != '[') {
        return python_error("only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  Result<Value> find_part(const Value& value, std::string_view part, bool is_key) {
    std::int64_t index = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), index);
    if (is_key && is_digit(part[0]) && parsed.ec == std::errc() && parsed.ptr == part.data() + part.size()) {
      return interpreter_.item(value, Value::integer(index));
    }
    LINNET_TRY(const Value key, workspace_.string(std::string(part)));
    return is_key ? interpreter_.item(value, key) : interpreter_.attribute(value, key);
  }

  Result<Value> find_argument(std::string_view name) {
    const bool numbered = !name.empty() && is_digit(name[0]);
    if (name.empty() || numbered) {
      const Numbering wanted = numbered ? Numbering::kManual : Numbering::kAutomatic;
      if (numbering_ != Numbering::kUndecided && numbering_ != wanted) {
        return python_error("cannot switch between automatic and manual field numbering");
      }
      numbering_ = wanted;
      std::size_t index = next_;
      if (numbered) {
        std::from_chars(name.data(), name.data() + name.size(), index);
      } else {
        ++next_;
      }
      if (index >= arguments_.positional.size()) return python_error("replacement index out of range for format");
      return arguments_.positional[index];
    }
    for (const auto& [key, value] : arguments_.named) {
      if (key == name) return value;
    }
    return python_error("no argument " + quoted(name) + " for a format");
  }

  Result<std::string> format_value(const Value& value, std::string_view text) {
    if (text.empty()) return to_str(workspace_, value);
    LINNET_TRY(FormatSpec spec, parse_spec(text));
    switch (value.kind()) {
      case Kind::kString: return format_text(workspace_, value.as_string(), spec);
      case Kind::kFloat: return format_float(workspace_, value.as_float(), spec);
      case Kind::kInteger: return format_integer(workspace_, value.as_integer(), spec);
      case Kind::kBoolean: return format_integer(workspace_, *as_index(value), spec);
      default: return python_error("unsupported format string passed to " + std::string(type_name_of(value)));
    }
  }

  Result<FormatSpec> parse_spec(std::string_view text) {
    FormatSpec spec;
    std::size_t position = 0;
    const auto is_align = [text](std::size_t at) {
      return at < text.size() && std::string_view("<>^=").find(text[at]) != std::string_view::npos;
    };
    const auto skip = [&](char c) { return position < text.size() && text[position] == c && ++position > 0; };
    const std::size_t first = code_point_size(text, 0);
    if (is_align(first)) {
      spec.fill = std::string(text.substr(0, first));
      spec.align = text[first];
      position = first + 1;
    } else if (is_align(0)) {
      spec.align = text[position++];
    }
    for (const char sign : {'+', '-', ' '}) {
      if (skip(sign)) {
        spec.sign = sign;
        break;
      }
    }
    spec.alternate = skip('#');
    if (skip('0') && spec.align == 0) {
      spec.align = '=';
      spec.fill = "0";
    }
    LINNET_TRY(const auto width, read_number(text, position));
    spec.width = width.value_or(0);
    if (skip(',')) spec.grouping = ',';
    if (skip('_')) spec.grouping = '_';
    if (skip('.')) {
      LINNET_TRY(spec.precision, read_number(text, position));
      if (!spec.precision) return python_error("format specifier missing precision");
    }
    if (position < text.size()) spec.type = text[position++];
    if (position != text.size()) return python_error("invalid format specifier " + quoted(text));
    return spec;
  }

  Result<std::optional<std::size_t>> read_number(std::string_view text, std::size_t& position) {
    std::optional<std::size_t> number;
    for (; position < text.size() && is_digit(text[position]); ++position) {
      number = number.value_or(0) * 10 + static_cast<std::size_t>(text[position] - '0');
      LINNET_CHECK(workspace_.room_for_string(*number));
    }
    return number;
  }

  enum class Numbering { kUndecided, kAutomatic, kManual };

  Interpreter& interpreter_;
  Workspace& workspace_;
  const Arguments& arguments_;
  Numbering numbering_ = Numbering::kUndecided;
  std::size_t next_ = 0;
};

}  // namespace

Result<Value> brace_format(Interpreter& interpreter, const Value& format, const Arguments& arguments) {
  if (format.is_markup()) return fail(ErrorKind::kUnsupported, "formatting a string that was marked safe");
  LINNET_TRY(std::string text, BraceFormatter(interpreter, arguments).run(format.as_string(), 0));
  return interpreter.workspace().string(std::move(text));
}

}  // namespace linnet::templates
