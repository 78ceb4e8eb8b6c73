#include "runtime/text/template/characters.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include <utf8proc.h>

#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

struct Expansion {
  char32_t from;
  char32_t to[3];  // Zero after the last.
};

#include "runtime/text/template/case_tables.inc"

template <std::size_t N>
bool contains(const Range (&ranges)[N], char32_t c) {
  const auto after = std::upper_bound(std::begin(ranges), std::end(ranges), c,
                                      [](char32_t value, const Range& range) { return value < range.first; });
  return after != std::begin(ranges) && c <= std::prev(after)->last;
}

template <std::size_t N>
const Expansion* find(const Expansion (&expansions)[N], char32_t c) {
  const auto found =
      std::lower_bound(std::begin(expansions), std::end(expansions), c,
                       [](const Expansion& expansion, char32_t value) { return expansion.from < value; });
  return found != std::end(expansions) && found->from == c ? found : nullptr;
}

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }

// Property Case_Ignorable: what a final sigma looks through.
bool is_case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
  }
  constexpr char32_t kOthers[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                  0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  return std::find(std::begin(kOthers), std::end(kOthers), c) != std::end(kOthers);
}

void append_expansion(std::string& out, const Expansion& expansion) {
  for (const char32_t c : expansion.to) {
    if (c != 0) append_code_point(out, c);
  }
}

void append_upper(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
  } else if (const Expansion* expansion = find(kUpper, c)) {
    append_expansion(out, *expansion);
  } else {
    append_code_point(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
  }
}

void append_title(std::string& out, char32_t c) {
  if (const Expansion* expansion = find(kTitle, c)) {
    append_expansion(out, *expansion);
  } else {
    append_code_point(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
  }
}

// Whether the sigma between `start` and `end` ends a word: a cased letter before it and none after it.
bool is_final_sigma(std::string_view text, std::size_t start, std::size_t end) {
  bool cased_before = false;
  for (std::size_t position = start; position > 0 && !cased_before;) {
    const char32_t c = previous_code_point(text, position);
    if (is_case_ignorable(c)) continue;
    if (!is_cased(c)) return false;
    cased_before = true;
  }
  if (!cased_before) return false;
  while (end < text.size()) {
    const char32_t c = next_code_point(text, end);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, std::size_t start, std::size_t end, char32_t c) {
  constexpr char32_t kSigma = 0x3A3;
  if (c < 0x80) {
    out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  } else if (c == kSigma) {
    append_code_point(out, is_final_sigma(text, start, end) ? 0x3C2 : 0x3C3);
  } else if (c == 0x130) {  // The one character whose lower case is two.
    out += "i\xCC\x87";
  } else {
    append_code_point(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
}

// Calls visit(start, end, code point) for each character; bytes that are not UTF-8 are copied.
template <class Visit>
std::string map_characters(std::string_view text, Visit visit) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t start = position;
    const char32_t c = next_code_point(text, position);
    if (position == start + 1 && static_cast<std::uint8_t>(text[start]) >= 0x80) {
      out.push_back(text[start]);
    } else {
      visit(out, start, position, c);
    }
  }
  return out;
}

}  // namespace

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

bool is_alphabetic(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return true;
    default: return false;
  }
}

bool is_decimal(char32_t c) { return c < 0x80 ? c >= '0' && c <= '9' : category(c) == UTF8PROC_CATEGORY_ND; }

bool is_digit(char32_t c) { return is_decimal(c) || (c >= 0x80 && contains(kOtherDigit, c)); }

bool is_numeric(char32_t c) {
  if (is_decimal(c)) return true;
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO || contains(kOtherNumeric, c);
}

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return category(c) == UTF8PROC_CATEGORY_LU || contains(kOtherUpper, c);
}

bool is_lower(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z';
  return category(c) == UTF8PROC_CATEGORY_LL || contains(kOtherLower, c);
}

bool is_title(char32_t c) { return c >= 0x80 && category(c) == UTF8PROC_CATEGORY_LT; }

bool is_word(char32_t c) { return c == '_' || is_alphabetic(c) || is_numeric(c); }

bool is_identifier_start(char32_t c) {
  return c == '_' || is_alphabetic(c) || (c >= 0x80 && category(c) == UTF8PROC_CATEGORY_NL);
}

bool is_identifier_part(char32_t c) {
  if (is_identifier_start(c) || is_decimal(c)) return true;
  if (c < 0x80) return false;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
  }
}

namespace {

template <class Wanted, class Other>
bool is_all_cased(std::string_view text, Wanted wanted, Other other) {
  bool found = false;
  for (std::size_t position = 0; position < text.size();) {
    const char32_t c = next_code_point(text, position);
    if (is_title(c) || other(c)) return false;
    found = found || wanted(c);
  }
  return found;
}

}  // namespace

bool is_upper_text(std::string_view text) { return is_all_cased(text, is_upper, is_lower); }
bool is_lower_text(std::string_view text) { return is_all_cased(text, is_lower, is_upper); }

std::string to_upper(std::string_view text) {
  return map_characters(text, [](std::string& out, std::size_t, std::size_t, char32_t c) { append_upper(out, c); });
}

std::string to_lower(std::string_view text) {
  return map_characters(text, [text](std::string& out, std::size_t start, std::size_t end, char32_t c) {
    append_lower(out, text, start, end, c);
  });
}

std::string to_title(std::string_view text) {
  bool in_word = false;
  return map_characters(text, [&](std::string& out, std::size_t start, std::size_t end, char32_t c) {
    if (in_word) {
      append_lower(out, text, start, end, c);
    } else {
      append_title(out, c);
    }
    in_word = is_cased(c);
  });
}

std::string to_capitalized(std::string_view text) {
  return map_characters(text, [text](std::string& out, std::size_t start, std::size_t end, char32_t c) {
    if (start == 0) {
      append_title(out, c);
    } else {
      append_lower(out, text, start, end, c);
    }
  });
}

std::string to_swapped_case(std::string_view text) {
  return map_characters(text, [text](std::string& out, std::size_t start, std::size_t end, char32_t c) {
    if (is_upper(c)) {
      append_lower(out, text, start, end, c);
    } else if (is_lower(c)) {
      append_upper(out, c);
    } else {
      append_code_point(out, c);
    }
  });
}

}  // namespace linnet::templates
