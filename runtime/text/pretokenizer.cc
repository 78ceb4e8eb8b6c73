#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/text/pretokenizer.h"

#include <pcre2.h>

#include <array>
#include <string>

#include "runtime/text/digit_groups.h"

namespace linnet::text {
namespace {

// Unicode's White_Space, which the reference implementations mean by \s. PCRE2's own \s also takes U+180E.
constexpr std::string_view kSpaces =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// Rewrites \s and \S, inside and outside of classes.
std::string with_unicode_spaces(std::string_view expression) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\' && i + 1 < expression.size()) {
      const char next = expression[++i];
      if (next == 's') {
        out += in_class ? std::string(kSpaces) : "[" + std::string(kSpaces) + "]";
      } else if (next == 'S' && !in_class) {
        out += "[^" + std::string(kSpaces) + "]";
      } else {
        out += {c, next};
      }
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

// Hands PCRE2 memory from a block and takes none back: a match asks a few times only, and the block is gone after it.
struct Pool {
  std::span<std::byte> memory;
  std::size_t used = 0;

  static void* take(std::size_t size, void* pool_pointer) {
    auto& pool = *static_cast<Pool*>(pool_pointer);
    const std::size_t rounded = (size + 15) & ~std::size_t{15};
    if (rounded < size || rounded > pool.memory.size() - pool.used) return nullptr;
    std::byte* start = pool.memory.data() + pool.used;
    pool.used += rounded;
    return start;
  }
  static void give_back(void*, void*) {}
};

// What one run over a text needs of PCRE2.
class Matching {
 public:
  explicit Matching(std::span<std::byte> scratch)
      : pool_{scratch, 0}, general_(pcre2_general_context_create(&Pool::take, &Pool::give_back, &pool_)) {
    if (general_ == nullptr) return;
    context_ = pcre2_match_context_create(general_);
    data_ = pcre2_match_data_create(1, general_);
    // Expressions are ours and run in linear time; the limit must not depend on the length of a text.
    if (context_ != nullptr) pcre2_set_match_limit(context_, UINT32_MAX);
  }

  // 1 and the place of the first match from `from`, 0 where there is none, or an error of PCRE2.
  int find(const pcre2_code* code, std::string_view text, std::size_t from, std::size_t& start, std::size_t& end) {
    if (context_ == nullptr || data_ == nullptr) return PCRE2_ERROR_NOMEMORY;
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    const int found = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, data_, context_);
    if (found == PCRE2_ERROR_NOMATCH) return 0;
    if (found < 0) return found;
    start = pcre2_get_ovector_pointer(data_)[0];
    end = pcre2_get_ovector_pointer(data_)[1];
    return 1;
  }

 private:
  Pool pool_;
  pcre2_general_context* general_ = nullptr;
  pcre2_match_context* context_ = nullptr;
  pcre2_match_data* data_ = nullptr;
};

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

// Cuts `text` by the first expression, its pieces by the next, and so on: no list of pieces is kept.
class Splitter {
 public:
  Splitter(Matching& matching, DigitGroups groups, FunctionRef<bool(std::string_view)> word)
      : matching_(matching), groups_(groups), word_(word) {}

  // False where an expression failed (`error`) or the caller stopped.
  template <class Codes>
  bool split(std::string_view text, const Codes& codes, std::size_t level) {
    if (level == codes.size()) return word_(text);
    std::size_t at = 0;
    while (at < text.size()) {
      std::size_t start = 0;
      std::size_t end = 0;
      const int found = matching_.find(codes[level].get(), text, at, start, end);
      if (found < 0) {
        error = found;
        return false;
      }
      if (found == 0 || end <= start) return split(text.substr(at), codes, level + 1);
      if (start > at && !split(text.substr(at, start - at), codes, level + 1)) return false;
      if (!split_match(text.substr(start, end - start), codes, level)) return false;
      at = end;
    }
    return true;
  }

  int error = 0;

 private:
  template <class Codes>
  bool split_match(std::string_view match, const Codes& codes, std::size_t level) {
    if (level > 0 || groups_ == DigitGroups::kAsTheyAre) return split(match, codes, level + 1);
    return cut_digit_groups(match, [&](std::string_view group) { return split(group, codes, level + 1); });
  }

  Matching& matching_;
  DigitGroups groups_;
  FunctionRef<bool(std::string_view)> word_;
};

}  // namespace

void PreTokenizer::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

Result<PreTokenizer> PreTokenizer::compile(const PreTokenizerRow& row) {
  PreTokenizer compiled;
  compiled.digit_groups_ = row.digit_groups;
  for (const std::string_view expression : row.expressions) {
    const std::string adapted = with_unicode_spaces(expression);
    int error = 0;
    std::size_t place = 0;
    pcre2_code* code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(adapted.data()), adapted.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error, &place, nullptr);
    if (code == nullptr) {
      return fail(ErrorKind::kUnsupported, "pre-tokenizer expression '" + std::string(expression) + "' at " +
                                               std::to_string(place) + ": " + message_of(error));
    }
    compiled.expressions_.emplace_back(code);
  }
  return compiled;
}

Result<void> PreTokenizer::split(std::string_view text, std::span<std::byte> scratch,
                                 FunctionRef<bool(std::string_view)> word) const {
  Matching matching(scratch);
  Splitter splitter(matching, digit_groups_, word);
  if (!splitter.split(text, expressions_, 0) && splitter.error != 0) {
    return fail(ErrorKind::kExhausted, "pre-tokenizer: " + message_of(splitter.error));
  }
  return {};
}

}  // namespace linnet::text
