#include "runtime/language/embedder.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace linnet::language {
namespace {

constexpr std::size_t kDefaultContext = 512;  // What BERT was trained for.

// Divides by the Euclidean length; a vector of zeros stays.
void normalise(std::span<float> vector) {
  double squares = 0.0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  if (squares == 0.0) return;
  const double length = std::sqrt(squares);
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) / length);
}

}  // namespace

EngineNeeds needs_of_embedding(const ModelOptions& options) {
  const std::size_t rows = options.context.value_or(kDefaultContext);
  return {.context = rows, .max_batch_rows = rows, .max_outputs = rows};
}

Result<Embedder> Embedder::make(engine::Engine& engine, const text::Tokenizer& tokenizer) {
  const models::Program& program = engine.program();
  if (!program.pooling) {
    return fail(ErrorKind::kUnsupported,
                "architecture '" + program.architecture + "' gives text (linnet run), not embeddings");
  }
  const std::size_t width = program.buffers[static_cast<std::size_t>(program.logits)].width;
  return Embedder(engine, tokenizer, *program.pooling, width);
}

Embedder::Embedder(engine::Engine& engine, const text::Tokenizer& tokenizer, models::Pooling pooling, std::size_t width)
    : engine_(engine), encoder_(tokenizer), pooling_(pooling), embedding_(width) {}

Result<std::span<const float>> Embedder::embed(std::string_view text) {
  LINNET_TRY(const auto ids, encoder_.encode(text, {.add_special = true, .parse_special = false}));
  if (ids.empty()) return fail(ErrorKind::kUsage, "the text has no tokens");
  const std::size_t most = std::min(engine_.options().context, engine_.options().max_batch_rows);
  if (ids.size() > most) {
    return fail(ErrorKind::kExhausted, "a text has " + std::to_string(ids.size()) + " tokens and the model reads " +
                                           std::to_string(most) + " at once; shorten it");
  }
  LINNET_TRY(const auto sequence, engine_.begin_sequence());
  rows_.clear();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    rows_.push_back({ids[i], sequence, static_cast<std::uint32_t>(i), pooling_ == models::Pooling::kMean || i == 0});
  }
  const auto outputs = engine_.step(rows_);
  engine_.end_sequence(sequence);
  if (!outputs) return tl::unexpected(outputs.error());
  pool(*outputs);
  tokens_ += ids.size();
  return std::span<const float>(embedding_);
}

void Embedder::pool(const ConstTensorView& outputs) {
  std::fill(embedding_.begin(), embedding_.end(), 0.0F);
  for (std::size_t row = 0; row < outputs.rows(); ++row) {
    const auto output = outputs.row(row);
    for (std::size_t i = 0; i < embedding_.size(); ++i) embedding_[i] += output[i];
  }
  for (float& x : embedding_) x /= static_cast<float>(outputs.rows());
  normalise(embedding_);
}

}  // namespace linnet::language
