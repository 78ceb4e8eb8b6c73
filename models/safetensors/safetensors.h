// Reads the header of a safetensors file: each tensor's name, type, shape and bytes.
//
// The form: 8 bytes that say how long the header is, the header (a JSON object, padded with spaces), the data. Source:
// the format's description and the checks of the `safetensors` package. Hostile input: every number is checked, nothing
// is taken on trust, memory grows with the header alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace linnet::safetensors {

inline constexpr std::uint64_t kMaximalHeader = 100'000'000;  // Bytes, as the package has it.
inline constexpr std::size_t kMaximalRank = 8;

struct Tensor {
  std::string_view name;
  std::string_view type;             // "F32", "BF16", …
  std::vector<std::uint64_t> shape;  // Outermost first; empty for a scalar.
  std::span<const std::byte> data;

  [[nodiscard]] std::uint64_t elements() const;
};

// Borrows the bytes. Immutable.
class File {
 public:
  // Errors: kMalformed (no such file, cut off, a shape that is not its bytes, data that overlap or leave holes, a name
  // twice), kUnsupported (a type that the format does not know; escapes in a name).
  [[nodiscard]] static Result<File> open(std::span<const std::byte> bytes);

  // In the order of their data.
  [[nodiscard]] std::span<const Tensor> tensors() const { return tensors_; }
  [[nodiscard]] const Tensor* find(std::string_view name) const;  // Or null.

 private:
  std::vector<Tensor> tensors_;
};

}  // namespace linnet::safetensors
