// Walks the JSON of a safetensors header: objects of objects of strings and counts. Private to models/safetensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::safetensors {

// Each call takes what it names and the white space before it. Errors: kMalformed, with the byte.
class HeaderCursor {
 public:
  explicit HeaderCursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end();
  [[nodiscard]] bool skip(char c);  // Whether it was there.
  [[nodiscard]] Result<void> expect(char c);
  // A string's content as it stands there, escapes and all.
  [[nodiscard]] Result<std::string_view> string();
  [[nodiscard]] Result<std::uint64_t> count();
  [[nodiscard]] tl::unexpected<Error> unexpected() const;

 private:
  void skip_space();

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace linnet::safetensors
