#include "models/gguf/value.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace linnet::gguf {
namespace {

struct ValueTypeInfo {
  std::string_view name;
  std::size_t size;
  bool integer;
};

// By id.
constexpr std::array<ValueTypeInfo, kValueTypes> kValueTypeTable = {{{"uint8", 1, true},
                                                                     {"int8", 1, true},
                                                                     {"uint16", 2, true},
                                                                     {"int16", 2, true},
                                                                     {"uint32", 4, true},
                                                                     {"int32", 4, true},
                                                                     {"float32", 4, false},
                                                                     {"bool", 1, false},
                                                                     {"string", 0, false},
                                                                     {"array", 0, false},
                                                                     {"uint64", 8, true},
                                                                     {"int64", 8, true},
                                                                     {"float64", 8, false}}};

constexpr const ValueTypeInfo& row_of(ValueType type) { return kValueTypeTable[static_cast<std::uint32_t>(type)]; }

std::string escaped(std::string_view text, std::size_t max_characters) {
  std::string out;
  for (const char c : text.substr(0, max_characters)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
      continue;
    }
    std::array<char, 5> code{};
    std::snprintf(code.data(), code.size(), "\\x%02x", byte);
    out += code.data();
  }
  if (text.size() > max_characters) out += "...";
  return out;
}

std::string number_text(const Value& value, std::size_t index) {
  std::array<char, 32> text{};
  if (value.element == ValueType::kBool) return NumberArray<bool>(value)[index] ? "true" : "false";
  if (value.element == ValueType::kUint64) return std::to_string(NumberArray<std::uint64_t>(value)[index]);
  if (is_integer(value.element)) return std::to_string(NumberArray<std::int64_t>(value)[index]);
  std::snprintf(text.data(), text.size(), "%.7g", NumberArray<double>(value)[index]);
  return text.data();
}

std::string_view characters(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string array_text(const Value& value, std::size_t max_elements, std::size_t max_characters) {
  std::string out = "[";
  std::size_t shown = 0;
  const auto add = [&](const std::string& element) { out += (shown++ == 0 ? "" : ", ") + element; };
  if (value.element == ValueType::kString) {
    const StringArray strings(value);
    for (auto text = strings.begin(); text != strings.end() && shown < max_elements; ++text) {
      add("\"" + escaped(*text, max_characters) + "\"");
    }
  } else {
    while (shown < std::min<std::uint64_t>(value.count, max_elements)) add(number_text(value, shown));
  }
  if (value.count > shown) out += ", ... " + std::to_string(value.count) + " in all";
  return out + "]";
}

}  // namespace

std::string_view name_of(ValueType type) { return row_of(type).name; }

std::size_t size_of(ValueType type) { return row_of(type).size; }

bool is_integer(ValueType type) { return row_of(type).integer; }

void StringArray::Iterator::read() {
  text_ = {};
  if (left_ == 0) return;
  std::uint64_t length = 0;
  if (rest_.size() < sizeof(length)) return;
  std::memcpy(&length, rest_.data(), sizeof(length));
  rest_ = rest_.subspan(sizeof(length));
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(length, rest_.size()));
  text_ = characters(rest_.first(size));
  rest_ = rest_.subspan(size);
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kMaxQuoted = 64;
  return "'" + escaped(text, kMaxQuoted) + "'";
}

std::string to_text(const Value& value, std::size_t max_elements, std::size_t max_characters) {
  if (value.type == ValueType::kArray) return array_text(value, max_elements, max_characters);
  if (value.type == ValueType::kString) return escaped(characters(value.data), max_characters);
  return number_text(value, 0);
}

}  // namespace linnet::gguf
