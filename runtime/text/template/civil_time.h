// A date and time of day as a wall clock shows it: what `strftime_now` formats.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::templates {

// A moment without a time zone, as Python's naive `datetime`. Always valid when it comes from a function below.
struct CivilTime {
  int year = 1970;  // 1 to 9999.
  int month = 1;    // 1 to 12.
  int day = 1;      // 1 to 31.
  int hour = 0;
  int minute = 0;
  int second = 0;
  int microsecond = 0;
};

// The wall clock of this process's time zone.
[[nodiscard]] CivilTime local_time_now();

// Reads ISO 8601: "2025-07-26", "2025-07-26T14:05", "2025-07-26 14:05:09.25Z". A zone is checked and dropped: the time
// is taken as written. Errors: kUsage.
[[nodiscard]] Result<CivilTime> parse_iso8601(std::string_view text);

// `time` by a strftime format, in the C locale: the directives of Python's `datetime.strftime` on glibc, with its
// flags `-`, `_`, `0`, `^`, `#` and widths up to two digits. Errors: kUnsupported names the directive.
[[nodiscard]] Result<std::string> format_time(const CivilTime& time, std::string_view format);

}  // namespace linnet::templates
