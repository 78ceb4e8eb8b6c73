#include "runtime/text/tables_builder.h"

#include <string>

#include "models/gguf/reader.h"
#include "runtime/text/tables_content.h"

namespace linnet::text {

Result<TokenizerForm> form_of(const VocabularySource& source) {
  if (source.model == "llama") return TokenizerForm{TokenizerKind::kSentencePiece, nullptr};
  if (source.model == "bert") return TokenizerForm{TokenizerKind::kWordPiece, nullptr};
  if (source.model != "gpt2" && source.model != "gemma4") {
    return fail(ErrorKind::kUnsupported, "unknown tokenizer " + gguf::quoted(source.model) +
                                             " (tokenizer.ggml.model): this version knows gpt2, gemma4, llama, bert");
  }
  LINNET_TRY(const PreTokenizerRow* row, find_pre_tokenizer(source.model == "gemma4" ? "gemma4" : source.pre));
  const bool bytes = row->alphabet == Alphabet::kBytes;
  return TokenizerForm{bytes ? TokenizerKind::kByteLevelBpe : TokenizerKind::kCharacterBpe, row};
}

Result<TablesBlock> build_tables(const VocabularySource& source, const TokenizerForm& form) {
  LINNET_TRY(const TablesContent content, collect_tables(source, form));
  return lay_out_tables(content);
}

Result<TablesBlock> build_tables(const gguf::Reader& file) {
  LINNET_TRY(const VocabularySource source, read_vocabulary(file, ReadArrays::kAll));
  LINNET_TRY(const TokenizerForm form, form_of(source));
  return build_tables(source, form);
}

}  // namespace linnet::text
