#include "runtime/text/grammar/json_number.h"

#include <algorithm>
#include <vector>

namespace linnet::text {
namespace {

constexpr std::string_view kAnyFraction = R"(("." [0-9]{1,15})?)";
constexpr std::string_view kZeroFraction = R"(("." "0"{1,15})?)";
constexpr std::string_view kSomeFraction = R"("." "0"{0,14} [1-9] [0-9]{0,14})";  // Not zero.
constexpr std::uint64_t kNoLimit = UINT64_MAX;

std::string joined(const std::vector<std::string>& ways) {
  std::string out;
  for (const std::string& way : ways) out += (out.empty() ? "(" : " | ") + way;
  return out + ")";
}

std::string range(char first, char last) {
  return first == last ? std::string("\"") + first + "\"" : std::string("[") + first + "-" + last + "]";
}

std::string any_digits(std::size_t count) {
  return count == 0 ? std::string() : " [0-9]{" + std::to_string(count) + "}";
}

// Numbers of as many digits as both bounds have, from `low` to `high`, digit by digit.
void same_length(const std::string& low, const std::string& high, const std::string& prefix,
                 std::vector<std::string>& out) {
  const std::size_t size = low.size();
  std::size_t equal = 0;
  while (equal < size && low[equal] == high[equal]) ++equal;
  const std::string head = prefix + low.substr(0, equal);
  const std::string quoted = head.empty() ? "" : "\"" + head + "\" ";
  if (equal == size) {
    out.push_back("\"" + head + "\"");
    return;
  }
  const std::string low_rest = low.substr(equal + 1);
  const std::string high_rest = high.substr(equal + 1);
  char first = low[equal];
  char last = high[equal];
  const bool low_open = low_rest.find_first_not_of('0') != std::string::npos;
  const bool high_open = high_rest.find_first_not_of('9') != std::string::npos;
  if (low_open) same_length(low_rest, std::string(low_rest.size(), '9'), head + first++, out);
  if (high_open) --last;
  if (first <= last) out.push_back(quoted + range(first, last) + any_digits(low_rest.size()));
  if (high_open) same_length(std::string(high_rest.size(), '0'), high_rest, head + high[equal], out);
}

// Integers from `low` to `high`, both at least 0.
std::string not_negative(std::uint64_t low, std::uint64_t high) {
  std::vector<std::string> out;
  const std::string last = std::to_string(high);
  std::string from = std::to_string(low);
  if (high == kNoLimit) {
    // All of its own length, then any longer one.
    same_length(from, std::string(from.size(), '9'), "", out);
    out.push_back("[1-9] [0-9]{" + std::to_string(from.size()) + "," +
                  std::to_string(std::max<std::size_t>(from.size(), 18)) + "}");
    return joined(out);
  }
  while (from.size() < last.size()) {
    same_length(from, std::string(from.size(), '9'), "", out);
    from = "1" + std::string(from.size(), '0');
  }
  same_length(from, last, "", out);
  return joined(out);
}

// The magnitude of a negative number.
std::uint64_t magnitude(std::int64_t value) { return 0 - static_cast<std::uint64_t>(value); }

// Numbers of one sign whose magnitude lies between the bounds.
std::string magnitudes(std::uint64_t low, std::uint64_t high, bool above, bool below) {
  std::vector<std::string> ways;
  const std::string edge = std::to_string(low);
  if (above) ways.push_back("\"" + edge + "\" " + std::string(kSomeFraction));
  const std::uint64_t first = above ? low + 1 : low;
  if (low == high) {
    if (!above && !below) return "(\"" + edge + "\" " + std::string(kZeroFraction) + ")";
    return {};
  }
  if (high == kNoLimit) {
    ways.push_back(not_negative(first, high) + " " + std::string(kAnyFraction));
    return joined(ways);
  }
  if (first < high) ways.push_back(not_negative(first, high - 1) + " " + std::string(kAnyFraction));
  if (!below) ways.push_back("\"" + std::to_string(high) + "\" " + std::string(kZeroFraction));
  return joined(ways);
}

}  // namespace

std::string grammar_of_integers(IntegerBounds bounds) {
  std::vector<std::string> ways;
  const bool may_be_negative = !bounds.least || *bounds.least < 0;
  if (may_be_negative && (!bounds.most || *bounds.most < 0 || *bounds.most >= 0)) {
    const std::uint64_t low = bounds.most && *bounds.most < 0 ? magnitude(*bounds.most) : 1;
    const std::uint64_t high = bounds.least ? magnitude(*bounds.least) : kNoLimit;
    ways.push_back("\"-\" " + not_negative(low, high));
  }
  if (!bounds.most || *bounds.most >= 0) {
    const std::uint64_t low = bounds.least && *bounds.least > 0 ? static_cast<std::uint64_t>(*bounds.least) : 0;
    ways.push_back(not_negative(low, bounds.most ? static_cast<std::uint64_t>(*bounds.most) : kNoLimit));
  }
  return joined(ways);
}

std::string grammar_of_numbers(IntegerBounds bounds, bool above, bool below) {
  std::vector<std::string> ways;
  if (!bounds.least || *bounds.least < 0) {
    const bool ends_below_zero = bounds.most && *bounds.most < 0;
    const std::uint64_t low = ends_below_zero ? magnitude(*bounds.most) : 0;
    const std::uint64_t high = bounds.least ? magnitude(*bounds.least) : kNoLimit;
    // -0.5 is fine, -0 is left to the other sign: it may be excluded.
    const std::string part = magnitudes(low, high, ends_below_zero ? below : true, above);
    if (!part.empty()) ways.push_back("\"-\" " + part);
  }
  if (!bounds.most || *bounds.most >= 0) {
    const bool starts_at_zero = !bounds.least || *bounds.least < 0;
    const std::uint64_t low = starts_at_zero ? 0 : static_cast<std::uint64_t>(*bounds.least);
    const std::uint64_t high = bounds.most ? static_cast<std::uint64_t>(*bounds.most) : kNoLimit;
    const std::string part = magnitudes(low, high, starts_at_zero ? false : above, below);
    if (!part.empty()) ways.push_back(part);
  }
  return ways.empty() ? std::string() : joined(ways);
}

}  // namespace linnet::text
