#include "runtime/text/grammar/json_schema.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "runtime/text/grammar/json_exclusion.h"
#include "runtime/text/grammar/json_number.h"
#include "runtime/text/grammar/json_pattern.h"
#include "runtime/text/grammar/json_text.h"

namespace linnet::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestSchema = 1 << 18;  // Bytes.
constexpr std::size_t kDeepest = 64;             // Of schemas inside schemas, without references.
constexpr std::size_t kMostRules = 8192;
constexpr std::int64_t kMostRepeats = 10'000;

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

// Rules that others use, written once where they are needed.
constexpr std::pair<std::string_view, std::string_view> kShared[] = {
    {"json-object", R"("{" (json-string ":" " "? json-value ("," " "? json-string ":" " "? json-value)*)? "}")"},
    {"json-array", R"("[" (json-value ("," " "? json-value)*)? "]")"},
    {"json-value", R"(json-object | json-array | json-string | json-number | "true" | "false" | "null")"},
    {"json-string", R"("\"" json-character* "\"")"},
    {"json-number", R"("-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?)"},
};

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", R"([0-9]{3} [1-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))"},
    {"time", R"(([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? "Z")"},
    {"uuid", R"([0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12})"},
    {"ipv4", "json-octet (\".\" json-octet){3}"},
    {"email",
     R"([a-zA-Z0-9_+-]{1,32} ("." [a-zA-Z0-9_+-]{1,32}){0,3} "@" [a-zA-Z0-9]{1,32} ("." [a-zA-Z0-9]{1,32}){1,3})"},
};

std::string optional_space() { return " \" \"? "; }

class SchemaReader {
 public:
  explicit SchemaReader(const Json& root) : root_(root) {}

  Result<std::string> read() {
    LINNET_TRY(const std::string start, named("#", root_));
    std::string out = "root ::= " + start + "\n";
    for (const auto& [name, body] : rules_) out += name + " ::= " + body + "\n";
    return out;
  }

 private:
  [[nodiscard]] static tl::unexpected<Error> refuse(const std::string& place, const std::string& what) {
    return fail(ErrorKind::kUnsupported, "schema: " + place + ": " + what);
  }
  [[nodiscard]] static tl::unexpected<Error> malformed(const std::string& place, const std::string& what) {
    return fail(ErrorKind::kMalformed, "schema: " + place + ": " + what);
  }

  // "~0" and "~1" as RFC 6901 has them.
  static std::string below(const std::string& place, const std::string& key) {
    std::string out = place + "/";
    for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
  }

  std::string add_rule(std::string body) {
    std::string name = "r" + std::to_string(count_++);
    rules_.emplace_back(name, std::move(body));
    return name;
  }

  // The name of a rule that others share, with what it uses.
  std::string shared(std::string_view name) {
    if (!shared_.insert(std::string(name)).second) return std::string(name);
    if (name == "json-character") {
      rules_.emplace_back(name, json_character({{0, kLastCharacter}}));
    } else if (name == "json-octet") {
      rules_.emplace_back(name, grammar_of_integers({0, 255}));
    } else {
      const auto* found = std::ranges::find(kShared, name, &std::pair<std::string_view, std::string_view>::first);
      rules_.emplace_back(name, found->second);
      for (const auto& other : kShared) {
        if (other.first != name && found->second.find(other.first) != std::string_view::npos) (void)shared(other.first);
      }
      if (found->second.find("json-character") != std::string_view::npos) (void)shared("json-character");
    }
    return std::string(name);
  }

  // A rule for the schema at `place`; the same one whenever it is asked for again, so that schemas may refer to
  // themselves.
  Result<std::string> named(const std::string& place, const Json& schema) {
    if (const auto found = by_place_.find(place); found != by_place_.end()) return found->second;
    if (by_place_.size() >= kMostRules) return refuse(place, "too many schemas");
    const std::string name = "r" + std::to_string(count_++);
    by_place_.emplace(place, name);
    ++depth_;
    auto body = depth_ > kDeepest ? refuse(place, "nested too deep") : expression(place, schema);
    --depth_;
    if (!body) return tl::unexpected(body.error());
    rules_.emplace_back(name, *std::move(body));
    return name;
  }

  Result<std::string> expression(const std::string& place, const Json& schema) {
    if (schema.is_boolean()) {
      if (schema.get<bool>()) return shared("json-value");
      return refuse(place, "nothing is allowed here");
    }
    if (!schema.is_object()) return malformed(place, "a schema is an object or a boolean");
    for (const auto& [key, value] : schema.items()) {
      const bool harmless = (key == "uniqueItems" && value == false) || (key == "multipleOf" && value == 1);
      if (std::ranges::find(kRefused, key) != std::end(kRefused) && !harmless) {
        return refuse(below(place, key), "this keyword cannot be promised");
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
      if (other != key && schema.contains(other)) return refuse(below(place, other), "beside " + key);
    }
    for (const std::string_view constraint : kConstraints) {
      const std::string name(constraint);
      if (!schema.contains(name) || (name == "type" && type_holds_anyway(schema, key))) continue;
      return refuse(below(place, name), "beside " + key);
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
    if (!values.is_array() || values.empty()) return malformed(place, "an array of values is needed");
    std::string out;
    for (const Json& value : values) out += (out.empty() ? "" : " | ") + grammar_literal(value.dump());
    return out;
  }

  Result<std::string> reference(const std::string& place, const Json& schema) {
    const std::string here = below(place, "$ref");
    if (!schema["$ref"].is_string()) return malformed(here, "a string is needed");
    const std::string target = schema["$ref"].get<std::string>();
    if (!target.starts_with("#")) return refuse(here, "only references inside the schema (#/…) are followed");
    Json::json_pointer pointer;
    try {
      pointer = Json::json_pointer(target.substr(1));
    } catch (const Json::exception&) {
      return malformed(here, "not a JSON pointer");
    }
    if (!root_.contains(pointer)) return malformed(here, "there is no " + target);
    return named(target == "#/" ? "#" : target, root_[pointer]);
  }

  Result<std::string> branches(const std::string& place, const Json& schema, const std::string& key) {
    const std::string here = below(place, key);
    const Json& list = schema[key];
    if (!list.is_array() || list.empty()) return malformed(here, "an array of schemas is needed");
    if (key == "allOf" && list.size() > 1) return refuse(here, "more than one schema that must hold");
    if (key == "oneOf" && !exclude_each_other(list, root_)) {
      return refuse(here, "the branches do not exclude each other by their types or by a constant property; use anyOf");
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
        if (!known) return malformed(below(place, "type"), "unknown type " + one.dump());
        types.push_back(one.get<std::string>());
      }
      if (types.empty()) return malformed(below(place, "type"), "no types");
    }
    if (types.empty()) return shared("json-value");
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
    if (type == "string") return string(place, schema);
    if (type == "boolean") return std::string(R"("true" | "false")");
    if (type == "null") return std::string("\"null\"");
    return number(place, schema, type == "integer");
  }

  // A count such as "minItems".
  static Result<std::optional<std::int64_t>> count_of(const std::string& place, const Json& schema, const char* key) {
    if (!schema.contains(key)) return std::nullopt;
    const Json& value = schema[key];
    const bool whole = value.is_number() && value.get<double>() == std::floor(value.get<double>());
    if (!whole || value.get<double>() < 0) return malformed(below(place, key), "a count is needed");
    if (value.get<double>() > kMostRepeats)
      return refuse(below(place, key), "more than " + std::to_string(kMostRepeats));
    return std::optional(value.get<std::int64_t>());
  }

  Result<std::string> object(const std::string& place, const Json& schema) {
    for (const char* key : {"minProperties", "maxProperties"}) {
      if (schema.contains(key)) return refuse(below(place, key), "this keyword cannot be promised");
    }
    if (schema.contains("properties") && !schema["properties"].empty()) return properties(place, schema);
    if (schema.contains("required") && !schema["required"].empty()) {
      return refuse(below(place, "required"), "a property that the schema does not describe");
    }
    const bool closed = schema.contains("properties") && !schema.contains("additionalProperties");
    if (closed) return std::string("\"{}\"");
    if (!schema.contains("additionalProperties")) return shared("json-object");
    const Json& others = schema["additionalProperties"];
    if (others == false) return std::string("\"{}\"");
    LINNET_TRY(const std::string value, named(below(place, "additionalProperties"), others));
    const std::string pair = shared("json-string") + " \":\"" + optional_space() + value;
    return "\"{\" (" + pair + " (\",\"" + optional_space() + pair + ")*)? \"}\"";
  }

  // Properties in order, the optional ones left out at will. After the first one each brings its own comma.
  Result<std::string> properties(const std::string& place, const Json& schema) {
    const std::string here = below(place, "properties");
    if (!schema["properties"].is_object()) return malformed(here, "an object is needed");
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
      after = add_rule((needed[i] ? with_comma : "(" + with_comma + ")?") + (after.empty() ? "" : " " + after));
    }
    return "\"{\" (" + first + ") \"}\"";
  }

  static Result<void> check_required(const std::string& place, const Json& schema) {
    if (!schema.contains("required")) return {};
    const Json& required = schema["required"];
    const std::string here = below(place, "required");
    if (!required.is_array()) return malformed(here, "an array is needed");
    for (const Json& key : required) {
      if (!key.is_string()) return malformed(here, "names are needed");
      if (!schema["properties"].contains(key.get<std::string>())) {
        return refuse(here, "a property that the schema does not describe");
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
    if (most && *most < least) return malformed(below(place, "maxItems"), "below minItems");
    if (is_tuple) return tuple(place, schema, list_key, least, most);
    if (most && *most == 0) return std::string("\"[]\"");
    std::string item;
    if (schema.contains("items")) {
      LINNET_TRY(item, named(below(place, "items"), schema["items"]));
    } else {
      item = shared("json-value");
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
    if (least > count) return refuse(below(place, "minItems"), "more items than " + std::string(key) + " describes");
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

  Result<std::string> string(const std::string& place, const Json& schema) {
    LINNET_TRY(const auto least, count_of(place, schema, "minLength"));
    LINNET_TRY(const auto most, count_of(place, schema, "maxLength"));
    if (least && most && *most < *least) return malformed(below(place, "maxLength"), "below minLength");
    const bool counted = least.value_or(0) > 0 || most;
    if (schema.contains("pattern")) {
      const std::string here = below(place, "pattern");
      if (counted) return refuse(here, "a pattern and a length at once; write the length into the pattern");
      if (!schema["pattern"].is_string()) return malformed(here, "a string is needed");
      const auto content = grammar_of_pattern(schema["pattern"].get<std::string>());
      if (!content) return fail(content.error().kind, "schema: " + here + ": " + content.error().message);
      return R"("\"" ()" + *content + R"() "\"")";
    }
    if (schema.contains("format") && schema["format"].is_string() && !counted) {
      if (const std::string content = format(schema["format"].get<std::string>()); !content.empty()) {
        return R"("\"" )" + content + R"( "\"")";
      }
    }
    if (!counted) return shared("json-string");
    return R"("\"" )" + shared("json-character") + "{" + std::to_string(least.value_or(0)) + "," +
           (most ? std::to_string(*most) : std::string()) + R"(} "\"")";
  }

  // Formats are annotations in the specification: one that is not known here is any string.
  std::string format(const std::string& name) {
    if (name == "date-time") return format("date") + " \"T\" " + format("time");
    const auto* found = std::ranges::find(kFormats, name, &std::pair<std::string_view, std::string_view>::first);
    if (found == std::end(kFormats)) return {};
    if (name == "ipv4") (void)shared("json-octet");
    return std::string(found->second);
  }

  // A bound, which is whole here; `excluded` where it is the exclusive one that counts.
  static Result<std::optional<std::int64_t>> bound(const std::string& place, const Json& schema, const char* key,
                                                   const char* exclusive_key, bool& excluded, bool lower) {
    std::optional<double> value;
    for (const char* name : {key, exclusive_key}) {
      if (!schema.contains(name)) continue;
      const Json& given = schema[name];
      if (!given.is_number()) return malformed(below(place, name), "a number is needed");
      const double number = given.get<double>();
      if (std::abs(number) > 1e15) return refuse(below(place, name), "beyond 10 to the power of 15");
      const bool tighter = !value || (lower ? number >= *value : number <= *value);
      if (!tighter) continue;
      value = number;
      excluded = name == exclusive_key;
    }
    if (!value) return std::nullopt;
    if (*value != std::floor(*value)) return refuse(below(place, key), "a bound that is not whole");
    return std::optional(static_cast<std::int64_t>(*value));
  }

  Result<std::string> number(const std::string& place, const Json& schema, bool whole) {
    bool above = false;
    bool below_most = false;
    LINNET_TRY(auto least, bound(place, schema, "minimum", "exclusiveMinimum", above, true));
    LINNET_TRY(auto most, bound(place, schema, "maximum", "exclusiveMaximum", below_most, false));
    if (whole && least && above) ++*least;
    if (whole && most && below_most) --*most;
    if (least && most && *least > *most) return malformed(place, "no number lies between the bounds");
    if (whole) return grammar_of_integers({least, most});
    if (!least && !most) return shared("json-number");
    const std::string out = grammar_of_numbers({least, most}, above, below_most);
    if (out.empty()) return malformed(place, "no number lies between the bounds");
    return out;
  }

  const Json& root_;
  std::vector<std::pair<std::string, std::string>> rules_;
  std::map<std::string, std::string> by_place_;
  std::set<std::string> shared_;
  std::size_t count_ = 0;
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
