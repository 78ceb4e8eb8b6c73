// Builds GGUF files byte by byte, independent of the writer, so that any field can be wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "models/gguf/value.h"

namespace linnet::gguf {

// Bytes appended in little-endian order.
struct Bytestring {
  std::vector<std::byte> bytes;

  template <class T>
  Bytestring& number(T value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), first, first + sizeof(T));
    return *this;
  }
  Bytestring& type(ValueType value) { return number(static_cast<std::uint32_t>(value)); }
  Bytestring& characters(std::string_view text) {
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    bytes.insert(bytes.end(), first, first + text.size());
    return *this;
  }
  Bytestring& text(std::string_view text) { return number(std::uint64_t{text.size()}).characters(text); }
};

// What a file declares; the counts can be overridden to lie.
class FileBuilder {
 public:
  std::uint32_t magic = 0x46554747;
  std::uint32_t version = 3;
  std::uint32_t alignment = 32;  // Of the padding that build() writes; not declared by itself.
  std::optional<std::uint64_t> declared_tensors;
  std::optional<std::uint64_t> declared_entries;
  std::vector<std::byte> data;

  template <class T>
  FileBuilder& scalar(std::string_view key, ValueType type, T value) {
    return entry(Bytestring().text(key).type(type).number(value));
  }
  FileBuilder& string(std::string_view key, std::string_view value) {
    return entry(Bytestring().text(key).type(ValueType::kString).text(value));
  }
  template <class T>
  FileBuilder& array(std::string_view key, ValueType element, std::initializer_list<T> values) {
    Bytestring bytes;
    bytes.text(key).type(ValueType::kArray).type(element).number(std::uint64_t{values.size()});
    for (const T value : values) bytes.number(value);
    return entry(bytes);
  }
  FileBuilder& strings(std::string_view key, std::initializer_list<std::string_view> values) {
    Bytestring bytes;
    bytes.text(key).type(ValueType::kArray).type(ValueType::kString).number(std::uint64_t{values.size()});
    for (const auto value : values) bytes.text(value);
    return entry(bytes);
  }
  FileBuilder& entry(const Bytestring& encoded) {
    entries_.push_back(encoded);
    return *this;
  }
  FileBuilder& tensor(std::string_view name, std::initializer_list<std::uint64_t> dims, std::uint32_t type,
                      std::uint64_t offset) {
    Bytestring bytes;
    bytes.text(name).number(static_cast<std::uint32_t>(dims.size()));
    for (const auto dim : dims) bytes.number(dim);
    infos_.push_back(bytes.number(type).number(offset));
    return *this;
  }

  [[nodiscard]] std::vector<std::byte> build() const {
    Bytestring out;
    out.number(magic).number(version);
    out.number(declared_tensors.value_or(infos_.size())).number(declared_entries.value_or(entries_.size()));
    for (const auto& part : entries_) out.bytes.insert(out.bytes.end(), part.bytes.begin(), part.bytes.end());
    for (const auto& part : infos_) out.bytes.insert(out.bytes.end(), part.bytes.begin(), part.bytes.end());
    if (!data.empty()) out.bytes.resize((out.bytes.size() + alignment - 1) / alignment * alignment);
    out.bytes.insert(out.bytes.end(), data.begin(), data.end());
    return out.bytes;
  }

 private:
  std::vector<Bytestring> entries_;
  std::vector<Bytestring> infos_;
};

}  // namespace linnet::gguf
