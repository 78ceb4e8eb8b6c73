// JSON Schema to a grammar: every text that the grammar allows is JSON that the schema accepts.
//
// The useful subset (JSON Schema 2020-12, with the spellings of drafts 6 to 2019-09): type, enum, const, properties,
// required, additionalProperties where there are no properties, items, prefixItems, minItems, maxItems, minLength,
// maxLength, pattern (regular ones), some formats, minimum, maximum and their exclusive forms, anyOf, oneOf of branches
// that exclude each other, allOf of one, $ref inside the schema, recursion. Annotations and unknown keywords mean
// nothing, as the specification has it; keywords that constrain and are not in this list are refused.
//
// Properties come in the order of the schema; of what a schema leaves open, only a part is generated (no properties
// that it does not name, escapes only where JSON needs them).
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::text {

// The grammar's text, for Grammar::compile. Errors: kMalformed (not JSON, or not a schema) and kUnsupported (what it
// cannot promise), with the place as a JSON pointer: "schema: #/properties/size/multipleOf: …".
[[nodiscard]] Result<std::string> grammar_of_json_schema(std::string_view schema);

}  // namespace linnet::text
