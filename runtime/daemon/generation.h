// One answer on one lane of a model, token by token.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/daemon/backend.h"
#include "runtime/daemon/ready_model.h"
#include "runtime/daemon/stop_texts.h"
#include "runtime/engine/generator.h"
#include "runtime/language/answer_guide.h"

namespace linnet::daemon {

// start() -> begin() -> tell() until ended(). Borrows the model, its lane and the job. Not movable: the generator
// borrows the prompt.
class Generation {
 public:
  Generation(ReadyModel& model, Lane& lane, const Job& job);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Renders and encodes the prompt. Errors: those of the chat template, TextEncoder and ForcedForm.
  [[nodiscard]] Result<void> start(std::uint32_t default_max_tokens);

  // Takes a sequence, when its turn comes for the first time. Errors: those of Generator::start.
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] engine::Generator* generator() { return generator_ ? &*generator_ : nullptr; }  // Null before begin().

  // Whether it has ended, by deadline, cancellation or limit too; what text was held back then goes to the listener.
  [[nodiscard]] bool ended(JobListener& listener);
  // What its generator took: the token's text to the listener. Errors: that of `taken`, those of AnswerGuide.
  [[nodiscard]] Result<void> tell(const Result<std::optional<engine::Sampled>>& taken, JobListener& listener);

  // Pages of the KV cache that it holds, and the most that it may come to hold.
  [[nodiscard]] std::size_t held_pages() const;
  [[nodiscard]] std::size_t most_pages() const;

  [[nodiscard]] const Job& job() const { return job_; }
  [[nodiscard]] JobReport report() const;

 private:
  void finish(JobListener& listener, std::string_view reason);
  [[nodiscard]] Result<language::ForcedForm*> form();
  void note_probability(const engine::Sampled& sampled);
  void deliver(JobListener& listener, text::AnswerPart part, std::string_view words);

  ReadyModel& model_;
  Lane& lane_;
  const Job& job_;
  StopTexts stops_;
  language::Prompt prompt_;
  language::AnswerGuide guide_;
  std::optional<language::AnswerPieces> pieces_;
  engine::GenerationOptions options_;
  std::optional<engine::Generator> generator_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point first_token_{};
  std::string_view finish_;
  std::uint64_t tokens_ = 0;
  std::uint64_t chosen_ = 0;           // Tokens that the form left a choice for.
  double log_probability_ = 0;         // Of all tokens.
  double chosen_log_probability_ = 0;  // Of those.
};

}  // namespace linnet::daemon
