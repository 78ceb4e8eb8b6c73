#include "runtime/text/grammar/json_scalars.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "runtime/text/grammar/json_number.h"
#include "runtime/text/grammar/json_pattern.h"
#include "runtime/text/grammar/json_text.h"
#include "runtime/text/grammar/schema_place.h"

namespace linnet::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostRepeats = 10'000;

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", R"([0-9]{3} [1-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))"},
    {"time", R"(([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? "Z")"},
    {"uuid", R"([0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12})"},
    {"ipv4", "json-octet (\".\" json-octet){3}"},
    {"email",
     R"([a-zA-Z0-9_+-]{1,32} ("." [a-zA-Z0-9_+-]{1,32}){0,3} "@" [a-zA-Z0-9]{1,32} ("." [a-zA-Z0-9]{1,32}){1,3})"},
};

// Formats are annotations in the specification: one that is not known here is any string.
std::string format(const std::string& name, JsonRules& rules) {
  if (name == "date-time") return format("date", rules) + " \"T\" " + format("time", rules);
  const auto* found = std::ranges::find(kFormats, name, &std::pair<std::string_view, std::string_view>::first);
  if (found == std::end(kFormats)) return {};
  if (name == "ipv4") (void)rules.shared("json-octet");
  return std::string(found->second);
}

// A bound, which is whole here; `excluded` where it is the exclusive one that counts.
Result<std::optional<std::int64_t>> bound(const std::string& place, const Json& schema, const char* key,
                                          const char* exclusive_key, bool& excluded, bool lower) {
  std::optional<double> value;
  for (const char* name : {key, exclusive_key}) {
    if (!schema.contains(name)) continue;
    const Json& given = schema[name];
    if (!given.is_number()) return malformed_schema(below(place, name), "a number is needed");
    const double number = given.get<double>();
    if (std::abs(number) > 1e15) return refuse_schema(below(place, name), "beyond 10 to the power of 15");
    const bool tighter = !value || (lower ? number >= *value : number <= *value);
    if (!tighter) continue;
    value = number;
    excluded = name == exclusive_key;
  }
  if (!value) return std::nullopt;
  if (*value != std::floor(*value)) return refuse_schema(below(place, key), "a bound that is not whole");
  return std::optional(static_cast<std::int64_t>(*value));
}

}  // namespace

Result<std::optional<std::int64_t>> count_of(const std::string& place, const Json& schema, const char* key) {
  if (!schema.contains(key)) return std::nullopt;
  const Json& value = schema[key];
  const bool whole = value.is_number() && value.get<double>() == std::floor(value.get<double>());
  if (!whole || value.get<double>() < 0) return malformed_schema(below(place, key), "a count is needed");
  if (value.get<double>() > kMostRepeats)
    return refuse_schema(below(place, key), "more than " + std::to_string(kMostRepeats));
  return std::optional(value.get<std::int64_t>());
}

Result<std::string> string_of_schema(const std::string& place, const Json& schema, JsonRules& rules) {
  LINNET_TRY(const auto least, count_of(place, schema, "minLength"));
  LINNET_TRY(const auto most, count_of(place, schema, "maxLength"));
  if (least && most && *most < *least) return malformed_schema(below(place, "maxLength"), "below minLength");
  const bool counted = least.value_or(0) > 0 || most;
  if (schema.contains("pattern")) {
    const std::string here = below(place, "pattern");
    if (counted) return refuse_schema(here, "a pattern and a length at once; write the length into the pattern");
    if (!schema["pattern"].is_string()) return malformed_schema(here, "a string is needed");
    const auto content = grammar_of_pattern(schema["pattern"].get<std::string>());
    if (!content) return fail(content.error().kind, "schema: " + here + ": " + content.error().message);
    return R"("\"" ()" + *content + R"() "\"")";
  }
  if (schema.contains("format") && schema["format"].is_string() && !counted) {
    if (const std::string content = format(schema["format"].get<std::string>(), rules); !content.empty()) {
      return R"("\"" )" + content + R"( "\"")";
    }
  }
  if (!counted) return rules.shared("json-string");
  return R"("\"" )" + rules.shared("json-character") + "{" + std::to_string(least.value_or(0)) + "," +
         (most ? std::to_string(*most) : std::string()) + R"(} "\"")";
}

Result<std::string> number_of_schema(const std::string& place, const Json& schema, bool whole, JsonRules& rules) {
  bool above = false;
  bool below_most = false;
  LINNET_TRY(auto least, bound(place, schema, "minimum", "exclusiveMinimum", above, true));
  LINNET_TRY(auto most, bound(place, schema, "maximum", "exclusiveMaximum", below_most, false));
  if (whole && least && above) ++*least;
  if (whole && most && below_most) --*most;
  if (least && most && *least > *most) return malformed_schema(place, "no number lies between the bounds");
  if (whole) return grammar_of_integers({least, most});
  if (!least && !most) return rules.shared("json-number");
  const std::string out = grammar_of_numbers({least, most}, above, below_most);
  if (out.empty()) return malformed_schema(place, "no number lies between the bounds");
  return out;
}

}  // namespace linnet::text
