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
  auto sequence = options.reuse_prefix ? engine.begin_sequence(prompt) : engine.begin_sequence();
  if (!sequence) return tl::unexpected(std::move(sequence).error());
  return Generator(engine, *sequence, prompt, options);
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
      sampler_(options.sampling, engine.softmax()),
      started_(Clock::now()) {
  std::copy(options.stop_tokens.begin(), options.stop_tokens.end(), stop_tokens_.begin());
  for (const TokenId token : prompt) sampler_.accept(token);
  timings_.prompt_tokens = prompt.size();
  timings_.reused_tokens = engine.length(sequence);
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
  if (engine_ != nullptr) engine_->keep_sequence(sequence_);
  engine_ = nullptr;
}

bool Generator::is_cancelled() const { return cancel_ != nullptr && cancel_->load(std::memory_order_relaxed); }

bool Generator::is_stop(TokenId token) const {
  const auto end = stop_tokens_.begin() + static_cast<std::ptrdiff_t>(stop_count_);
  return std::find(stop_tokens_.begin(), end, token) != end;
}

bool Generator::ended() {
  if (finish_ != FinishReason::kNone) return true;
  const bool full = prompt_left() == 0 && engine_->length(sequence_) == engine_->options().context;
  const bool enough = max_tokens_ != 0 && timings_.generated_tokens == max_tokens_;
  if (is_cancelled()) {
    finish_ = FinishReason::kCancelled;
  } else if (enough || (full && timings_.generated_tokens != 0)) {
    finish_ = FinishReason::kLength;
  }
  return finish_ != FinishReason::kNone;
}

std::size_t Generator::prompt_left() const {
  const std::size_t held = engine_->length(sequence_);
  return held < prompt_.size() ? prompt_.size() - held : 0;
}

std::size_t Generator::rows(std::span<BatchRow> room) const {
  const std::size_t held = engine_->length(sequence_);
  const std::size_t left = prompt_left();
  const std::size_t count = std::min(room.size(), std::max<std::size_t>(left, 1));
  for (std::size_t i = 0; i < count; ++i) {
    room[i] = {.token = left != 0 ? prompt_[held + i] : last_,
               .sequence = sequence_,
               .position = static_cast<std::uint32_t>(held + i),
               .wants_logits = i + 1 >= left};
  }
  return count;
}

Result<std::optional<Sampled>> Generator::take(std::span<const float> logits, std::span<Candidate> scratch) {
  const bool first = timings_.generated_tokens == 0;
  if (first) timings_.prefill_milliseconds = milliseconds_between(started_, Clock::now());
  const TokenMask mask = constraint_ != nullptr ? constraint_->allowed() : TokenMask{};
  LINNET_TRY(const Sampled sampled, sampler_.sample(logits, mask, scratch));
  if (first) timings_.first_token_milliseconds = milliseconds_between(started_, Clock::now());
  if (is_stop(sampled.token)) {
    finish_ = FinishReason::kStop;
    return std::nullopt;
  }
  sampler_.accept(sampled.token);
  if (constraint_ != nullptr) constraint_->accept(sampled.token);
  last_ = sampled.token;
  ++timings_.generated_tokens;
  return sampled;
}

// The logits of the next token, the rest of the prompt in chunks before it; none where it ended between two.
Result<std::span<const float>> Generator::compute() {
  while (!ended()) {
    const std::span<BatchRow> room = engine_->batch_scratch();
    LINNET_TRY(const ConstTensorView outputs, engine_->step(room.first(rows(room))));
    if (outputs.rows() != 0) return outputs.row(0);
  }
  return std::span<const float>{};
}

Result<std::optional<Sampled>> Generator::next() {
  assert(engine_ != nullptr);
  const bool first = timings_.generated_tokens == 0;
  const auto before = Clock::now();
  LINNET_TRY(const auto logits, compute());
  if (logits.empty()) return std::nullopt;
  auto sampled = take(logits, engine_->sampler_scratch());
  if (!first) timings_.decode_milliseconds += milliseconds_between(before, Clock::now());
  return sampled;
}

}  // namespace linnet::engine
