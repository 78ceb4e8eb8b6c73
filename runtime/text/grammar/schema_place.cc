#include "runtime/text/grammar/schema_place.h"

namespace linnet::text {

std::string below(const std::string& place, const std::string& key) {
  std::string out = place + "/";
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

tl::unexpected<Error> refuse_schema(const std::string& place, const std::string& what) {
  return fail(ErrorKind::kUnsupported, "schema: " + place + ": " + what);
}

tl::unexpected<Error> malformed_schema(const std::string& place, const std::string& what) {
  return fail(ErrorKind::kMalformed, "schema: " + place + ": " + what);
}

}  // namespace linnet::text
