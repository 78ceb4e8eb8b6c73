// Texts to embeddings: an encoder's outputs pooled to one vector of length 1, ready for cosine similarity.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/engine/engine.h"
#include "runtime/language/open_engine.h"
#include "runtime/language/text_encoder.h"
#include "runtime/text/tokenizer.h"

namespace linnet::language {

// What an Embedder needs of an engine, so that a text of `options.context` tokens (default 512) fits one step.
[[nodiscard]] EngineNeeds needs_of_embedding(const ModelOptions& options);

// One text at a time.
class Embedder {
 public:
  // Borrows both. Errors: kUnsupported (the model is no encoder).
  [[nodiscard]] static Result<Embedder> make(engine::Engine& engine, const text::Tokenizer& tokenizer);

  // The embedding [width] of a text, valid until the next call: the outputs of its tokens (special tokens included)
  // averaged in their order, or the first one (CLS), as the model asks, divided by its length. Errors: kExhausted (more
  // tokens than the engine's context), those of the tokenizer and Engine::step.
  [[nodiscard]] Result<std::span<const float>> embed(std::string_view text);

  [[nodiscard]] std::size_t width() const { return embedding_.size(); }
  // Of all texts so far.
  [[nodiscard]] std::size_t tokens() const { return tokens_; }

 private:
  Embedder(engine::Engine& engine, const text::Tokenizer& tokenizer, models::Pooling pooling, std::size_t width);
  void pool(const ConstTensorView& outputs);

  engine::Engine& engine_;
  TextEncoder encoder_;
  models::Pooling pooling_;
  std::vector<float> embedding_;
  std::vector<engine::BatchRow> rows_;
  std::size_t tokens_ = 0;
};

}  // namespace linnet::language
