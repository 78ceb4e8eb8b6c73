#include "runtime/text/template/string_methods.h"

#include <algorithm>
#include <array>
#include <string>

#include "runtime/text/template/brace_format.h"
#include "runtime/text/template/characters.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/text_search.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

using Function = Callable::Function;

// Methods of str take few keywords; where Python takes none, a keyword is an error too.
Result<Bound> bind_positional(std::string_view callee, const Arguments& arguments,
                              std::initializer_list<std::string_view> parameters, std::size_t required = 0) {
  if (!arguments.named.empty()) return python_error(std::string(callee) + "() takes no keyword arguments");
  return bind(callee, arguments, parameters, required);
}

// A string argument that must be one.
Result<std::string_view> required_text(const Bound& bound, std::size_t index) {
  if (!bound.has_value(index)) return python_error("expected a string, got None");
  return bound.text(index, "");
}

Result<Value> text_result(Interpreter& interpreter, const Value& self, std::string_view text) {
  if (text.size() == self.as_string().size()) return self;  // Stripped of nothing.
  return interpreter.workspace().string(std::string(text), self.is_markup());
}

template <std::string (*map)(std::string_view)>
Result<Value> mapped(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_CHECK(bind_positional("str method", arguments, {}));
  LINNET_CHECK(interpreter.workspace().room_for_string(self.as_string().size()));
  return interpreter.workspace().string(map(self.as_string()), self.is_markup());
}

std::string fold_case(std::string_view text) {
  // Full case folding is lower case for all that chat templates compare, but for the sharp s.
  return replace(to_lower(text), "ß", "ss", kNoLimit);
}

template <Side side>
Result<Value> stripped(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("strip", arguments, {"chars"}));
  LINNET_TRY(const std::string_view characters, bound.text(0, ""));
  LINNET_CHECK(interpreter.workspace().spend_search(self.as_string(), characters));
  if (!bound.has_value(0)) return text_result(interpreter, self, strip_space(self.as_string(), side));
  return text_result(interpreter, self, strip(self.as_string(), characters, side));
}

Result<Value> list_of(Interpreter& interpreter, const Value& self, const std::vector<std::string_view>& pieces) {
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (const std::string_view piece : pieces) {
    LINNET_TRY(Value item, interpreter.workspace().string(std::string(piece), self.is_markup()));
    items.push_back(std::move(item));
  }
  return interpreter.workspace().list(std::move(items));
}

template <bool from_right>
Result<Value> split_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("split", arguments, {"sep", "maxsplit"}));
  if (bound.has(1) && !as_index(bound[1])) return python_error("maxsplit must be an integer");
  LINNET_TRY(const std::int64_t limit, bound.integer(1, -1));
  LINNET_TRY(const std::string_view separator, bound.text(0, ""));
  const std::string_view text = self.as_string();
  const std::size_t most = limit < 0 ? kNoLimit : as_size(limit);
  Workspace& workspace = interpreter.workspace();
  LINNET_CHECK(workspace.spend_search(text, separator));
  if (!bound.has_value(0)) {
    LINNET_CHECK(workspace.room_for_elements(std::min(most, text.size() / 2)));
    return list_of(interpreter, self, from_right ? split_space_right(text, most) : split_space(text, most));
  }
  if (separator.empty()) return python_error("empty separator");
  LINNET_CHECK(workspace.room_for_elements(std::min(most, count_occurrences(text, separator))));
  return list_of(interpreter, self, from_right ? split_right(text, separator, most) : split(text, separator, most));
}

Result<Value> split_lines_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("splitlines", arguments, {"keepends"}));
  LINNET_CHECK(interpreter.workspace().room_for_elements(self.as_string().size() / 4));
  LINNET_CHECK(interpreter.workspace().spend_bytes(self.as_string().size()));
  return list_of(interpreter, self, split_lines(self.as_string(), bound.flag(0) ? LineEnds::kKeep : LineEnds::kDrop));
}

// The part of a string that optional start and stop arguments choose, and where it begins in characters.
struct Window {
  std::string_view text;
  std::size_t begin;
  bool exists;  // False where the start lies beyond the end: nothing is found there, not even "".
};

Result<Window> window(Interpreter& interpreter, const Value& self, const Bound& bound) {
  const auto length = static_cast<std::int64_t>(self.code_points());
  LINNET_TRY(std::int64_t start, bound.integer(1, 0));
  LINNET_TRY(std::int64_t stop, bound.integer(2, length));
  if (start < 0) start = std::max<std::int64_t>(start, -length) + length;
  if (stop < 0) stop = std::max<std::int64_t>(stop, -length) + length;
  stop = std::min(stop, length);
  if (start > stop) return Window{"", 0, false};
  const std::string_view text = self.as_string();
  LINNET_CHECK(interpreter.workspace().spend_bytes(text.size()));
  const std::size_t begin = byte_offset(text, static_cast<std::size_t>(start));
  const std::size_t size = byte_offset(text.substr(begin), static_cast<std::size_t>(stop - start));
  return Window{text.substr(begin, size), static_cast<std::size_t>(start), true};
}

template <bool at_start>
Result<Value> affix_test(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("startswith", arguments, {"affix", "start", "end"}, 1));
  LINNET_TRY(const Window part, window(interpreter, self, bound));
  const auto matches = [&part](const std::string& affix) {
    return part.exists && (at_start ? part.text.starts_with(affix) : part.text.ends_with(affix));
  };
  if (bound[0].is(Kind::kString)) return Value::boolean(matches(bound[0].as_string()));
  if (!bound[0].is(Kind::kTuple)) {
    return python_error(std::string("startswith and endswith take a string or a tuple of strings, not ") +
                        type_name_of(bound[0]));
  }
  for (const Value& affix : bound[0].items()) {
    if (!affix.is(Kind::kString)) return python_error("tuple for startswith must only contain str");
    if (matches(affix.as_string())) return Value::boolean(true);
  }
  return Value::boolean(false);
}

enum class Missing : bool { kMinusOne, kError };

template <bool from_right, Missing missing>
Result<Value> find_method_of(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("find", arguments, {"sub", "start", "end"}, 1));
  LINNET_TRY(const std::string_view part, required_text(bound, 0));
  LINNET_TRY(const Window place, window(interpreter, self, bound));
  LINNET_CHECK(interpreter.workspace().spend_search(place.text, part));
  const std::size_t found = from_right ? place.text.rfind(part) : place.text.find(part);
  if (place.exists && found != std::string_view::npos) {
    return Value::integer(static_cast<std::int64_t>(place.begin + count_code_points(place.text.substr(0, found))));
  }
  if (missing == Missing::kError) return python_error("substring not found");
  return Value::integer(-1);
}

Result<Value> count_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("count", arguments, {"sub", "start", "end"}, 1));
  LINNET_TRY(const std::string_view part, required_text(bound, 0));
  LINNET_TRY(const Window place, window(interpreter, self, bound));
  LINNET_CHECK(interpreter.workspace().spend_search(place.text, part));
  return Value::integer(place.exists ? static_cast<std::int64_t>(count_occurrences(place.text, part)) : 0);
}

Result<Value> replace_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("replace", arguments, {"old", "new", "count"}, 2));
  LINNET_TRY(const std::string_view from, required_text(bound, 0));
  LINNET_TRY(const std::string_view to, required_text(bound, 1));
  LINNET_TRY(const std::int64_t limit, bound.integer(2, -1));
  const std::size_t most = limit < 0 ? kNoLimit : as_size(limit);
  LINNET_CHECK(interpreter.workspace().spend_search(self.as_string(), from));
  LINNET_CHECK(interpreter.workspace().room_for_string(replaced_size(self.as_string(), from, to, most)));
  return interpreter.workspace().string(replace(self.as_string(), from, to, most), self.is_markup());
}

Result<Value> join_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("join", arguments, {"iterable"}, 1));
  LINNET_TRY(const std::vector<Value> items, interpreter.elements(bound[0]));
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(Kind::kString)) {
      return python_error("sequence item " + std::to_string(i) + ": expected str instance, " + type_name_of(items[i]) +
                          " found");
    }
    if (i != 0) out += self.as_string();
    out += self.is_markup() && !items[i].is_markup() ? escape_html(items[i].as_string()) : items[i].as_string();
    LINNET_CHECK(interpreter.workspace().room_for_string(out.size()));
  }
  return interpreter.workspace().string(std::move(out), self.is_markup());
}

template <bool from_right>
Result<Value> partition_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("partition", arguments, {"sep"}, 1));
  LINNET_TRY(const std::string_view separator, required_text(bound, 0));
  if (separator.empty()) return python_error("empty separator");
  const std::string_view text = self.as_string();
  LINNET_CHECK(interpreter.workspace().spend_search(text, separator));
  const std::size_t found = from_right ? text.rfind(separator) : text.find(separator);
  const bool missing = found == std::string_view::npos;
  std::array<std::string_view, 3> parts = {text.substr(0, found), separator, ""};
  if (!missing) parts[2] = text.substr(found + separator.size());
  if (missing && from_right) parts = {"", "", text};
  if (missing && !from_right) parts = {text, "", ""};
  LINNET_TRY(const Value list, list_of(interpreter, self, {parts.begin(), parts.end()}));
  return interpreter.workspace().tuple(list.items());
}

template <bool is_prefix>
Result<Value> remove_affix(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("removeprefix", arguments, {"affix"}, 1));
  LINNET_TRY(const std::string_view affix, required_text(bound, 0));
  const std::string_view text = self.as_string();
  if (is_prefix && text.starts_with(affix)) return text_result(interpreter, self, text.substr(affix.size()));
  if (!is_prefix && text.ends_with(affix)) {
    return text_result(interpreter, self, text.substr(0, text.size() - affix.size()));
  }
  return self;
}

Result<Value> zero_fill(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("zfill", arguments, {"width"}, 1));
  LINNET_TRY(const std::int64_t width, bound.integer(0, 0));
  const auto missing = width - static_cast<std::int64_t>(self.code_points());
  if (missing <= 0) return self;
  LINNET_CHECK(interpreter.workspace().room_for_string(as_size(width)));
  std::string text = self.as_string();
  const bool is_signed = text.starts_with('+') || text.starts_with('-');
  text.insert(is_signed ? 1 : 0, as_size(missing), '0');
  return interpreter.workspace().string(std::move(text), self.is_markup());
}

enum class Align { kLeft, kRight, kCenter };

template <Align align>
Result<Value> justify(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("justify", arguments, {"width", "fillchar"}, 1));
  LINNET_TRY(const std::int64_t width, bound.integer(0, 0));
  LINNET_TRY(const std::string_view fill, bound.text(1, " "));
  if (count_code_points(fill) != 1) return python_error("the fill character must be exactly one character long");
  const auto length = static_cast<std::int64_t>(self.code_points());
  if (width <= length) return self;
  const std::int64_t missing = width - length;
  // CPython puts the odd blank of center() to the left where width and padding are odd.
  const std::int64_t left = align == Align::kLeft    ? 0
                            : align == Align::kRight ? missing
                                                     : missing / 2 + (missing & width & 1);
  LINNET_CHECK(interpreter.workspace().room_for_string(as_size(width)));
  std::string text;
  for (std::int64_t i = 0; i < left; ++i) text += fill;
  text += self.as_string();
  for (std::int64_t i = left; i < missing; ++i) text += fill;
  return interpreter.workspace().string(std::move(text), self.is_markup());
}

Result<Value> expand_tabs(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("expandtabs", arguments, {"tabsize"}));
  LINNET_TRY(const std::int64_t size, bound.integer(0, 8));
  const auto tab = static_cast<std::size_t>(std::clamp<std::int64_t>(size, 0, INT32_MAX));
  std::string out;
  std::size_t column = 0;
  const std::string_view text = self.as_string();
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t start = position;
    const char32_t c = next_code_point(text, position);
    const std::size_t blanks = c == '\t' && tab > 0 ? tab - column % tab : 0;
    LINNET_CHECK(interpreter.workspace().room_for_string(out.size() + blanks));
    if (c == '\t') {
      out.append(blanks, ' ');
      column += blanks;
    } else {
      out.append(text.substr(start, position - start));
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
  }
  return interpreter.workspace().string(std::move(out), self.is_markup());
}

// Whether every character is of a class, and there is one; `empty` is the answer for "".
template <bool (*in_class)(char32_t), bool empty>
Result<Value> all_are(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_CHECK(bind_positional("str method", arguments, {}));
  const std::string_view text = self.as_string();
  LINNET_CHECK(interpreter.workspace().spend_bytes(text.size()));
  for (std::size_t position = 0; position < text.size();) {
    if (!in_class(next_code_point(text, position))) return Value::boolean(false);
  }
  return Value::boolean(!text.empty() || empty);
}

bool is_alphanumeric(char32_t c) { return is_alphabetic(c) || is_numeric(c); }
bool is_ascii(char32_t c) { return c < 0x80; }
bool is_space_character(char32_t c) { return is_space(c); }

Result<Value> is_identifier_method(Interpreter&, const Value& self, const Arguments& arguments) {
  LINNET_CHECK(bind_positional("isidentifier", arguments, {}));
  const std::string_view text = self.as_string();
  bool all = !text.empty();
  for (std::size_t position = 0; position < text.size() && all;) {
    const bool first = position == 0;
    const char32_t c = next_code_point(text, position);
    all = first ? is_identifier_start(c) : is_identifier_part(c);
  }
  return Value::boolean(all);
}

template <bool upper>
Result<Value> is_cased_as(Interpreter&, const Value& self, const Arguments& arguments) {
  LINNET_CHECK(bind_positional("str method", arguments, {}));
  return Value::boolean(upper ? is_upper_text(self.as_string()) : is_lower_text(self.as_string()));
}

Result<Value> is_title_method(Interpreter&, const Value& self, const Arguments& arguments) {
  LINNET_CHECK(bind_positional("istitle", arguments, {}));
  const std::string_view text = self.as_string();
  bool in_word = false;
  bool found = false;
  for (std::size_t position = 0; position < text.size();) {
    const char32_t c = next_code_point(text, position);
    const bool starts = is_upper(c) || is_title(c);
    if (starts ? in_word : is_lower(c) && !in_word) return Value::boolean(false);
    in_word = starts || is_lower(c);
    found = found || in_word;
  }
  return Value::boolean(found);
}

Result<Value> format_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return brace_format(interpreter, self, arguments);
}

Result<Value> format_map_method(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind_positional("format_map", arguments, {"mapping"}, 1));
  if (!bound[0].is(Kind::kDict)) return python_error("format_map() needs a mapping");
  Arguments named;
  for (const auto& [key, value] : bound[0].as_dict().entries()) {
    if (key.is(Kind::kString)) named.named.emplace_back(key.as_string(), value);
  }
  return brace_format(interpreter, self, named);
}

constexpr std::array<Method, 44> kMethods = {{
    {"capitalize", mapped<to_capitalized>},
    {"casefold", mapped<fold_case>},
    {"center", justify<Align::kCenter>},
    {"count", count_method},
    {"endswith", affix_test<false>},
    {"expandtabs", expand_tabs},
    {"find", find_method_of<false, Missing::kMinusOne>},
    {"format", format_method},
    {"format_map", format_map_method},
    {"index", find_method_of<false, Missing::kError>},
    {"isalnum", all_are<is_alphanumeric, false>},
    {"isalpha", all_are<is_alphabetic, false>},
    {"isascii", all_are<is_ascii, true>},
    {"isdecimal", all_are<is_decimal, false>},
    {"isdigit", all_are<is_digit, false>},
    {"isidentifier", is_identifier_method},
    {"islower", is_cased_as<false>},
    {"isnumeric", all_are<is_numeric, false>},
    {"isprintable", all_are<is_printable, true>},
    {"isspace", all_are<is_space_character, false>},
    {"istitle", is_title_method},
    {"isupper", is_cased_as<true>},
    {"join", join_method},
    {"ljust", justify<Align::kLeft>},
    {"lower", mapped<to_lower>},
    {"lstrip", stripped<Side::kLeft>},
    {"partition", partition_method<false>},
    {"removeprefix", remove_affix<true>},
    {"removesuffix", remove_affix<false>},
    {"replace", replace_method},
    {"rfind", find_method_of<true, Missing::kMinusOne>},
    {"rindex", find_method_of<true, Missing::kError>},
    {"rjust", justify<Align::kRight>},
    {"rpartition", partition_method<true>},
    {"rsplit", split_method<true>},
    {"rstrip", stripped<Side::kRight>},
    {"split", split_method<false>},
    {"splitlines", split_lines_method},
    {"startswith", affix_test<true>},
    {"strip", stripped<Side::kBoth>},
    {"swapcase", mapped<to_swapped_case>},
    {"title", mapped<to_title>},
    {"upper", mapped<to_upper>},
    {"zfill", zero_fill},
}};

}  // namespace

std::span<const Method> string_methods() { return kMethods; }

}  // namespace linnet::templates
