#include "runtime/text/template/globals.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates {

namespace {

// How many elements range(start, stop, step) has; the differences are computed without a sign.
std::size_t range_count(std::int64_t start, std::int64_t stop, std::int64_t step) {
  if (step > 0 ? start >= stop : start <= stop) return 0;
  const std::int64_t low = step > 0 ? start : stop;
  const std::int64_t high = step > 0 ? stop : start;
  const std::uint64_t distance = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  return as_size((distance - 1) / stride + 1);
}

Result<Value> make_range(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  if (!arguments.named.empty()) return python_error("range() takes no keyword arguments");
  LINNET_TRY(const Bound bound, bind("range", arguments, {"start", "stop", "step"}, 1));
  std::array<std::int64_t, 3> given = {0, 0, 1};
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!bound.has(i)) continue;
    const auto index = as_index(bound[i]);
    if (bound[i].is(Kind::kUndefined)) return undefined_error(bound[i]);
    if (!index) return python_error(quoted(type_name_of(bound[i])) + " object cannot be interpreted as an integer");
    given[i] = *index;
  }
  auto [start, stop, step] = given;
  if (!bound.has(1)) std::swap(start, stop);
  if (step == 0) return python_error("range() arg 3 must not be zero");
  const std::size_t count = range_count(start, stop, step);
  if (count > interpreter.workspace().limits().range_elements) {
    return python_error("range too big: the sandbox blocks ranges of more than " +
                        std::to_string(interpreter.workspace().limits().range_elements) + " elements");
  }
  return interpreter.workspace().object<Range>(start, stop, step, count);
}

Result<void> add_pair(Interpreter& interpreter, const Value& pair, Dict& dict) {
  LINNET_TRY(const std::vector<Value> parts, interpreter.elements(pair));
  if (parts.size() != 2) return python_error("dictionary update sequence element must have length 2");
  if (!is_hashable(parts[0])) return python_error("unhashable type: " + quoted(type_name_of(parts[0])));
  LINNET_CHECK(interpreter.workspace().spend(parts[0].weight()));
  dict.set(parts[0], parts[1]);
  return {};
}

// dict(mapping or pairs, **named).
Result<Dict> read_dict(Interpreter& interpreter, const Arguments& arguments) {
  if (arguments.positional.size() > 1) return python_error("dict expected at most 1 argument");
  Dict dict;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is(Kind::kDict)) {
      dict = source.as_dict();
    } else {
      LINNET_TRY(const std::vector<Value> pairs, interpreter.elements(source));
      for (const Value& pair : pairs) LINNET_CHECK(add_pair(interpreter, pair, dict));
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(name, value);
  return dict;
}

Result<Value> make_dict(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  LINNET_TRY(Dict dict, read_dict(interpreter, arguments));
  return interpreter.workspace().dict(std::move(dict));
}

Result<Value> make_namespace(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  LINNET_TRY(Dict dict, read_dict(interpreter, arguments));
  for (const auto& [key, value] : dict.entries()) {
    if (key.is(Kind::kString) && key.as_string().starts_with('_')) {
      return python_error("a namespace cannot have the attribute " + quoted(key.as_string()));
    }
  }
  LINNET_CHECK(interpreter.workspace().dict(dict));  // For the limits alone.
  return interpreter.workspace().object<Namespace>(std::move(dict));
}

Result<Value> make_cycler(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  if (!arguments.named.empty()) return python_error("cycler() takes no keyword arguments");
  if (arguments.positional.empty()) return python_error("at least one item has to be provided");
  return interpreter.workspace().object<Cycler>(arguments.positional);
}

Result<Value> make_joiner(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("joiner", arguments, {"sep"}));
  LINNET_TRY(const Value comma, interpreter.workspace().string(", "));
  return interpreter.workspace().object<Joiner>(bound.has(0) ? bound[0] : comma);
}

Result<Value> refuse_lipsum(Interpreter&, const Value&, const Arguments&) {
  return fail(ErrorKind::kUnsupported, "the function 'lipsum'");
}

Result<Value> raise_exception(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("raise_exception", arguments, {"message"}, 1));
  LINNET_TRY(std::string message, to_str(interpreter.workspace(), bound[0]));
  return fail(ErrorKind::kUsage, std::move(message));
}

Result<Value> strftime_now(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("strftime_now", arguments, {"format"}, 1));
  if (!bound[0].is(Kind::kString)) return python_error("strftime_now() needs a string");
  LINNET_TRY(std::string text, format_time(interpreter.now(), bound[0].as_string()));
  return interpreter.workspace().string(std::move(text));
}

struct Global {
  std::string_view name;
  Callable::Function function;
};

constexpr std::array<Global, 8> kGlobals = {{{"cycler", make_cycler},
                                             {"dict", make_dict},
                                             {"joiner", make_joiner},
                                             {"lipsum", refuse_lipsum},
                                             {"namespace", make_namespace},
                                             {"raise_exception", raise_exception},
                                             {"range", make_range},
                                             {"strftime_now", strftime_now}}};

}  // namespace

Callable::Function find_global(std::string_view name) {
  const auto* const found =
      std::find_if(kGlobals.begin(), kGlobals.end(), [name](const Global& global) { return global.name == name; });
  return found != kGlobals.end() ? found->function : nullptr;
}

}  // namespace linnet::templates
