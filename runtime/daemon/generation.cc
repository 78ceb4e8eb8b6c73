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
  options_.sampling = sampler_options(arguments.sampling);
  options_.max_tokens = arguments.max_tokens.value_or(default_max_tokens);
  options_.stop_tokens = model_.text().stop_tokens;
  options_.cancel = job_.cancelled;
  options_.constraint = guide_.constraint();
  options_.reuse_prefix = job_.reuse_prefix;
  return {};
}

Result<void> Generation::begin() {
  auto generator = engine::Generator::start(model_.engine(), prompt_.ids, options_);
  if (!generator) return tl::unexpected(generator.error());
  generator_ = std::move(*generator);
  return {};
}

bool Generation::ended(JobListener& listener) {
  if (!finish_.empty()) return true;
  if (job_.deadline && Clock::now() >= *job_.deadline) {
    finish(listener, "deadline");
  } else if (generator_ && generator_->ended()) {
    finish(listener, engine::to_string(generator_->finish()));
  } else if (!generator_ && job_.cancelled->load(std::memory_order_relaxed)) {
    finish(listener, engine::to_string(engine::FinishReason::kCancelled));
  }
  return !finish_.empty();
}

Result<void> Generation::tell(const Result<std::optional<engine::Sampled>>& taken, JobListener& listener) {
  LINNET_CHECK(guide_.check());
  if (!taken) return tl::unexpected(taken.error());
  if (!*taken) return {};  // A stop token.
  if (tokens_++ == 0) first_token_ = Clock::now();
  note_probability(**taken);
  pieces_->push((*taken)->token,
                [&](text::AnswerPart part, std::string_view words) { deliver(listener, part, words); });
  listener.on_text(job_, text::AnswerPart::kText, {}, 1);
  if (stops_.found()) finish(listener, "stop");
  return {};
}

void Generation::finish(JobListener& listener, std::string_view reason) {
  finish_ = reason;
  pieces_->finish([&](text::AnswerPart part, std::string_view words) { deliver(listener, part, words); });
  const std::string_view rest = stops_.finish();
  if (!rest.empty()) listener.on_text(job_, text::AnswerPart::kText, rest, 0);
}

std::size_t Generation::held_pages() const {
  return generator_ ? engine::pages_of(model_.engine().length(generator_->sequence())) : 0;
}

// The last token takes no position.
std::size_t Generation::most_pages() const {
  const std::size_t context = model_.engine().options().context;
  const std::size_t tokens = options_.max_tokens == 0 ? context : options_.max_tokens - 1;
  return engine::pages_of(std::min(context, prompt_.ids.size() + tokens));
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
  if (generator_) report.reused_tokens = generator_->timings().reused_tokens;
  const auto since_start = [&](Clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time - started_);
  };
  if (tokens_ > 0) report.first_token = since_start(first_token_);
  report.total = since_start(Clock::now());
  if (chosen_ > 0) report.confidence = std::exp(chosen_log_probability_ / static_cast<double>(chosen_));
  report.log_probability = log_probability_;
  return report;
}

}  // namespace linnet::daemon
