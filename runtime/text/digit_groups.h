// Long numbers cut in groups of three digits, counted from the right.
#pragma once

#include <string_view>

#include "runtime/base/function_ref.h"

namespace linnet::text {

// Calls `piece` with the parts of `number` in order; together they are it. There is a cut wherever a multiple of three
// decimal digits (Unicode's Nd) is left of a run of them: "1234567" gives 1, 234, 567; "1234²" gives 1, 234². The
// references say it with expressions that look ahead over the whole run, `\d{1,3}(?=(?:\d{3})*\b)`, which takes time in
// proportion to the square of its length; this takes linear time. `piece` returns false to stop, and so does this.
[[nodiscard]] bool cut_digit_groups(std::string_view number, FunctionRef<bool(std::string_view)> piece);

}  // namespace linnet::text
