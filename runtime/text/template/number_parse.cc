#include "runtime/text/template/number_parse.h"

#include <charconv>
#include <cstdlib>
#include <string>

#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

// Removes single underscores between digits; nothing where one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() && is_alphanumeric(text[i - 1]) && is_alphanumeric(text[i + 1]);
    if (!between) return std::nullopt;
  }
  return out;
}

// The base that a prefix such as 0x asks for; 0 where there is none.
int prefix_base(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 0;
  switch (text[1] | 0x20) {
    case 'b': return 2;
    case 'o': return 8;
    case 'x': return 16;
    default: return 0;
  }
}

}  // namespace

Result<std::optional<std::int64_t>> parse_integer(std::string_view text, std::int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  text = strip_left(strip_right(text));
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text = text.substr(1);
  const int prefix = prefix_base(text);
  const bool prefixed = prefix != 0 && (base == 0 || base == prefix);
  if (prefixed) text = text.substr(text.size() > 2 && text[2] == '_' ? 3 : 2);
  const auto digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  const int actual = prefixed ? prefix : base == 0 ? 10 : static_cast<int>(base);
  const bool leading_zero = base == 0 && !prefixed && (*digits)[0] == '0';
  if (leading_zero && digits->find_first_not_of('0') != std::string::npos) return std::nullopt;
  std::uint64_t magnitude = 0;
  const auto parsed = std::from_chars(digits->data(), digits->data() + digits->size(), magnitude, actual);
  if (parsed.ptr != digits->data() + digits->size()) return std::nullopt;
  const std::uint64_t most = std::uint64_t{INT64_MAX} + (negative ? 1 : 0);
  if (parsed.ec != std::errc() || magnitude > most) {
    return fail(ErrorKind::kUnsupported, "an integer of more than 64 bits");
  }
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

std::optional<double> parse_float(std::string_view text) {
  const auto plain = without_underscores(strip_left(strip_right(text)));
  if (!plain || plain->empty()) return std::nullopt;
  std::string_view body = *plain;
  const bool negative = body[0] == '-';
  if (negative || body[0] == '+') body = body.substr(1);
  if (body.empty() || body[0] == '-' || body.find('(') != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto parsed = std::from_chars(body.data(), body.data() + body.size(), value);
  if (parsed.ptr != body.data() + body.size() || parsed.ec == std::errc::invalid_argument) return std::nullopt;
  // from_chars leaves the value alone where it is infinite or vanishes; strtod gives Python's answer.
  if (parsed.ec != std::errc()) value = std::strtod(std::string(body).c_str(), nullptr);
  return negative ? -value : value;
}

}  // namespace linnet::templates
