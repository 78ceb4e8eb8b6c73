#include "runtime/engine/generator.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace linnet::engine {
namespace {

Result<void> check_prompt(const Engine& engine, std::span<const TokenId> prompt) {
  if (prompt.empty()) return fail(ErrorKind::kUsage, "the prompt has no tokens");
  const std::size_t context = engine.options().context;
  if (prompt.size() > context) {
    return fail(ErrorKind::kExhausted, "the prompt has " + std::to_string(prompt.size()) +
                                           " tokens and the context holds " + std::to_string(context) +
                                           "; shorten it or raise --ctx");
  }
  const auto vocabulary = engine.program().vocabulary;
  const auto outside = [&](TokenId id) { return id < 0 || static_cast<std::size_t>(id) >= vocabulary; };
  const auto bad = std::find_if(prompt.begin(), prompt.end(), outside);
  if (bad == prompt.end()) return {};
  return fail(ErrorKind::kUsage,
              "token id " + std::to_string(*bad) + " is outside the vocabulary of " + std::to_string(vocabulary));
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone: return "none";
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kCancelled: return "cancelled";
  }
  return "none";
}

Result<Generator> Generator::start(Engine& engine, std::span<const TokenId> prompt, const GenerationOptions& options) {
  if (engine.program().pooling) {
    return fail(ErrorKind::kUnsupported, "the model is an encoder: it gives embeddings (linnet embed), not text");
  }
  LINNET_CHECK(check(options.sampling));
  LINNET_CHECK(check_prompt(engine, prompt));
  if (options.stop_tokens.size() > GenerationOptions::kMaxStopTokens) {
    return fail(ErrorKind::kUsage,
                "there are more than " + std::to_string(GenerationOptions::kMaxStopTokens) + " stop tokens");
  }
  LINNET_TRY(const SequenceId sequence, engine.begin_sequence());
  return Generator(engine, sequence, prompt, options);
}

Generator::Generator(Engine& engine, SequenceId sequence, std::span<const TokenId> prompt,
                     const GenerationOptions& options)
    : engine_(&engine),
      sequence_(sequence),
      prompt_(prompt),
      stop_count_(options.stop_tokens.size()),
      max_tokens_(options.max_tokens),
      cancel_(options.cancel),
      constraint_(options.constraint),
      sampler_(options.sampling),
      started_(Clock::now()) {
  std::copy(options.stop_tokens.begin(), options.stop_tokens.end(), stop_tokens_.begin());
  for (const TokenId token : prompt) sampler_.accept(token);
  timings_.prompt_tokens = prompt.size();
}

Generator::Generator(Generator&& other) noexcept : sampler_(other.sampler_) { *this = std::move(other); }

Generator& Generator::operator=(Generator&& other) noexcept {
  if (this == &other) return *this;
  release();
  engine_ = std::exchange(other.engine_, nullptr);
  sequence_ = other.sequence_;
  prompt_ = other.prompt_;
  stop_tokens_ = other.stop_tokens_;
  stop_count_ = other.stop_count_;
  max_tokens_ = other.max_tokens_;
  cancel_ = other.cancel_;
  constraint_ = other.constraint_;
  sampler_ = other.sampler_;
  last_ = other.last_;
  finish_ = other.finish_;
  started_ = other.started_;
  timings_ = other.timings_;
  return *this;
}

Generator::~Generator() { release(); }

void Generator::release() {
  if (engine_ != nullptr) engine_->end_sequence(sequence_);
  engine_ = nullptr;
}

bool Generator::is_cancelled() const { return cancel_ != nullptr && cancel_->load(std::memory_order_relaxed); }

bool Generator::is_stop(TokenId token) const {
  const auto end = stop_tokens_.begin() + static_cast<std::ptrdiff_t>(stop_count_);
  return std::find(stop_tokens_.begin(), end, token) != end;
}

std::optional<Sampled> Generator::end(FinishReason reason) {
  finish_ = reason;
  return std::nullopt;
}

// The logits after the prompt, computed in chunks; none where it was cancelled between two.
Result<std::span<const float>> Generator::prefill() {
  const std::span<BatchRow> rows = engine_->batch_scratch();
  std::span<const float> logits;
  for (std::size_t first = 0; first < prompt_.size(); first += rows.size()) {
    if (is_cancelled()) return std::span<const float>{};
    const std::size_t count = std::min(rows.size(), prompt_.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t position = first + i;
      rows[i] = {.token = prompt_[position],
                 .sequence = sequence_,
                 .position = static_cast<std::uint32_t>(position),
                 .wants_logits = position + 1 == prompt_.size()};
    }
    LINNET_TRY(const ConstTensorView outputs, engine_->step(rows.first(count)));
    if (outputs.rows() != 0) logits = outputs.row(0);
  }
  timings_.prefill_milliseconds = milliseconds_between(started_, Clock::now());
  return logits;
}

Result<std::span<const float>> Generator::decode(TokenId token) {
  const BatchRow row{.token = token,
                     .sequence = sequence_,
                     .position = static_cast<std::uint32_t>(engine_->length(sequence_)),
                     .wants_logits = true};
  LINNET_TRY(const ConstTensorView outputs, engine_->step({&row, 1}));
  return outputs.row(0);
}

Result<std::optional<Sampled>> Generator::choose(std::span<const float> logits) {
  const TokenMask mask = constraint_ != nullptr ? constraint_->allowed() : TokenMask{};
  LINNET_TRY(const Sampled sampled, sampler_.sample(logits, mask, engine_->sampler_scratch()));
  if (is_stop(sampled.token)) return end(FinishReason::kStop);
  sampler_.accept(sampled.token);
  if (constraint_ != nullptr) constraint_->accept(sampled.token);
  last_ = sampled.token;
  ++timings_.generated_tokens;
  return sampled;
}

Result<std::optional<Sampled>> Generator::next() {
  assert(engine_ != nullptr);
  if (finish_ != FinishReason::kNone) return std::nullopt;
  if (is_cancelled()) return end(FinishReason::kCancelled);
  const bool first = timings_.generated_tokens == 0;
  if (max_tokens_ != 0 && timings_.generated_tokens == max_tokens_) return end(FinishReason::kLength);
  if (!first && engine_->length(sequence_) == engine_->options().context) return end(FinishReason::kLength);

  const auto before = Clock::now();
  LINNET_TRY(const auto logits, first ? prefill() : decode(last_));
  if (logits.empty()) return end(FinishReason::kCancelled);
  auto sampled = choose(logits);
  const auto after = Clock::now();
  if (first) timings_.first_token_milliseconds = milliseconds_between(started_, after);
  if (!first) timings_.decode_milliseconds += milliseconds_between(before, after);
  return sampled;
}

}  // namespace linnet::engine
