#include "runtime/daemon/canary.h"

#include <utility>

namespace linnet::daemon {
namespace {

constexpr std::uint32_t kMostTokens = 32;

class Collector final : public JobListener {
 public:
  void on_text(const Job&, text::AnswerPart, std::string_view text, std::uint64_t) override { answer_.append(text); }
  void on_end(const Job&, const Result<JobReport>& report) override { sound_ = report.has_value(); }

  [[nodiscard]] std::optional<std::string> answer() && {
    return sound_ ? std::optional(std::move(answer_)) : std::nullopt;
  }

 private:
  std::string answer_;
  bool sound_ = false;
};

std::optional<std::string> answer_to(const std::string& prompt, const std::string& model, Backend& backend) {
  InferArguments arguments;
  arguments.prompt = prompt;
  arguments.max_tokens = kMostTokens;
  const std::atomic<bool> cancelled{false};
  Job job;
  job.arguments = &arguments;
  job.cancelled = &cancelled;
  job.model = model;
  job.reuse_prefix = false;  // What is asked is whether all of it comes out the same again.
  Collector collector;
  backend.run({&job, 1}, collector);
  return std::move(collector).answer();
}

}  // namespace

Canary::Canary(std::vector<std::string> prompts, std::chrono::seconds period)
    : prompts_(std::move(prompts)), period_(period) {}

void Canary::configure(std::vector<std::string> prompts, std::chrono::seconds period) {
  const std::lock_guard lock(mutex_);
  if (prompts != prompts_) ++version_;
  prompts_ = std::move(prompts);
  period_ = period;
}

std::vector<std::string> Canary::due(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(asked_version_, version_) != version_) first_answers_.clear();
  if (period_.count() == 0 || (last_ != Clock::time_point{} && now - last_ < period_)) return {};
  last_ = now;
  return prompts_;
}

std::optional<double> Canary::ask(Backend& backend, const std::string& model, Clock::time_point now) {
  if (model.empty()) return std::nullopt;
  const auto prompts = due(now);
  std::vector<std::string> answers;
  for (const std::string& prompt : prompts) {
    auto answer = answer_to(prompt, model, backend);
    if (!answer) return std::nullopt;
    answers.push_back(*std::move(answer));
  }
  return answers.empty() ? std::nullopt : compare(model, std::move(answers));
}

std::optional<double> Canary::compare(const std::string& model, std::vector<std::string> answers) {
  const auto [first, is_first] = first_answers_.try_emplace(model, answers);
  if (is_first) return std::nullopt;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) equal += answers[i] == first->second[i] ? std::size_t{1} : 0;
  return static_cast<double>(equal) / static_cast<double>(answers.size());
}

}  // namespace linnet::daemon
