// Filters that give text.
#include <algorithm>
#include <string>

#include "runtime/text/template/characters.h"
#include "runtime/text/template/filter_functions.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/json_write.h"
#include "runtime/text/template/methods.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/printf_format.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/text_search.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates::filters {

namespace {

// `soft_str(subject).method(arguments)`.
Result<Value> by_method(Interpreter& interpreter, const Value& subject, std::string_view method,
                        const Arguments& arguments) {
  LINNET_TRY(const Value text, to_str_value(interpreter.workspace(), subject, Markup::kKeep));
  return lookup_method(text, method)->function(interpreter, text, arguments);
}

Result<std::string> text_argument(Interpreter& interpreter, const Bound& bound, std::size_t index) {
  return to_str(interpreter.workspace(), bound[index]);
}

}  // namespace

Result<Value> capitalize(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return by_method(interpreter, subject, "capitalize", arguments);
}

Result<Value> lower(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return by_method(interpreter, subject, "lower", arguments);
}

Result<Value> upper(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return by_method(interpreter, subject, "upper", arguments);
}

Result<Value> trim(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("trim", arguments, {"chars"}));
  Arguments characters;
  if (bound.has(0)) characters.positional.push_back(bound[0]);
  return by_method(interpreter, subject, "strip", characters);
}

Result<Value> center(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("center", arguments, {"width"}));
  Arguments width;
  width.positional.push_back(bound.has(0) ? bound[0] : Value::integer(80));
  return by_method(interpreter, subject, "center", width);
}

Result<Value> string(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("string", arguments, {}));
  return to_str_value(interpreter.workspace(), subject, Markup::kKeep);
}

Result<Value> safe(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("safe", arguments, {}));
  if (subject.is_markup()) return subject;
  LINNET_TRY(std::string text, to_str(interpreter.workspace(), subject));
  return interpreter.workspace().string(std::move(text), true);
}

Result<Value> escape(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("escape", arguments, {}));
  if (subject.is_markup()) return subject;
  LINNET_TRY(const std::string text, to_str(interpreter.workspace(), subject));
  return interpreter.workspace().string(escape_html(text), true);
}

Result<Value> force_escape(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("forceescape", arguments, {}));
  LINNET_TRY(const std::string text, to_str(interpreter.workspace(), subject));
  return interpreter.workspace().string(escape_html(text), true);
}

Result<Value> replace(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("replace", arguments, {"old", "new", "count"}, 2));
  LINNET_TRY(const std::string text, to_str(interpreter.workspace(), subject));
  LINNET_TRY(const std::string from, text_argument(interpreter, bound, 0));
  LINNET_TRY(const std::string to, text_argument(interpreter, bound, 1));
  LINNET_TRY(const std::int64_t limit, bound.integer(2, -1));
  const std::size_t most = limit < 0 ? kNoLimit : as_size(limit);
  LINNET_CHECK(interpreter.workspace().spend_search(text, from));
  LINNET_CHECK(interpreter.workspace().room_for_string(replaced_size(text, from, to, most)));
  return interpreter.workspace().string(templates::replace(text, from, to, most));
}

Result<Value> title(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("title", arguments, {}));
  LINNET_TRY(const Value value, to_str_value(interpreter.workspace(), subject, Markup::kKeep));
  // Jinja2's own rule: words begin after white space and -({[< only, unlike str.title.
  const auto begins_after = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  std::string out;
  const std::string_view text = value.as_string();
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t begin = position;
    const char32_t first = next_code_point(text, position);
    std::string_view head = text.substr(begin, position - begin);
    if (begins_after(first)) {
      out += head;
      continue;
    }
    const std::size_t rest = position;
    for (std::size_t next = position; next < text.size() && !begins_after(next_code_point(text, next));)
      position = next;
    out += to_upper(head) + to_lower(text.substr(rest, position - rest));
  }
  return interpreter.workspace().string(std::move(out), value.is_markup());
}

Result<Value> indent(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("indent", arguments, {"width", "first", "blank"}));
  if (subject.is(Kind::kUndefined)) return undefined_error(subject);
  if (!subject.is(Kind::kString))
    return python_error(std::string("indent needs a string, not ") + type_name_of(subject));
  std::string by;
  if (bound.has(0) && bound[0].is(Kind::kString)) {
    by = bound[0].as_string();
  } else {
    if (bound.has(0) && !as_index(bound[0])) return python_error("indent's width must be an integer or a string");
    LINNET_TRY(const std::int64_t width, bound.integer(0, 4));
    const std::size_t blanks = as_size(width);
    LINNET_CHECK(interpreter.workspace().room_for_string(blanks));
    by.assign(blanks, ' ');
  }
  const std::string text = subject.as_string() + "\n";
  std::string out = bound.flag(1) ? by : "";
  bool is_first = true;
  for (const std::string_view line : split_lines(text)) {
    if (!is_first) out += "\n";
    if (!is_first && (bound.flag(2) || !line.empty())) out += by;
    out += line;
    is_first = false;
    LINNET_CHECK(interpreter.workspace().room_for_string(out.size()));
  }
  return interpreter.workspace().string(std::move(out), subject.is_markup());
}

Result<Value> truncate(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("truncate", arguments, {"length", "killwords", "end", "leeway"}));
  LINNET_TRY(const std::int64_t length, bound.integer(0, 255));
  LINNET_TRY(const std::string_view end, bound.text(2, "..."));
  LINNET_TRY(const std::int64_t leeway, bound.integer(3, 5));
  const auto kept = length - static_cast<std::int64_t>(count_code_points(end));
  if (kept < 0 || leeway < 0) return python_error("truncate: the length is shorter than the end");
  const auto size = length_of(subject);
  if (!size) return python_error("object of type " + quoted(type_name_of(subject)) + " has no len()");
  if (static_cast<std::int64_t>(*size) - leeway <= length) return subject;
  if (!subject.is(Kind::kString)) {
    return python_error(std::string("truncate needs a string, not ") + type_name_of(subject));
  }
  const std::string_view text = subject.as_string();
  std::string_view head = text.substr(0, byte_offset(text, as_size(kept)));
  if (!bound.flag(1)) head = head.substr(0, head.rfind(' '));
  return interpreter.workspace().string(std::string(head) + std::string(end), subject.is_markup());
}

Result<Value> word_count(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("wordcount", arguments, {}));
  LINNET_TRY(const std::string text, to_str(interpreter.workspace(), subject));
  std::int64_t count = 0;
  bool in_word = false;
  for (std::size_t position = 0; position < text.size();) {
    const bool word = is_word(next_code_point(text, position));
    if (word && !in_word) ++count;
    in_word = word;
  }
  return Value::integer(count);
}

Result<Value> format(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  if (!arguments.named.empty() && !arguments.positional.empty()) {
    return python_error("can't handle positional and keyword arguments at the same time");
  }
  LINNET_TRY(const Value text, to_str_value(interpreter.workspace(), subject, Markup::kKeep));
  if (arguments.named.empty()) {
    LINNET_TRY(const Value values, interpreter.workspace().tuple(arguments.positional));
    return printf_format(interpreter, text, values);
  }
  Dict named;
  for (const auto& [name, value] : arguments.named) named.set(name, value);
  LINNET_TRY(const Value values, interpreter.workspace().dict(std::move(named)));
  return printf_format(interpreter, text, values);
}

namespace {

// json.dumps takes a number of blanks or the blanks themselves.
Result<void> read_indent(Interpreter& interpreter, const Bound& bound, JsonStyle& style) {
  if (!bound.has_value(1)) return {};
  style.item_separator = ",";
  if (bound[1].is(Kind::kString)) {
    style.indent = bound[1].as_string();
    return {};
  }
  LINNET_TRY(const std::int64_t width, bound.integer(1, 0));
  const std::size_t blanks = as_size(width);
  LINNET_CHECK(interpreter.workspace().room_for_string(blanks));
  style.indent = std::string(blanks, ' ');
  return {};
}

Result<void> read_separators(const Bound& bound, JsonStyle& style) {
  if (!bound.has_value(2)) return {};
  const Value& pair = bound[2];
  const bool fits = pair.is_sequence() && pair.items().size() == 2 && pair.items()[0].is(Kind::kString) &&
                    pair.items()[1].is(Kind::kString);
  if (!fits) return python_error("tojson's separators must be two strings");
  style.item_separator = pair.items()[0].as_string();
  style.key_separator = pair.items()[1].as_string();
  return {};
}

}  // namespace

Result<Value> tojson(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  // Hugging Face's signature, ensure_ascii first.
  LINNET_TRY(const Bound bound, bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ascii = bound.flag(0);
  style.sort_keys = bound.flag(3);
  LINNET_CHECK(read_indent(interpreter, bound, style));
  LINNET_CHECK(read_separators(bound, style));
  LINNET_TRY(std::string text, write_json(interpreter.workspace(), subject, style));
  return interpreter.workspace().string(std::move(text));
}

}  // namespace linnet::templates::filters
