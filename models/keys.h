// An architecture's hyper-parameters by their GGUF names, each checked against a range before anything is computed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "models/gguf/reader.h"
#include "runtime/base/result.h"

namespace linnet::models {

// What a count may be, inclusive.
struct Range {
  std::size_t least = 1;
  std::size_t most = 1;
};

// Reads "<architecture>.<name>". Borrows the reader. Errors of all: kMalformed, naming the key.
class Keys {
 public:
  Keys(const gguf::Reader& file, std::string_view architecture) : file_(file), architecture_(architecture) {}

  [[nodiscard]] bool contains(std::string_view name) const { return file_.contains(key(name)); }
  [[nodiscard]] Result<std::size_t> count(std::string_view name, Range range) const;
  [[nodiscard]] Result<std::size_t> count_or(std::string_view name, Range range, std::size_t fallback) const;
  [[nodiscard]] Result<float> number(std::string_view name, float least, float most) const;
  [[nodiscard]] Result<float> number_or(std::string_view name, float least, float most, float fallback) const;
  [[nodiscard]] Result<std::string_view> text_or(std::string_view name, std::string_view fallback) const;

  [[nodiscard]] std::string key(std::string_view name) const;

 private:
  const gguf::Reader& file_;
  std::string architecture_;
};

}  // namespace linnet::models
