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

// Borrows the model, its lane and the job. Not movable: the generator borrows the prompt.
class Generation {
 public:
  Generation(ReadyModel& model, Lane& lane, const Job& job);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Renders and encodes the prompt, begins the sequence. Errors: those of the chat template, TextEncoder, ForcedForm
  // and Generator::start.
  [[nodiscard]] Result<void> start(std::uint32_t default_max_tokens);

  // One token, its text to the listener. False when the answer has ended. Errors: those of Generator::next and
  // ReadyModel::check_file.
  [[nodiscard]] Result<bool> step(JobListener& listener);

  [[nodiscard]] const Job& job() const { return job_; }
  [[nodiscard]] JobReport report() const;

 private:
  [[nodiscard]] Result<bool> finish(JobListener& listener, std::string_view reason);
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
  std::optional<engine::Generator> generator_;
  Clock::time_point started_ = Clock::now();
  std::string_view finish_;
  std::uint64_t tokens_ = 0;
  std::uint64_t chosen_ = 0;           // Tokens that the form left a choice for.
  double log_probability_ = 0;         // Of all tokens.
  double chosen_log_probability_ = 0;  // Of those.
};

}  // namespace linnet::daemon
