#include "runtime/cli/hugging_face/json_object.h"

#include <limits>
#include <utility>

#include "models/gguf/reader.h"

namespace linnet::cli::hugging_face {

using templates::Kind;
using templates::Value;

JsonObject::JsonObject(std::string file, const Value* value)
    : file_(std::move(file)), value_(value != nullptr && value->is(Kind::kDict) ? value : nullptr) {}

const Value* JsonObject::find(std::string_view name) const {
  const Value* found = value_ != nullptr ? value_->as_dict().find(name) : nullptr;
  return found != nullptr && !found->is(Kind::kNone) ? found : nullptr;
}

tl::unexpected<Error> JsonObject::malformed(std::string_view name, std::string_view what) const {
  return fail(ErrorKind::kMalformed, file_ + ": " + gguf::quoted(name) + " " + std::string(what));
}

tl::unexpected<Error> JsonObject::unsupported(std::string_view name, std::string_view what) const {
  return fail(ErrorKind::kUnsupported, file_ + ": " + gguf::quoted(name) + " " + std::string(what));
}

Result<std::optional<std::uint32_t>> JsonObject::count_if_there(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is(Kind::kInteger) || value->as_integer() < 0 ||
      value->as_integer() > std::numeric_limits<std::uint32_t>::max()) {
    return malformed(name, "is no count");
  }
  return static_cast<std::uint32_t>(value->as_integer());
}

Result<std::uint32_t> JsonObject::count(std::string_view name) const {
  LINNET_TRY(const auto value, count_if_there(name));
  if (!value) return malformed(name, "is missing");
  return *value;
}

Result<std::optional<float>> JsonObject::number_if_there(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is(Kind::kInteger)) return static_cast<float>(value->as_integer());
  if (value->is(Kind::kFloat)) return static_cast<float>(value->as_float());
  return malformed(name, "is no number");
}

Result<std::string> JsonObject::text_or(std::string_view name, std::string_view fallback) const {
  const Value* value = find(name);
  if (value == nullptr) return std::string(fallback);
  if (!value->is(Kind::kString)) return malformed(name, "is no text");
  return value->as_string();
}

Result<bool> JsonObject::flag_or(std::string_view name, bool fallback) const {
  const Value* value = find(name);
  if (value == nullptr) return fallback;
  if (!value->is(Kind::kBoolean)) return malformed(name, "is neither true nor false");
  return value->as_boolean();
}

}  // namespace linnet::cli::hugging_face
