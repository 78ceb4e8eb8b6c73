#include "models/keys.h"

#include <array>
#include <cstdio>

namespace linnet::models {
namespace {

std::string text_of(float number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", static_cast<double>(number));
  return text.data();
}

tl::unexpected<Error> outside(const std::string& key, const std::string& value, const std::string& range) {
  return fail(ErrorKind::kMalformed, "key " + gguf::quoted(key) + " is " + value + " where " + range + " makes sense");
}

}  // namespace

std::string Keys::key(std::string_view name) const { return architecture_ + "." + std::string(name); }

Result<std::size_t> Keys::count(std::string_view name, Range range) const {
  LINNET_TRY(const std::uint64_t value, file_.u64(key(name)));
  if (value < range.least || value > range.most) {
    return outside(key(name), std::to_string(value), std::to_string(range.least) + " to " + std::to_string(range.most));
  }
  return static_cast<std::size_t>(value);
}

Result<std::size_t> Keys::count_or(std::string_view name, Range range, std::size_t fallback) const {
  return contains(name) ? count(name, range) : fallback;
}

Result<float> Keys::number(std::string_view name, float least, float most) const {
  LINNET_TRY(const float value, file_.f32(key(name)));
  if (!(value >= least && value <= most)) {
    return outside(key(name), text_of(value), text_of(least) + " to " + text_of(most));
  }
  return value;
}

Result<float> Keys::number_or(std::string_view name, float least, float most, float fallback) const {
  return contains(name) ? number(name, least, most) : fallback;
}

Result<std::string_view> Keys::text_or(std::string_view name, std::string_view fallback) const {
  return file_.string_or(key(name), fallback);
}

}  // namespace linnet::models
