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

// A schema that was asked for goes first; then a model's own form, for what was not trained to another is not asked for
// one.
Result<language::ForcedForm*> Generation::form() {
  if (!job_.arguments->grammar.empty()) return model_.schema_form(lane_, job_.arguments->grammar);
  if (model_.has_own_form()) return model_.own_form(lane_);
  if (job_.arguments->response == ResponseForm::kJson) return model_.json_form(lane_);
  return nullptr;
}

Result<void> Generation::start(std::uint32_t default_max_tokens) {
  const InferArguments& arguments = *job_.arguments;
  const bool thinks = arguments.reasoning != ReasoningWish::kOff;
  const auto thinking = thinks ? language::Thinking::kAsTheModelDoes : language::Thinking::kOff;
  LINNET_TRY(prompt_, model_.text().prompt(model_.encoder(), messages_of(arguments), thinking));
  language::ReasoningPlan plan{.inside = prompt_.opens_reasoning, .most_tokens = arguments.max_reasoning_tokens};
  // A model that thinks all the same is cut short.
  if (!thinks) plan.most_tokens = 0;
  LINNET_TRY(language::ForcedForm * form, this->form());
  LINNET_CHECK(guide_.begin(model_.text(), form, last_words(arguments), plan));
  lane_.decoder.reset();
  pieces_.emplace(model_.text(), lane_.decoder, plan);
  engine::GenerationOptions options;
  options.sampling = sampler_options(arguments.sampling);
  options.max_tokens = arguments.max_tokens.value_or(default_max_tokens);
  options.stop_tokens = model_.text().stop_tokens;
  options.cancel = job_.cancelled;
  options.constraint = guide_.constraint();
  auto generator = engine::Generator::start(model_.engine(), prompt_.ids, options);
  if (!generator) return tl::unexpected(generator.error());
  generator_ = std::move(*generator);
  return {};
}

Result<bool> Generation::step(JobListener& listener) {
  if (job_.deadline && Clock::now() >= *job_.deadline) return finish(listener, "deadline");
  const auto sampled = generator_->next();
  // What was computed from a file that is no longer whole is thrown away before anybody sees it.
  LINNET_CHECK(model_.check_file());
  LINNET_CHECK(guide_.check());
  if (!sampled) return tl::unexpected(sampled.error());
  if (!*sampled) return finish(listener, engine::to_string(generator_->finish()));
  ++tokens_;
  note_probability(**sampled);
  pieces_->push((*sampled)->token,
                [&](text::AnswerPart part, std::string_view words) { deliver(listener, part, words); });
  listener.on_text(job_, text::AnswerPart::kText, {}, 1);
  if (stops_.found()) return finish(listener, "stop");
  return true;
}

Result<bool> Generation::finish(JobListener& listener, std::string_view reason) {
  finish_ = reason;
  pieces_->finish([&](text::AnswerPart part, std::string_view words) { deliver(listener, part, words); });
  const std::string_view rest = stops_.finish();
  if (!rest.empty()) listener.on_text(job_, text::AnswerPart::kText, rest, 0);
  return false;
}

// Stop texts are of the answer alone.
void Generation::deliver(JobListener& listener, text::AnswerPart part, std::string_view words) {
  const bool reasoning = part == text::AnswerPart::kReasoning;
  if (reasoning && job_.arguments->reasoning != ReasoningWish::kShow) return;
  const std::string_view shown = reasoning ? words : stops_.push(words);
  if (!shown.empty()) listener.on_text(job_, part, shown, 0);
}

void Generation::note_probability(const engine::Sampled& sampled) {
  const double logarithm = std::log(std::max(static_cast<double>(sampled.probability), 1e-30));
  log_probability_ += logarithm;
  if (!guide_.had_choice()) return;
  ++chosen_;
  chosen_log_probability_ += logarithm;
}

JobReport Generation::report() const {
  JobReport report;
  report.finish = finish_;
  report.prompt_tokens = prompt_.ids.size();
  report.tokens = tokens_;
  report.first_token = microseconds(generator_->timings().first_token_milliseconds);
  report.total = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
  if (chosen_ > 0) report.confidence = std::exp(chosen_log_probability_ / static_cast<double>(chosen_));
  report.log_probability = log_probability_;
  return report;
}

}  // namespace linnet::daemon
