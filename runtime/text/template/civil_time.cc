#include "runtime/text/template/civil_time.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>

namespace linnet::templates {

CivilTime local_time_now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  const auto micro = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
  return {local.tm_year + 1900,   local.tm_mon + 1, local.tm_mday,
          local.tm_hour,          local.tm_min,     local.tm_sec > 59 ? 59 : local.tm_sec,
          static_cast<int>(micro)};
}

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

bool is_valid(const CivilTime& time) {
  return time.year >= 1 && time.year <= 9999 && time.month >= 1 && time.month <= 12 && time.day >= 1 &&
         time.day <= days_in_month(time.year, time.month) && time.hour <= 23 && time.minute <= 59 && time.second <= 59;
}

// Takes `count` digits, or nothing if they are not there.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool take_into(std::string_view& text, std::size_t count, int& value) {
  const auto number = take_number(text, count);
  value = number.value_or(0);
  return number.has_value();
}

bool take_date(std::string_view& text, CivilTime& time) {
  return take_into(text, 4, time.year) && take(text, '-') && take_into(text, 2, time.month) && take(text, '-') &&
         take_into(text, 2, time.day);
}

bool take_fraction(std::string_view& text, CivilTime& time) {
  if (text.empty() || !is_digit(text[0])) return false;
  int scale = 100'000;
  for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1), scale /= 10) {
    time.microsecond += (text[0] - '0') * scale;
  }
  return true;
}

bool take_time(std::string_view& text, CivilTime& time) {
  if (!take_into(text, 2, time.hour) || !take(text, ':') || !take_into(text, 2, time.minute)) return false;
  if (!take(text, ':')) return true;
  if (!take_into(text, 2, time.second)) return false;
  return !(take(text, '.') || take(text, ',')) || take_fraction(text, time);
}

bool take_zone(std::string_view& text) {
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return true;
  if (!take(text, '+') && !take(text, '-')) return false;
  if (!take_number(text, 2)) return false;
  take(text, ':');
  return text.empty() || take_number(text, 2).has_value();
}

}  // namespace

Result<CivilTime> parse_iso8601(std::string_view text) {
  CivilTime time;
  std::string_view rest = text;
  bool well_formed = take_date(rest, time);
  if (well_formed && !rest.empty()) {
    well_formed = (take(rest, 'T') || take(rest, 't') || take(rest, ' ')) && take_time(rest, time) && take_zone(rest);
  }
  if (well_formed && rest.empty() && is_valid(time)) return time;
  return fail(ErrorKind::kUsage, "'" + std::string(text) + "' is not a time: write it as 2025-07-26T14:05:00");
}

namespace {

std::tm to_tm(const CivilTime& time) {
  std::tm broken{};
  broken.tm_year = time.year - 1900;
  broken.tm_mon = time.month - 1;
  broken.tm_mday = time.day;
  broken.tm_hour = time.hour;
  broken.tm_min = time.minute;
  broken.tm_sec = time.second;
  broken.tm_isdst = -1;
  for (int month = 1; month < time.month; ++month) broken.tm_yday += days_in_month(time.year, month);
  broken.tm_yday += time.day - 1;
  // Days since 1 January of year 1, a Monday in the proleptic calendar.
  const int years = time.year - 1;
  const int days = years * 365 + years / 4 - years / 100 + years / 400 + broken.tm_yday;
  broken.tm_wday = (days + 1) % 7;
  return broken;
}

// One directive after '%': flags, a width, a letter.
struct Directive {
  std::string flags;
  std::string width;
  char letter = 0;
};

std::optional<Directive> take_directive(std::string_view& text) {
  constexpr std::string_view kFlags = "-_0^#";
  constexpr std::string_view kLetters = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYfzZ%";
  Directive directive;
  for (; !text.empty() && kFlags.find(text[0]) != std::string_view::npos; text.remove_prefix(1)) {
    directive.flags.push_back(text[0]);
  }
  for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1)) directive.width.push_back(text[0]);
  const bool known = !text.empty() && kLetters.find(text[0]) != std::string_view::npos;
  if (!known || directive.width.size() > 2 || directive.flags.size() > 4) return std::nullopt;
  directive.letter = text[0];
  text.remove_prefix(1);
  return directive;
}

std::string format_directive(const Directive& directive, const CivilTime& time, const std::tm& broken) {
  if (directive.letter == 'f') {
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06d", time.microsecond);
    return digits;
  }
  if (directive.letter == 'z' || directive.letter == 'Z') return "";  // A naive time has no zone.
  const std::string format = "%" + directive.flags + directive.width + directive.letter;
  char buffer[256];
  const std::size_t size = std::strftime(buffer, sizeof buffer, format.c_str(), &broken);
  return std::string(buffer, size);
}

}  // namespace

Result<std::string> format_time(const CivilTime& time, std::string_view format) {
  constexpr std::size_t kMostBytes = 1024;
  if (format.size() > kMostBytes) return fail(ErrorKind::kUnsupported, "a time format of more than 1024 bytes");
  const std::tm broken = to_tm(time);
  std::string out;
  std::string_view rest = format;
  while (!rest.empty()) {
    if (!take(rest, '%')) {
      out.push_back(rest[0]);
      rest.remove_prefix(1);
      continue;
    }
    const std::string_view start = rest;
    const auto directive = take_directive(rest);
    if (!directive) {
      return fail(ErrorKind::kUnsupported, "the time directive '%" + std::string(start.substr(0, 4)) + "'");
    }
    out += format_directive(*directive, time, broken);
  }
  return out;
}

}  // namespace linnet::templates
