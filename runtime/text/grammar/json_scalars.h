// JSON schemas of strings and numbers to expressions of a grammar. Private to runtime/text/grammar.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/text/grammar/json_rules.h"

namespace linnet::text {

// A count such as "minItems"; absent where `schema` has none. Errors: kMalformed, kUnsupported (more than 10,000).
[[nodiscard]] Result<std::optional<std::int64_t>> count_of(const std::string& place,
                                                           const nlohmann::ordered_json& schema, const char* key);

// Length, pattern, format. Errors: kMalformed, kUnsupported.
[[nodiscard]] Result<std::string> string_of_schema(const std::string& place, const nlohmann::ordered_json& schema,
                                                   JsonRules& rules);

// Bounds; `whole` where the type is "integer". Errors: kMalformed, kUnsupported.
[[nodiscard]] Result<std::string> number_of_schema(const std::string& place, const nlohmann::ordered_json& schema,
                                                   bool whole, JsonRules& rules);

}  // namespace linnet::text
