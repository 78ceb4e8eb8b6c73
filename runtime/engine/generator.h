// Continues a prompt token by token on one sequence of an engine.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/sampler.h"

namespace linnet::engine {

// What steers generation towards a form (a grammar): asked before each token, told after it. Borrowed.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;
  // The tokens that may come next; where the text is complete, a stop token must be among them.
  [[nodiscard]] virtual TokenMask allowed() = 0;
  virtual void accept(TokenId token) = 0;
};

struct GenerationOptions {
  SamplerOptions sampling = {};
  std::size_t max_tokens = 0;                 // 0: until the context is full.
  std::span<const TokenId> stop_tokens = {};  // End of text, end of turn: at most kMaxStopTokens; copied.
  const std::atomic<bool>* cancel = nullptr;  // Looked at before each step of the model; borrowed.
  TokenConstraint* constraint = nullptr;      // Borrowed.
  bool reuse_prefix = true;                   // Go on from what another sequence has of the prompt.

  static constexpr std::size_t kMaxStopTokens = 16;
};

enum class FinishReason { kNone, kStop, kLength, kCancelled };

// "none", "stop", "length", "cancelled": the `finish` of `linnet run --json`.
[[nodiscard]] std::string_view to_string(FinishReason reason);

struct GenerationTimings {
  double prefill_milliseconds = 0;
  double first_token_milliseconds = 0;  // From start() to the first token.
  double decode_milliseconds = 0;       // Of the tokens after the first, in next().
  std::size_t prompt_tokens = 0;
  std::size_t reused_tokens = 0;  // Of the prompt's: those that another sequence had computed.
  std::size_t generated_tokens = 0;
};

// Owns its sequence; when destroyed it leaves it to be gone on from by others. Borrows the engine. Allocates nothing.
//
// Alone it is asked for next(). Several of one engine share steps (shared_steps.h), which asks each for rows() and
// gives each what they gave.
class Generator {
 public:
  // Begins a sequence; the prompt must live until the first token came. Errors: kUsage (empty prompt,
  // an id outside the vocabulary, sampler options), kExhausted (the prompt and one token do not fit the context),
  // kBusy.
  [[nodiscard]] static Result<Generator> start(Engine& engine, std::span<const TokenId> prompt,
                                               const GenerationOptions& options);

  Generator(Generator&& other) noexcept;
  Generator& operator=(Generator&& other) noexcept;
  ~Generator();

  // The next token, or nothing once generation has finished. A stop token ends it and is not returned. Errors: those of
  // Sampler::sample and Engine::step.
  [[nodiscard]] Result<std::optional<Sampled>> next();

  // Whether it has ended: it says so where it was cancelled or has reached a limit, too.
  [[nodiscard]] bool ended();
  // Tokens of the prompt that are not computed yet; 0: it decodes, a row at a time.
  [[nodiscard]] std::size_t prompt_left() const;
  // Writes the rows that come next, as many as there is room for, and returns their number. Not of an ended one.
  [[nodiscard]] std::size_t rows(std::span<BatchRow> room) const;
  // The token that the logits of its last row give, as next() returns it. `scratch` [vocabulary] is overwritten.
  // Several generators of an engine may take at the same time, each with a scratch of its own.
  [[nodiscard]] Result<std::optional<Sampled>> take(std::span<const float> logits, std::span<Candidate> scratch);

  [[nodiscard]] FinishReason finish() const { return finish_; }
  [[nodiscard]] const GenerationTimings& timings() const { return timings_; }
  [[nodiscard]] SequenceId sequence() const { return sequence_; }

 private:
  Generator(Engine& engine, SequenceId sequence, std::span<const TokenId> prompt, const GenerationOptions& options);
  [[nodiscard]] Result<std::span<const float>> compute();
  [[nodiscard]] bool is_cancelled() const;
  [[nodiscard]] bool is_stop(TokenId token) const;
  void release();

  Engine* engine_ = nullptr;  // Null after a move.
  SequenceId sequence_{};
  std::span<const TokenId> prompt_;
  std::array<TokenId, GenerationOptions::kMaxStopTokens> stop_tokens_{};
  std::size_t stop_count_ = 0;
  std::size_t max_tokens_ = 0;
  const std::atomic<bool>* cancel_ = nullptr;
  TokenConstraint* constraint_ = nullptr;
  Sampler sampler_;
  TokenId last_ = 0;
  FinishReason finish_ = FinishReason::kNone;
  Clock::time_point started_;
  GenerationTimings timings_;
};

}  // namespace linnet::engine
