#include "runtime/text/template/text_search.h"

#include <algorithm>

#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

template <class Contains>
std::string_view strip_if(std::string_view text, Side side, Contains contains) {
  while (side != Side::kRight && !text.empty()) {
    std::size_t next = 0;
    const char32_t c = next_code_point(text, next);
    if (!contains(c, text.substr(0, next))) break;
    text = text.substr(next);
  }
  while (side != Side::kLeft && !text.empty()) {
    std::size_t end = text.size();
    const char32_t c = previous_code_point(text, end);
    if (!contains(c, text.substr(end))) break;
    text = text.substr(0, end);
  }
  return text;
}

}  // namespace

std::string_view strip(std::string_view text, std::string_view characters, Side side) {
  return strip_if(text, side, [characters](char32_t, std::string_view bytes) {
    // In UTF-8, the bytes of a character are found only where that character starts.
    return characters.find(bytes) != std::string_view::npos;
  });
}

std::string_view strip_space(std::string_view text, Side side) {
  return strip_if(text, side, [](char32_t c, std::string_view) { return is_space(c); });
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator, std::size_t most) {
  std::vector<std::string_view> pieces;
  for (std::size_t found = 0; pieces.size() < most && (found = text.find(separator)) != std::string_view::npos;) {
    pieces.push_back(text.substr(0, found));
    text = text.substr(found + separator.size());
  }
  pieces.push_back(text);
  return pieces;
}

std::vector<std::string_view> split_right(std::string_view text, std::string_view separator, std::size_t most) {
  std::vector<std::string_view> pieces;
  for (std::size_t found = 0; pieces.size() < most && (found = text.rfind(separator)) != std::string_view::npos;) {
    pieces.push_back(text.substr(found + separator.size()));
    text = text.substr(0, found);
  }
  pieces.push_back(text);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<std::string_view> split_space(std::string_view text, std::size_t most) {
  std::vector<std::string_view> words;
  text = strip_left(text);
  while (!text.empty()) {
    if (words.size() == most) {
      words.push_back(strip_right(text));
      break;
    }
    std::size_t end = 0;
    for (std::size_t next = 0; end < text.size() && !is_space(next_code_point(text, next));) end = next;
    words.push_back(text.substr(0, end));
    text = strip_left(text.substr(end));
  }
  return words;
}

std::vector<std::string_view> split_space_right(std::string_view text, std::size_t most) {
  std::vector<std::string_view> words;
  text = strip_right(text);
  while (!text.empty()) {
    if (words.size() == most) {
      words.push_back(strip_left(text));
      break;
    }
    std::size_t begin = text.size();
    for (std::size_t back = begin; begin > 0 && !is_space(previous_code_point(text, back));) begin = back;
    words.push_back(text.substr(begin));
    text = strip_right(text.substr(0, begin));
  }
  std::reverse(words.begin(), words.end());
  return words;
}

std::vector<std::string_view> split_lines(std::string_view text, LineEnds ends) {
  const auto ends_line = [](char32_t c) {
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
  };
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t end = position;
    const char32_t c = next_code_point(text, position);
    if (!ends_line(c)) continue;
    if (c == '\r' && position < text.size() && text[position] == '\n') ++position;
    lines.push_back(text.substr(begin, (ends == LineEnds::kKeep ? position : end) - begin));
    begin = position;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::size_t count_occurrences(std::string_view text, std::string_view part) {
  if (part.empty()) return count_code_points(text) + 1;
  std::size_t count = 0;
  for (std::size_t found = 0; (found = text.find(part, found)) != std::string_view::npos; found += part.size()) ++count;
  return count;
}

std::size_t replaced_size(std::string_view text, std::string_view from, std::string_view to, std::size_t most) {
  const std::size_t count = std::min(most, count_occurrences(text, from));
  std::size_t added = 0;
  if (__builtin_mul_overflow(count, to.size(), &added)) return SIZE_MAX;
  std::size_t size = 0;
  return __builtin_add_overflow(text.size(), added, &size) ? SIZE_MAX : size;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to, std::size_t most) {
  std::string out;
  std::size_t position = 0;
  for (std::size_t done = 0; done < most && position <= text.size(); ++done) {
    if (from.empty()) {
      out += to;
      if (position == text.size()) return out;
      const std::size_t size = code_point_size(text, position);
      out += text.substr(position, size);
      position += size;
      continue;
    }
    const std::size_t found = text.find(from, position);
    if (found == std::string_view::npos) break;
    out.append(text.substr(position, found - position)).append(to);
    position = found + from.size();
  }
  return out.append(text.substr(std::min(position, text.size())));
}

}  // namespace linnet::templates
