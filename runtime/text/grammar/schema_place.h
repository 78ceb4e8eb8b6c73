// Places inside a JSON schema, and errors that name them. Private to runtime/text/grammar.
#pragma once

#include <string>

#include "runtime/base/result.h"

namespace linnet::text {

// The place of `key` below `place`, as a JSON pointer (RFC 6901: "~0" and "~1" stand for "~" and "/").
[[nodiscard]] std::string below(const std::string& place, const std::string& key);

// kUnsupported: what a schema may say and cannot be promised here.
[[nodiscard]] tl::unexpected<Error> refuse_schema(const std::string& place, const std::string& what);

// kMalformed: what no schema may say.
[[nodiscard]] tl::unexpected<Error> malformed_schema(const std::string& place, const std::string& what);

}  // namespace linnet::text
