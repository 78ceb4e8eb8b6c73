// Whether branches of a JSON schema can hold for the same value. Private to runtime/text/grammar.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace linnet::text {

// Whether no value fits two schemas of `list`, as far as their types, their constants or those of a property that both
// require tell it; references are followed in `root`.
[[nodiscard]] bool exclude_each_other(const nlohmann::ordered_json& list, const nlohmann::ordered_json& root);

// Whether `schema` lists `key` among its required properties.
[[nodiscard]] bool requires_property(const nlohmann::ordered_json& schema, const std::string& key);

}  // namespace linnet::text
