// The exception that is being handled, told in memory that was there before it.
#pragma once

#include <array>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::daemon {

struct Caught {
  ErrorKind kind = ErrorKind::kUnforeseen;  // kExhausted where memory ran out.
  std::array<char, 160> text{};             // Its own words, cut where they are longer.

  [[nodiscard]] std::string_view words() const { return text.data(); }
};

// Call it in a catch block only. Allocates nothing.
[[nodiscard]] Caught caught() noexcept;

}  // namespace linnet::daemon
