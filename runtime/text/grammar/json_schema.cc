#include "runtime/text/grammar/json_schema.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "runtime/text/grammar/json_exclusion.h"
#include "runtime/text/grammar/json_rules.h"
#include "runtime/text/grammar/json_scalars.h"
#include "runtime/text/grammar/json_text.h"
#include "runtime/text/grammar/schema_place.h"

namespace linnet::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestSchema = 1 << 18;  // Bytes.
constexpr std::size_t kDeepest = 64;             // Of schemas inside schemas, without references.
constexpr std::size_t kMostRules = 8192;

// What constrains an instance and cannot be promised here.
constexpr std::string_view kRefused[] = {
    "not",          "if",         "then",        "else",          "dependentRequired", "dependentSchemas",
    "dependencies", "contains",   "minContains", "maxContains",   "patternProperties", "propertyNames",
    "uniqueItems",  "multipleOf", "$dynamicRef", "$recursiveRef", "unevaluatedItems",  "unevaluatedProperties",
};

// What constrains; beside "$ref", "anyOf" and their like it would have to be combined with them.
constexpr std::string_view kConstraints[] = {
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minProperties",
    "maxProperties",
    "additionalItems",
};

constexpr std::string_view kTypes[] = {"object", "array", "string", "number", "integer", "boolean", "null"};

class SchemaReader {
 public:
  explicit SchemaReader(const Json& root) : root_(root) {}

  Result<std::string> read() {
    LINNET_TRY(const std::string start, named("#", root_));
    return rules_.text(start);
  }

 private:
  // A rule for the schema at `place`; the same one whenever it is asked for again, so that schemas may refer to
  // themselves.
  Result<std::string> named(const std::string& place, const Json& schema) {
    if (const auto found = by_place_.find(place); found != by_place_.end()) return found->second;
    if (by_place_.size() >= kMostRules) return refuse_schema(place, "too many schemas");
    const std::string name = rules_.fresh_name();
    by_place_.emplace(place, name);
    ++depth_;
    auto body = depth_ > kDeepest ? refuse_schema(place, "nested too deep") : expression(place, schema);
    --depth_;
    if (!body) return tl::unexpected(body.error());
    rules_.add(name, *std::move(body));
    return name;
  }

  Result<std::string> expression(const std::string& place, const Json& schema) {
    if (schema.is_boolean()) {
      if (schema.get<bool>()) return rules_.shared("json-value");
      return refuse_schema(place, "nothing is allowed here");
    }
    if (!schema.is_object()) return malformed_schema(place, "a schema is an object or a boolean");
    for (const auto& [key, value] : schema.items()) {
      const bool harmless = (key == "uniqueItems" && value == false) || (key == "multipleOf" && value == 1);
      if (std::ranges::find(kRefused, key) != std::end(kRefused) && !harmless) {
        return refuse_schema(below(place, key), "this keyword cannot be promised");
      }
    }
    for (const char* key : {"$ref", "anyOf", "oneOf", "allOf"}) {
      if (!schema.contains(key)) continue;
      LINNET_CHECK(check_alone(place, schema, key));
      return std::string_view(key) == "$ref" ? reference(place, schema) : branches(place, schema, key);
    }
    if (schema.contains("const")) return grammar_literal(schema["const"].dump());
    if (schema.contains("enum")) return enumeration(below(place, "enum"), schema["enum"]);
    return by_types(place, schema);
  }

  // A keyword that brings a schema of its own stands alone: both would have to hold.
  static Result<void> check_alone(const std::string& place, const Json& schema, const std::string& key) {
    for (const char* other : {"$ref", "anyOf", "oneOf", "allOf"}) {
      if (other != key && schema.contains(other)) return refuse_schema(below(place, other), "beside " + key);
    }
    for (const std::string_view constraint : kConstraints) {
      const std::string name(constraint);
      if (!schema.contains(name) || (name == "type" && type_holds_anyway(schema, key))) continue;
      return refuse_schema(below(place, name), "beside " + key);
    }
    return {};
  }

  // {"type": "object", "anyOf": [{"type": "object"} …]}: written twice, no matter.
  static bool type_holds_anyway(const Json& schema, const std::string& key) {
    const Json& inner = schema[key];
    return inner.is_array() && std::ranges::all_of(inner, [&](const Json& branch) {
             return branch.is_object() && branch.contains("type") && branch["type"] == schema["type"];
           });
  }

  Result<std::string> enumeration(const std::string& place, const Json& values) {
    if (!values.is_array() || values.empty()) return malformed_schema(place, "an array of values is needed");
    std::string out;
    for (const Json& value : values) out += (out.empty() ? "" : " | ") + grammar_literal(value.dump());
    return out;
  }

  Result<std::string> reference(const std::string& place, const Json& schema) {
    const std::string here = below(place, "$ref");
    if (!schema["$ref"].is_string()) return malformed_schema(here, "a string is needed");
    const std::string target = schema["$ref"].get<std::string>();
    if (!target.starts_with("#")) return refuse_schema(here, "only references inside the schema (#/…) are followed");
    Json::json_pointer pointer;
    try {
      pointer = Json::json_pointer(target.substr(1));
    } catch (const Json::exception&) {
      return malformed_schema(here, "not a JSON pointer");
    }
    if (!root_.contains(pointer)) return malformed_schema(here, "there is no " + target);
    return named(target == "#/" ? "#" : target, root_[pointer]);
  }

  Result<std::string> branches(const std::string& place, const Json& schema, const std::string& key) {
    const std::string here = below(place, key);
    const Json& list = schema[key];
    if (!list.is_array() || list.empty()) return malformed_schema(here, "an array of schemas is needed");
    if (key == "allOf" && list.size() > 1) return refuse_schema(here, "more than one schema that must hold");
    if (key == "oneOf" && !exclude_each_other(list, root_)) {
      return refuse_schema(
          here, "the branches do not exclude each other by their types or by a constant property; use anyOf");
    }
    std::string out;
    for (std::size_t i = 0; i < list.size(); ++i) {
      LINNET_TRY(const std::string branch, named(below(here, std::to_string(i)), list[i]));
      out += (out.empty() ? "" : " | ") + branch;
    }
    return out;
  }

  // The types that a schema without "type" means: those of the keywords that it uses.
  static std::vector<std::string> implied_types(const Json& schema) {
    std::vector<std::string> out;
    const auto uses = [&](std::initializer_list<const char*> keys) {
      return std::ranges::any_of(keys, [&](const char* key) { return schema.contains(key); });
    };
    if (uses({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}))
      out.emplace_back("object");
    if (uses({"items", "prefixItems", "minItems", "maxItems", "additionalItems"})) out.emplace_back("array");
    if (uses({"minLength", "maxLength", "pattern", "format"})) out.emplace_back("string");
    if (uses({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})) out.emplace_back("number");
    return out;
  }

  Result<std::string> by_types(const std::string& place, const Json& schema) {
    std::vector<std::string> types = implied_types(schema);
    if (schema.contains("type")) {
      types.clear();
      const Json& type = schema["type"];
      for (const Json& one : type.is_array() ? type : Json::array({type})) {
        const bool known = one.is_string() && std::ranges::find(kTypes, one.get<std::string>()) != std::end(kTypes);
        if (!known) return malformed_schema(below(place, "type"), "unknown type " + one.dump());
        types.push_back(one.get<std::string>());
      }
      if (types.empty()) return malformed_schema(below(place, "type"), "no types");
    }
    if (types.empty()) return rules_.shared("json-value");
    std::string out;
    for (const std::string& type : types) {
      LINNET_TRY(const std::string one, of_type(place, schema, type));
      out += (out.empty() ? "" : " | ") + one;
    }
    return out;
  }

  Result<std::string> of_type(const std::string& place, const Json& schema, const std::string& type) {
    if (type == "object") return object(place, schema);
    if (type == "array") return array(place, schema);
    if (type == "string") return string_of_schema(place, schema, rules_);
    if (type == "boolean") return std::string(R"("true" | "false")");
    if (type == "null") return std::string("\"null\"");
    return number_of_schema(place, schema, type == "integer", rules_);
  }

  Result<std::string> object(const std::string& place, const Json& schema) {
    for (const char* key : {"minProperties", "maxProperties"}) {
      if (schema.contains(key)) return refuse_schema(below(place, key), "this keyword cannot be promised");
    }
    if (schema.contains("properties") && !schema["properties"].empty()) return properties(place, schema);
    if (schema.contains("required") && !schema["required"].empty()) {
      return refuse_schema(below(place, "required"), "a property that the schema does not describe");
    }
    const bool closed = schema.contains("properties") && !schema.contains("additionalProperties");
    if (closed) return std::string("\"{}\"");
    if (!schema.contains("additionalProperties")) return rules_.shared("json-object");
    const Json& others = schema["additionalProperties"];
    if (others == false) return std::string("\"{}\"");
    LINNET_TRY(const std::string value, named(below(place, "additionalProperties"), others));
    const std::string pair = rules_.shared("json-string") + " \":\"" + optional_space() + value;
    return "\"{\" (" + pair + " (\",\"" + optional_space() + pair + ")*)? \"}\"";
  }

  // Properties in order, the optional ones left out at will. After the first one each brings its own comma.
  Result<std::string> properties(const std::string& place, const Json& schema) {
    const std::string here = below(place, "properties");
    if (!schema["properties"].is_object()) return malformed_schema(here, "an object is needed");
    LINNET_CHECK(check_required(place, schema));
    std::vector<std::string> pairs;
    std::vector<bool> needed;
    for (const auto& [key, value] : schema["properties"].items()) {
      needed.push_back(requires_property(schema, key));
      if (value == false && !needed.back()) {
        needed.pop_back();
        continue;
      }
      LINNET_TRY(const std::string rule, named(below(here, key), value));
      pairs.push_back(grammar_literal(Json(key).dump()) + " \":\"" + optional_space() + rule);
    }
    std::string after;           // What may follow once something stands there.
    std::string first = "\"\"";  // The rest while nothing does.
    for (std::size_t i = pairs.size(); i-- > 0;) {
      const std::string start = pairs[i] + (after.empty() ? "" : " " + after);
      first = needed[i] ? start : start + " | " + first;
      if (i == 0) break;  // Nothing comes before it.
      const std::string with_comma = "\",\"" + optional_space() + pairs[i];
      after = rules_.add((needed[i] ? with_comma : "(" + with_comma + ")?") + (after.empty() ? "" : " " + after));
    }
    return "\"{\" (" + first + ") \"}\"";
  }

  static Result<void> check_required(const std::string& place, const Json& schema) {
    if (!schema.contains("required")) return {};
    const Json& required = schema["required"];
    const std::string here = below(place, "required");
    if (!required.is_array()) return malformed_schema(here, "an array is needed");
    for (const Json& key : required) {
      if (!key.is_string()) return malformed_schema(here, "names are needed");
      if (!schema["properties"].contains(key.get<std::string>())) {
        return refuse_schema(here, "a property that the schema does not describe");
      }
    }
    return {};
  }

  Result<std::string> array(const std::string& place, const Json& schema) {
    const char* list_key = schema.contains("prefixItems") ? "prefixItems" : "items";
    const bool is_tuple = schema.contains(list_key) && schema[list_key].is_array();
    LINNET_TRY(const auto least_given, count_of(place, schema, "minItems"));
    LINNET_TRY(const auto most, count_of(place, schema, "maxItems"));
    const std::int64_t least = least_given.value_or(0);
    if (most && *most < least) return malformed_schema(below(place, "maxItems"), "below minItems");
    if (is_tuple) return tuple(place, schema, list_key, least, most);
    if (most && *most == 0) return std::string("\"[]\"");
    std::string item;
    if (schema.contains("items")) {
      LINNET_TRY(item, named(below(place, "items"), schema["items"]));
    } else {
      item = rules_.shared("json-value");
    }
    return "\"[\" " + items(item, least, most) + " \"]\"";
  }

  // `least` to `most` items with commas between them.
  static std::string items(const std::string& item, std::int64_t least, std::optional<std::int64_t> most) {
    const std::string further = "(\",\"" + optional_space() + item + "){" +
                                std::to_string(std::max<std::int64_t>(least - 1, 0)) + "," +
                                (most ? std::to_string(*most - 1) : std::string()) + "}";
    return least > 0 ? item + " " + further : "(" + item + " " + further + ")?";
  }

  Result<std::string> tuple(const std::string& place, const Json& schema, const char* key, std::int64_t least,
                            std::optional<std::int64_t> most) {
    const Json& list = schema[key];
    const auto count = static_cast<std::int64_t>(list.size());
    if (least > count)
      return refuse_schema(below(place, "minItems"), "more items than " + std::string(key) + " describes");
    const std::int64_t end = most ? std::min(*most, count) : count;
    std::string out;
    for (std::int64_t i = end; i-- > 0;) {
      const auto index = static_cast<std::size_t>(i);
      LINNET_TRY(const std::string item, named(below(below(place, key), std::to_string(i)), list[index]));
      const std::string one =
          (i > 0 ? "\",\"" + optional_space() : std::string()) + item + (out.empty() ? "" : " " + out);
      out = i < least ? one : "(" + one + ")?";
    }
    return "\"[\" " + (out.empty() ? "\"\"" : out) + " \"]\"";
  }

  const Json& root_;
  JsonRules rules_;
  std::map<std::string, std::string> by_place_;
  std::size_t depth_ = 0;
};

}  // namespace

Result<std::string> grammar_of_json_schema(std::string_view schema) {
  if (schema.size() > kLongestSchema) {
    return fail(ErrorKind::kUnsupported, "schema: longer than " + std::to_string(kLongestSchema) + " bytes");
  }
  const Json json = Json::parse(schema, nullptr, false);
  if (json.is_discarded()) return fail(ErrorKind::kMalformed, "schema: not JSON");
  try {
    return SchemaReader(json).read();
  } catch (const std::exception& error) {
    return fail(ErrorKind::kMalformed, std::string("schema: ") + error.what());
  }
}

}  // namespace linnet::text
