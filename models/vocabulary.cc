#include "models/vocabulary.h"

#include <string>

namespace linnet::models {
namespace {

constexpr Range kVocabulary{1, 1 << 24};
const std::string kName = kEmbeddingTensor;

}  // namespace

Result<std::size_t> read_vocabulary(const ModelFile& file, const Keys& keys) {
  const pack::PackedTensor* table = file.tensors.find(kEmbeddingTensor);
  if (table == nullptr) return fail(ErrorKind::kMalformed, "tensor '" + kName + "' is missing from the file");
  if (table->rows() < kVocabulary.least || table->rows() > kVocabulary.most) {
    return fail(ErrorKind::kMalformed, "tensor '" + kName + "' has " + std::to_string(table->rows()) + " rows");
  }
  const auto rows = static_cast<std::size_t>(table->rows());
  LINNET_TRY(const std::size_t declared, keys.count_or("vocab_size", kVocabulary, rows));
  std::size_t tokens = rows;
  if (file.header.contains("tokenizer.ggml.tokens")) {
    LINNET_TRY(const auto names, file.header.strings("tokenizer.ggml.tokens"));
    tokens = names.size();
  }
  if (declared == rows && tokens == rows) return rows;
  return fail(ErrorKind::kMalformed, "the vocabulary has " + std::to_string(tokens) + " tokens, " +
                                         std::to_string(declared) + " declared, and the embedding " +
                                         std::to_string(rows) + " rows");
}

}  // namespace linnet::models
