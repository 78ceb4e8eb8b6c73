// Turns the bytes of a header into a Reader, checking every number before it is used. Private to models/gguf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "models/gguf/reader.h"
#include "runtime/base/checked.h"

namespace linnet::gguf {

// A position in bytes that never passes their end.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::uint64_t left() const { return bytes_.size() - position_; }

  template <class T>
  [[nodiscard]] std::optional<T> take() {
    const auto bytes = take_bytes(sizeof(T));
    if (!bytes) return std::nullopt;
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }

  [[nodiscard]] std::optional<std::span<const std::byte>> take_bytes(std::uint64_t size) {
    if (size > left()) return std::nullopt;
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(size));
    position_ += taken.size();
    return taken;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

class Parser {
 public:
  explicit Parser(std::span<const std::byte> bytes) : cursor_(bytes) { reader_.bytes_ = bytes; }

  [[nodiscard]] Result<Reader> parse();
  // Reader::join.
  [[nodiscard]] static Result<Reader> join(std::span<const Reader> parts);

 private:
  // How a declared text may be long, and what it is called where it is not.
  struct TextRule {
    std::string_view what;
    std::uint64_t max_bytes;
  };

  [[nodiscard]] Result<void> read_preamble();
  [[nodiscard]] Result<void> check_version(std::uint32_t version) const;
  [[nodiscard]] Result<void> read_entries(std::uint64_t count);
  [[nodiscard]] Result<Value> read_value();
  [[nodiscard]] Result<Value> read_array();
  [[nodiscard]] Result<std::span<const std::byte>> read_elements(ValueType element, std::uint64_t count);
  [[nodiscard]] Result<ValueType> read_value_type();
  [[nodiscard]] Result<std::span<const std::byte>> read_text(TextRule rule);
  [[nodiscard]] Result<void> read_alignment();
  [[nodiscard]] Result<void> read_tensor_infos(std::uint64_t count);
  [[nodiscard]] Result<Tensor> read_tensor_info();
  [[nodiscard]] Result<void> read_dims(Tensor& tensor);
  [[nodiscard]] Result<void> read_type(Tensor& tensor);
  [[nodiscard]] Result<void> place_tensors();
  [[nodiscard]] Result<std::uint64_t> place(Tensor& tensor, std::uint64_t data_start, std::uint64_t previous_end) const;
  [[nodiscard]] Result<void> check_tensor_counts(std::span<const Reader> parts) const;
  [[nodiscard]] Result<void> index_names();

  [[nodiscard]] tl::unexpected<Error> malformed(std::string_view what) const {
    return refuse(ErrorKind::kMalformed, what);
  }
  [[nodiscard]] tl::unexpected<Error> refuse(ErrorKind kind, std::string_view what) const;
  [[nodiscard]] tl::unexpected<Error> ends_inside(std::string_view what) const;
  [[nodiscard]] tl::unexpected<Error> too_long(TextRule rule, std::uint64_t length) const;

  Cursor cursor_;
  Reader reader_;
  std::string subject_;  // "key 'x'" or "tensor 'x'": what is being read, for errors.
  std::uint64_t entry_count_ = 0;
  std::uint64_t tensor_count_ = 0;
};

}  // namespace linnet::gguf
