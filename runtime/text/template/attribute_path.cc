#include "runtime/text/template/attribute_path.h"

#include <algorithm>
#include <charconv>

#include "runtime/text/template/characters.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/text_search.h"

namespace linnet::templates {

Result<Value> fold(Interpreter& interpreter, const Value& value, Case mode) {
  if (mode == Case::kSensitive || !value.is(Kind::kString)) return value;
  return interpreter.workspace().string(to_lower(value.as_string()));
}

Result<AttributePath> AttributePath::parse(Interpreter& interpreter, const std::optional<Value>& attribute) {
  AttributePath path;
  if (!attribute || attribute->is(Kind::kNone)) return path;
  if (!attribute->is(Kind::kString)) {
    path.parts_.push_back(*attribute);
    return path;
  }
  for (const std::string_view part : split(attribute->as_string(), ".", kNoLimit)) {
    std::int64_t index = 0;
    const bool digits =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits && std::from_chars(part.data(), part.data() + part.size(), index).ec == std::errc()) {
      path.parts_.push_back(Value::integer(index));
    } else {
      LINNET_TRY(Value name, interpreter.workspace().string(std::string(part)));
      path.parts_.push_back(std::move(name));
    }
  }
  return path;
}

Result<Value> AttributePath::follow(Interpreter& interpreter, Value element,
                                    const std::optional<Value>& otherwise) const {
  LINNET_CHECK(interpreter.workspace().spend(1 + parts_.size()));
  for (const Value& part : parts_) {
    LINNET_TRY(element, interpreter.item(element, part));
    if (otherwise && !otherwise->is(Kind::kNone) && element.is(Kind::kUndefined)) element = *otherwise;
  }
  return element;
}

}  // namespace linnet::templates
