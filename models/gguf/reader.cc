#include "models/gguf/reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "models/gguf/parser.h"
#include "runtime/base/checked.h"

namespace linnet::gguf {
namespace {

std::string key_text(std::string_view key) { return "key " + quoted(key); }

tl::unexpected<Error> wrong_type(std::string_view key, const Value& value, std::string_view wanted) {
  std::string is(name_of(value.type));
  if (value.type == ValueType::kArray) is = "array of " + std::string(name_of(value.element));
  return fail(ErrorKind::kMalformed,
              key_text(key) + " is of type " + is + " where " + std::string(wanted) + " belongs");
}

tl::unexpected<Error> out_of_range(std::string_view key, const Value& value) {
  return fail(ErrorKind::kMalformed, key_text(key) + " is " + to_text(value) + ", which is out of range");
}

template <class T>
Result<T> integer(std::string_view key, const Value& value) {
  if (!is_integer(value.type)) return wrong_type(key, value, "an integer");
  const auto narrow = value.type == ValueType::kUint64 ? checked_narrow<T>(NumberArray<std::uint64_t>(value)[0])
                                                       : checked_narrow<T>(NumberArray<std::int64_t>(value)[0]);
  if (!narrow) return out_of_range(key, value);
  return *narrow;
}

Result<float> finite_float(std::string_view key, const Value& value) {
  if (value.type != ValueType::kFloat32 && value.type != ValueType::kFloat64) {
    return wrong_type(key, value, "a float");
  }
  const double number = NumberArray<double>(value)[0];
  if (!(std::abs(number) <= std::numeric_limits<float>::max())) return out_of_range(key, value);
  return static_cast<float>(number);
}

Result<bool> truth(std::string_view key, const Value& value) {
  if (value.type != ValueType::kBool) return wrong_type(key, value, "a bool");
  return NumberArray<bool>(value)[0];
}

Result<std::string_view> text(std::string_view key, const Value& value) {
  if (value.type != ValueType::kString) return wrong_type(key, value, "a string");
  return std::string_view(reinterpret_cast<const char*>(value.data.data()), value.data.size());
}

}  // namespace

Result<Reader> Reader::open(std::span<const std::byte> bytes) { return Parser(bytes).parse(); }

Result<Reader> Reader::join(std::span<const Reader> parts) { return Parser::join(parts); }

const Entry* Reader::find(std::string_view key) const {
  const auto key_of = [this](std::uint32_t index) { return entries_[index].key; };
  const auto at = std::ranges::lower_bound(entries_by_key_, key, {}, key_of);
  return at != entries_by_key_.end() && key_of(*at) == key ? &entries_[*at] : nullptr;
}

const Tensor* Reader::find_tensor(std::string_view name) const {
  const auto name_of_index = [this](std::uint32_t index) { return tensors_[index].name; };
  const auto at = std::ranges::lower_bound(tensors_by_name_, name, {}, name_of_index);
  return at != tensors_by_name_.end() && name_of_index(*at) == name ? &tensors_[*at] : nullptr;
}

Result<const Tensor*> Reader::tensor(std::string_view name) const {
  const Tensor* found = find_tensor(name);
  if (found == nullptr) return fail(ErrorKind::kMalformed, "tensor " + quoted(name) + " is missing from the file");
  return found;
}

Result<const Value*> Reader::require(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return fail(ErrorKind::kMalformed, key_text(key) + " is missing from the file");
  return &entry->value;
}

Result<const Value*> Reader::require_array(std::string_view key) const {
  LINNET_TRY(const Value* value, require(key));
  if (value->type != ValueType::kArray) return wrong_type(key, *value, "an array");
  return value;
}

Result<std::uint32_t> Reader::u32(std::string_view key) const {
  LINNET_TRY(const Value* value, require(key));
  return integer<std::uint32_t>(key, *value);
}

Result<std::uint64_t> Reader::u64(std::string_view key) const {
  LINNET_TRY(const Value* value, require(key));
  return integer<std::uint64_t>(key, *value);
}

Result<std::int32_t> Reader::i32(std::string_view key) const {
  LINNET_TRY(const Value* value, require(key));
  return integer<std::int32_t>(key, *value);
}

Result<float> Reader::f32(std::string_view key) const {
  LINNET_TRY(const Value* value, require(key));
  return finite_float(key, *value);
}

Result<bool> Reader::boolean(std::string_view key) const {
  LINNET_TRY(const Value* value, require(key));
  return truth(key, *value);
}

Result<std::string_view> Reader::string(std::string_view key) const {
  LINNET_TRY(const Value* value, require(key));
  return text(key, *value);
}

Result<std::uint32_t> Reader::u32_or(std::string_view key, std::uint32_t fallback) const {
  const Entry* entry = find(key);
  return entry == nullptr ? Result<std::uint32_t>(fallback) : integer<std::uint32_t>(key, entry->value);
}

Result<float> Reader::f32_or(std::string_view key, float fallback) const {
  const Entry* entry = find(key);
  return entry == nullptr ? Result<float>(fallback) : finite_float(key, entry->value);
}

Result<bool> Reader::boolean_or(std::string_view key, bool fallback) const {
  const Entry* entry = find(key);
  return entry == nullptr ? Result<bool>(fallback) : truth(key, entry->value);
}

Result<std::string_view> Reader::string_or(std::string_view key, std::string_view fallback) const {
  const Entry* entry = find(key);
  return entry == nullptr ? Result<std::string_view>(fallback) : text(key, entry->value);
}

Result<StringArray> Reader::strings(std::string_view key) const {
  LINNET_TRY(const Value* value, require_array(key));
  if (value->element != ValueType::kString) return wrong_type(key, *value, "an array of strings");
  return StringArray(*value);
}

Result<NumberArray<std::int64_t>> Reader::integers(std::string_view key) const {
  LINNET_TRY(const Value* value, require_array(key));
  if (!is_integer(value->element)) return wrong_type(key, *value, "an array of integers");
  const NumberArray<std::int64_t> numbers(*value);
  if (value->element == ValueType::kUint64) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] < 0) {
        return fail(ErrorKind::kMalformed, key_text(key) + ": element " + std::to_string(i) + " is out of range");
      }
    }
  }
  return numbers;
}

Result<NumberArray<float>> Reader::floats(std::string_view key) const {
  LINNET_TRY(const Value* value, require_array(key));
  // float64 arrays would lose range unseen; no published model has one.
  if (value->element != ValueType::kFloat32) return wrong_type(key, *value, "an array of float32");
  return NumberArray<float>(*value);
}

Result<NumberArray<bool>> Reader::booleans(std::string_view key) const {
  LINNET_TRY(const Value* value, require_array(key));
  if (value->element != ValueType::kBool) return wrong_type(key, *value, "an array of bools");
  return NumberArray<bool>(*value);
}

Result<std::span<const std::byte>> Reader::bytes_of(std::string_view key) const {
  LINNET_TRY(const Value* value, require_array(key));
  if (size_of(value->element) != 1 || !is_integer(value->element)) return wrong_type(key, *value, "an array of bytes");
  return value->data;
}

}  // namespace linnet::gguf
