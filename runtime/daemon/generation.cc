#include "runtime/daemon/generation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace linnet::daemon {
namespace {

engine::SamplerOptions sampler_options(const SamplingArguments& asked) {
  engine::SamplerOptions options;
  options.want_probability = true;
  if (asked.temperature) options.temperature = static_cast<float>(*asked.temperature);
  if (asked.top_k) options.top_k = static_cast<std::uint32_t>(*asked.top_k);
  if (asked.top_p) options.top_p = static_cast<float>(*asked.top_p);
  if (asked.min_p) options.min_p = static_cast<float>(*asked.min_p);
  if (asked.repeat_penalty) options.repetition_penalty = static_cast<float>(*asked.repeat_penalty);
  if (asked.seed) options.seed = *asked.seed;
  return options;
}

std::vector<language::Message> messages_of(const InferArguments& arguments) {
  if (arguments.messages.empty()) return {{"user", arguments.prompt}};
  std::vector<language::Message> messages;
  for (const ChatTurn& turn : arguments.messages) messages.emplace_back(turn.role, turn.content);
  return messages;
}

// The user's last words, which a form may copy from.
std::string_view last_words(const InferArguments& arguments) {
  const auto& messages = arguments.messages;
  const auto last =
      std::find_if(messages.rbegin(), messages.rend(), [](const auto& turn) { return turn.role == "user"; });
  return last == messages.rend() ? arguments.prompt : last->content;
}

std::chrono::microseconds microseconds(double milliseconds) {
  return std::chrono::microseconds(static_cast<std::int64_t>(milliseconds * 1000));
}

}  // namespace

Generation::Generation(ReadyModel& model, Lane& lane, const Job& job)
    : model_(model), lane_(lane), job_(job), stops_(job.arguments->stop) {}

// A model's own form holds for every answer; what was not trained to another is not asked for one.
Result<language::ForcedForm*> Generation::form() {
  if (lane_.own_form) return lane_.own_form.get();
  if (job_.arguments->response == ResponseForm::kJson) return model_.json_form(lane_);
  return nullptr;
}

Result<void> Generation::start(std::uint32_t default_max_tokens) {
  const InferArguments& arguments = *job_.arguments;
  LINNET_TRY(prompt_, model_.text().encode(model_.encoder(), messages_of(arguments)));
  LINNET_TRY(form_, form());
  if (form_ != nullptr) LINNET_CHECK(form_->begin(last_words(arguments)));
  lane_.decoder.reset();
  engine::GenerationOptions options;
  options.sampling = sampler_options(arguments.sampling);
  options.max_tokens = arguments.max_tokens.value_or(default_max_tokens);
  options.stop_tokens = model_.text().stop_tokens;
  options.cancel = job_.cancelled;
  options.constraint = form_;
  auto generator = engine::Generator::start(model_.engine(), prompt_, options);
  if (!generator) return tl::unexpected(generator.error());
  generator_ = std::move(*generator);
  return {};
}

Result<bool> Generation::step(JobListener& listener) {
  if (job_.deadline && Clock::now() >= *job_.deadline) return finish(listener, "deadline");
  const auto sampled = generator_->next();
  // What was computed from a file that is no longer whole is thrown away before anybody sees it.
  LINNET_CHECK(model_.check_file());
  if (form_ != nullptr && form_->failure()) return tl::unexpected(*form_->failure());
  if (!sampled) return tl::unexpected(sampled.error());
  if (!*sampled) return finish(listener, engine::to_string(generator_->finish()));
  ++tokens_;
  note_probability(**sampled);
  deliver(listener, stops_.push(lane_.decoder.push((*sampled)->token)), 1);
  if (stops_.found()) return finish(listener, "stop");
  return true;
}

Result<bool> Generation::finish(JobListener& listener, std::string_view reason) {
  finish_ = reason;
  deliver(listener, stops_.push(lane_.decoder.finish()), 0);
  deliver(listener, stops_.finish(), 0);
  return false;
}

void Generation::deliver(JobListener& listener, std::string_view text, std::uint64_t tokens) {
  if (!text.empty() || tokens > 0) listener.on_text(job_, text, tokens);
}

void Generation::note_probability(const engine::Sampled& sampled) {
  const double logarithm = std::log(std::max(static_cast<double>(sampled.probability), 1e-30));
  log_probability_ += logarithm;
  if (form_ != nullptr && !form_->had_choice()) return;
  ++chosen_;
  chosen_log_probability_ += logarithm;
}

JobReport Generation::report() const {
  JobReport report;
  report.finish = finish_;
  report.prompt_tokens = prompt_.size();
  report.tokens = tokens_;
  report.first_token = microseconds(generator_->timings().first_token_milliseconds);
  report.total = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
  if (chosen_ > 0) report.confidence = std::exp(chosen_log_probability_ / static_cast<double>(chosen_));
  report.log_probability = log_probability_;
  return report;
}

}  // namespace linnet::daemon
