// Metadata values of a GGUF file, viewed where they lie: scalars by copy, arrays element by element.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace linnet::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF is little-endian and read in place");

// Ids as files store them.
enum class ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

inline constexpr std::uint32_t kValueTypes = 13;

// "uint32", "string", …
[[nodiscard]] std::string_view name_of(ValueType type);

// Bytes of a fixed-size value; 0 for strings and arrays.
[[nodiscard]] std::size_t size_of(ValueType type);

[[nodiscard]] bool is_integer(ValueType type);

// One value. Borrows the file's bytes; its extents were checked when the header was read.
struct Value {
  ValueType type = ValueType::kUint8;
  ValueType element = ValueType::kUint8;  // Of an array, else `type`.
  std::uint64_t count = 1;                // Elements of an array, else 1.
  // A scalar's or an array's bytes as in the file; of a string its characters, without the length.
  std::span<const std::byte> data;
};

// A metadata entry.
struct Entry {
  std::string_view key;
  Value value;
};

// Array elements of one type, converted to T as they are read (the getters of Reader admit only conversions that keep
// the value). Borrows.
template <class T>
class NumberArray {
 public:
  explicit NumberArray(const Value& value) : value_(value) {}

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(value_.count); }
  [[nodiscard]] T operator[](std::size_t index) const;

 private:
  template <class Stored>
  [[nodiscard]] T load(std::size_t index) const {
    Stored stored;
    std::memcpy(&stored, value_.data.data() + index * sizeof(Stored), sizeof(Stored));
    return static_cast<T>(stored);
  }

  Value value_;
};

template <class T>
T NumberArray<T>::operator[](std::size_t index) const {
  assert(index < size());
  switch (value_.element) {
    case ValueType::kUint8: return load<std::uint8_t>(index);
    case ValueType::kInt8: return load<std::int8_t>(index);
    case ValueType::kUint16: return load<std::uint16_t>(index);
    case ValueType::kInt16: return load<std::int16_t>(index);
    case ValueType::kUint32: return load<std::uint32_t>(index);
    case ValueType::kInt32: return load<std::int32_t>(index);
    case ValueType::kFloat32: return load<float>(index);
    case ValueType::kBool: return static_cast<T>(load<std::uint8_t>(index) != 0);
    case ValueType::kUint64: return load<std::uint64_t>(index);
    case ValueType::kInt64: return load<std::int64_t>(index);
    case ValueType::kFloat64: return load<double>(index);
    case ValueType::kString:
    case ValueType::kArray: break;
  }
  return T{};
}

// Strings in the order of the file, by forward iteration: an element's place is known only after the one before it.
// Borrows. Lengths are checked again while iterating, since another process may write to a mapped file.
class StringArray {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator() = default;
    Iterator(std::span<const std::byte> rest, std::size_t left) : rest_(rest), left_(left) { read(); }

    [[nodiscard]] std::string_view operator*() const { return text_; }
    Iterator& operator++() {
      --left_;
      read();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    void read();

    std::span<const std::byte> rest_;  // After text_.
    std::size_t left_ = 0;             // Elements from here to the end.
    std::string_view text_;
  };

  explicit StringArray(const Value& value) : value_(value) {}

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(value_.count); }
  [[nodiscard]] Iterator begin() const { return {value_.data, size()}; }
  [[nodiscard]] Iterator end() const { return {}; }

 private:
  Value value_;
};

// `text` between single quotes with everything but printable ASCII escaped, cut at 64 characters: what a file calls
// something must not reach a terminal as it is.
[[nodiscard]] std::string quoted(std::string_view text);

// A value for a person: at most `max_elements` of an array and `max_characters` of a string, unprintable bytes escaped.
[[nodiscard]] std::string to_text(const Value& value, std::size_t max_elements = 8, std::size_t max_characters = 120);

}  // namespace linnet::gguf
