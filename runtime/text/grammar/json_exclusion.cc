#include "runtime/text/grammar/json_exclusion.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

namespace linnet::text {
namespace {

using Json = nlohmann::ordered_json;

// What a reference stands for; the schema itself where it is none.
const Json& resolved(const Json& schema, const Json& root, int depth = 0) {
  if (depth > 16 || !schema.is_object() || !schema.contains("$ref") || !schema["$ref"].is_string()) return schema;
  try {
    const Json::json_pointer pointer(schema["$ref"].get<std::string>().substr(1));
    if (root.contains(pointer)) return resolved(root[pointer], root, depth + 1);
  } catch (const Json::exception&) {
  }
  return schema;
}

std::optional<std::set<std::string>> types_of(const Json& schema) {
  std::set<std::string> types;
  if (!schema.is_object() || !schema.contains("type")) return std::nullopt;
  const Json& type = schema["type"];
  for (const Json& one : type.is_array() ? type : Json::array({type})) {
    if (!one.is_string()) return std::nullopt;
    types.insert(one == "integer" ? "number" : one.get<std::string>());
  }
  return types;
}

bool types_differ(const Json& a, const Json& b) {
  const auto first = types_of(a);
  const auto second = types_of(b);
  return first && second && std::ranges::none_of(*first, [&](const std::string& t) { return second->contains(t); });
}

std::optional<std::vector<Json>> values_of(const Json& schema) {
  if (!schema.is_object()) return std::nullopt;
  if (schema.contains("const")) return std::vector<Json>{schema["const"]};
  if (!schema.contains("enum") || !schema["enum"].is_array()) return std::nullopt;
  return std::vector<Json>(schema["enum"].begin(), schema["enum"].end());
}

bool values_differ(const Json& a, const Json& b) {
  const auto first = values_of(a);
  const auto second = values_of(b);
  return first && second && std::ranges::none_of(*first, [&](const Json& value) {
           return std::ranges::find(*second, value) != second->end();
         });
}

bool property_differs(const Json& a, const Json& b) {
  const auto has_properties = [](const Json& s) {
    return s.is_object() && s.contains("properties") && s["properties"].is_object();
  };
  if (!has_properties(a) || !has_properties(b)) return false;
  const auto properties = a["properties"].items();
  return std::any_of(properties.begin(), properties.end(), [&](const auto& property) {
    const std::string& key = property.key();
    return b["properties"].contains(key) && requires_property(a, key) && requires_property(b, key) &&
           values_differ(property.value(), b["properties"][key]);
  });
}

}  // namespace

bool requires_property(const Json& schema, const std::string& key) {
  return schema.contains("required") && schema["required"].is_array() &&
         std::ranges::find(schema["required"], Json(key)) != schema["required"].end();
}

bool exclude_each_other(const Json& list, const Json& root) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t k = i + 1; k < list.size(); ++k) {
      const Json& a = resolved(list[i], root);
      const Json& b = resolved(list[k], root);
      if (!types_differ(a, b) && !values_differ(a, b) && !property_differs(a, b)) return false;
    }
  }
  return true;
}

}  // namespace linnet::text
