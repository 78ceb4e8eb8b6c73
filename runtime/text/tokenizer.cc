#include "runtime/text/tokenizer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "models/gguf/reader.h"
#include "runtime/text/end_of_generation.h"

namespace linnet::text {
namespace {

TokenId or_default(std::optional<TokenId> id, TokenId fallback, std::size_t tokens) {
  if (id) return *id;
  return fallback >= 0 && static_cast<std::size_t>(fallback) < tokens ? fallback : kNoToken;
}

}  // namespace

Result<Tokenizer> Tokenizer::load(const gguf::Reader& file) {
  const gguf::Tensor* packed = file.find_tensor(kTablesTensor);
  LINNET_TRY(const VocabularySource source,
             read_vocabulary(file, packed == nullptr ? ReadArrays::kAll : ReadArrays::kNone));
  if (packed == nullptr) return create(source);
  LINNET_TRY(const TokenizerForm form, form_of(source));
  LINNET_TRY(const Tables tables, Tables::view(packed->data));
  return assemble(source, form, tables);
}

Result<Tokenizer> Tokenizer::create(const VocabularySource& source) {
  LINNET_TRY(const TokenizerForm form, form_of(source));
  LINNET_TRY(TablesBlock block, build_tables(source, form));
  LINNET_TRY(const Tables tables, Tables::view(block.bytes()));
  LINNET_TRY(Tokenizer tokenizer, assemble(source, form, tables));
  tokenizer.block_ = std::move(block);  // The vector's memory stays where the view saw it.
  return tokenizer;
}

Result<Tokenizer> Tokenizer::assemble(const VocabularySource& source, const TokenizerForm& form, const Tables& tables) {
  if (tables.header().kind != form.kind || tables.token_count() != source.token_count) {
    return fail(ErrorKind::kMalformed, "tokenizer tables belong to another vocabulary; pack the model again");
  }
  Tokenizer tokenizer;
  tokenizer.tables_ = tables;
  if (form.row != nullptr) {
    LINNET_TRY(tokenizer.pre_tokenizer_, PreTokenizer::compile(*form.row));
    tokenizer.normalization_ = form.row->normalization;
    tokenizer.byte_digits_ = form.row->byte_digits;
  }
  tokenizer.take_roles(source, form);
  return tokenizer;
}

// Defaults of roles are those of llama.cpp, for files that leave them out.
void Tokenizer::take_roles(const VocabularySource& source, const TokenizerForm& form) {
  const bool sentence_piece = form.kind == TokenizerKind::kSentencePiece;
  const bool word_piece = form.kind == TokenizerKind::kWordPiece;
  const std::size_t count = source.token_count;
  special_.bos = or_default(source.cls ? source.cls : source.bos,
                            sentence_piece ? 1
                            : word_piece   ? 101
                                           : kNoToken,
                            count);
  if (source.bos) special_.bos = *source.bos;
  special_.eos = or_default(source.eos, sentence_piece ? 2 : kNoToken, count);
  special_.eot = or_default(source.eot, kNoToken, count);
  special_.eom = or_default(source.eom, kNoToken, count);
  special_.unknown = or_default(source.unknown, sentence_piece ? 0 : word_piece ? 100 : kNoToken, count);
  special_.separator = or_default(source.separator, word_piece ? 102 : kNoToken, count);
  special_.padding = or_default(source.padding, word_piece ? 0 : kNoToken, count);
  special_.mask = or_default(source.mask, word_piece ? 103 : kNoToken, count);
  special_.add_bos =
      source.add_bos.value_or(sentence_piece || word_piece || (form.row != nullptr && form.row->add_bos));
  special_.add_eos = source.add_eos.value_or(false);
  special_.add_separator =
      source.add_separator.value_or(word_piece || (form.row != nullptr && form.row->add_separator));
  space_prefix_ = source.add_space_prefix.value_or(sentence_piece);
  lowercase_ = source.lowercase.value_or(true);
  strip_accents_ = source.strip_accents.value_or(lowercase_);

  special_starts_.assign(256, false);
  end_tokens_ = {special_.eos, special_.eot, special_.eom};
  for (const Symbol symbol : tables_.specials()) {
    const std::string_view text = tables_.piece(symbol);
    special_starts_[static_cast<unsigned char>(text[0])] = true;
    if (looks_like_end_of_generation(text)) end_tokens_.push_back(static_cast<TokenId>(symbol));
  }
  std::ranges::sort(end_tokens_);
}

bool Tokenizer::ends_generation(TokenId token) const {
  return token != kNoToken && std::ranges::binary_search(end_tokens_, token);
}

std::string_view Tokenizer::name(TokenId token) const {
  return contains(token) ? tables_.piece(static_cast<Symbol>(token)) : std::string_view();
}

std::string_view Tokenizer::piece(TokenId token) const {
  if (!contains(token)) return {};
  const TokenType type = tables_.type(token);
  return type == TokenType::kControl || type == TokenType::kUnknown ? std::string_view() : name(token);
}

TokenId Tokenizer::find_special(std::string_view name) const {
  const auto specials = tables_.specials();
  const auto piece_of = [&](Symbol symbol) { return tables_.piece(symbol); };
  const auto found = std::ranges::lower_bound(specials, name, {}, piece_of);
  return found != specials.end() && tables_.piece(*found) == name ? static_cast<TokenId>(*found) : kNoToken;
}

}  // namespace linnet::text
