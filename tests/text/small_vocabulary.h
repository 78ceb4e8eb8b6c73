// A byte-level vocabulary of a few hundred entries, made in memory.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "runtime/text/byte_level.h"
#include "runtime/text/utf8.h"
#include "runtime/text/vocabulary_source.h"

namespace linnet::text {

class SmallVocabulary {
 public:
  // All bytes, then what each merge ("a b") makes, in order.
  explicit SmallVocabulary(const std::vector<std::string>& merges) {
    source_.model = "gpt2";
    source_.pre = "gpt-2";
    for (unsigned byte = 0; byte < 256; ++byte) {
      char text[4];
      add(std::string(text, write_code_point(byte_level_character(static_cast<std::uint8_t>(byte)), text)));
    }
    for (const std::string& merge : merges) {
      const auto gap = merge.find(' ');
      add(merge.substr(0, gap) + merge.substr(gap + 1));
      source_.merges.push_back(texts_.emplace_back(merge));
    }
  }

  TokenId add(const std::string& text, TokenType type = TokenType::kNormal) {
    source_.tokens.push_back(texts_.emplace_back(text));
    source_.types.push_back(type);
    source_.token_count = source_.tokens.size();
    return static_cast<TokenId>(source_.token_count - 1);
  }

  VocabularySource& source() { return source_; }

 private:
  std::deque<std::string> texts_;
  VocabularySource source_;
};

}  // namespace linnet::text
