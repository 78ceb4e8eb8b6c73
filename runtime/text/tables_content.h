// A vocabulary with everything that its tables will say, before they are laid out. Private to runtime/text.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/tables.h"
#include "runtime/text/tables_builder.h"

namespace linnet::text {

struct TablesContent {
  TokenizerForm form;
  std::deque<std::string> own_texts;    // Of symbols that are no tokens.
  std::vector<std::string_view> texts;  // [symbols] As the vocabulary writes them; borrowed, or in own_texts.
  std::vector<std::string> pieces;      // [symbols] The bytes that they stand for.
  std::vector<bool> first;              // [symbols] Whether no symbol before has the same text.
  std::vector<TokenType> types;         // [tokens]
  std::vector<Symbol> byte_symbols;     // [256]
  std::vector<Symbol> specials;         // By their pieces.
  std::vector<Merge> merges;

  // Whether merging may take or make the symbol: text, not a control token or a byte's name.
  [[nodiscard]] bool is_text(Symbol symbol) const {
    if (symbol >= types.size()) return true;
    const TokenType type = types[symbol];
    return type == TokenType::kNormal || type == TokenType::kUserDefined || type == TokenType::kUnused;
  }
};

// Errors: kMalformed.
[[nodiscard]] Result<TablesContent> collect_tables(const VocabularySource& source, const TokenizerForm& form);

// Errors: kMalformed.
[[nodiscard]] Result<TablesBlock> lay_out_tables(const TablesContent& content);

}  // namespace linnet::text
