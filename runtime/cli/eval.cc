// `linnet eval`: a model's quality on a data set.
#include <array>
#include <cstdio>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/intent_score.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/perplexity.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/sequence_logits.h"
#include "runtime/cli/text_file.h"
#include "runtime/text/template/json_read.h"

namespace linnet::cli {
namespace {

constexpr std::size_t kContext = 512;
constexpr double kSure = 0.99;  // Share of exact answers among those that a program acts on without asking back.

// Reads every line that is not empty, up to `limit` of them (0: all), with `parse`.
template <class Item>
Result<std::vector<Item>> read_lines(const EvalOptions& options, Result<Item> (*parse)(std::string_view)) {
  LINNET_TRY(const std::string data, read_text_file(options.data));
  std::vector<Item> items;
  std::size_t number = 0;
  for (std::string_view rest = data; !rest.empty() && (options.limit == 0 || items.size() < options.limit);) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto item = parse(line);
    if (!item) {
      return fail(ErrorKind::kUsage, options.data + ": line " + std::to_string(number) + ": " + item.error().message);
    }
    items.push_back(std::move(*item));
  }
  if (items.empty()) return fail(ErrorKind::kUsage, options.data + ": holds no lines to evaluate");
  return items;
}

Result<std::string> parse_text(std::string_view line) {
  LINNET_TRY(const auto object, templates::parse_json(line));
  const auto* text = object.is(templates::Kind::kDict) ? object.as_dict().find("text") : nullptr;
  if (text == nullptr || !text->is(templates::Kind::kString)) {
    return fail(ErrorKind::kMalformed, "a line needs text");
  }
  return text->as_string();
}

// Everything that answers, opened.
struct Subject {
  Machine machine;
  ModelFile file;
  LanguageText text;
};

Result<Subject> open_subject(const EvalOptions& options, const TextParts& parts, const Console& console) {
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(ModelFile file, open_model(options.model, machine, console));
  LINNET_TRY(LanguageText text, LanguageText::load(file, parts));
  return Subject{machine, std::move(file), std::move(text)};
}

std::string four_decimals(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4f", number);
  return text.data();
}

struct IntentReport {
  IntentScore score;
  double tokens_per_second = 0;
  bool grammar_forced = false;
};

Result<IntentReport> answer_all(const Subject& subject, const std::vector<IntentExample>& examples,
                                const EvalOptions& options, Console& console) {
  TextEncoder encoder(*subject.text.tokenizer);
  LINNET_TRY(auto engine, open_engine(subject.file, options.model, subject.machine,
                                      {.context = kContext, .text_memory = subject.text.memory()}, console));
  IntentReport report;
  report.grammar_forced = subject.text.form != nullptr;
  std::size_t tokens = 0;
  ProgressBar bar(console, "answering", ProgressUnit::kItems);
  const auto started = Clock::now();
  for (const IntentExample& example : examples) {
    LINNET_TRY(const auto ids, subject.text.encode(encoder, {{"user", example.text}}));
    Question question{ids, example.text, {}, {}};
    question.options.cancel = &console.stop();
    question.options.sampling.want_probability = true;
    LINNET_TRY(const Answer answer, generate(engine, subject.text, question,
                                             [](text::AnswerPart, std::string_view) { return Result<void>(); }));
    if (answer.finish == engine::FinishReason::kCancelled) return interrupted();
    report.score.add(example.expected, parse_intent_answer(answer.text), answer.confidence);
    tokens += answer.tokens.size();
    bar.update(report.score.n(), examples.size());
  }
  report.tokens_per_second = static_cast<double>(tokens) * 1e3 / milliseconds_between(started, Clock::now());
  return report;
}

std::string json_report(const IntentReport& report) {
  const IntentScore& score = report.score;
  JsonWriter json;
  json.begin_object().member("n", score.n()).member("intent_accuracy", score.intent_accuracy());
  json.member("entity_f1", score.entity_f1()).member("exact_match", score.exact_match());
  json.member("valid_json", score.valid_json()).member("grammar_forced", report.grammar_forced);
  const ConfidenceThreshold sure = score.threshold(kSure);
  json.member("threshold_99", sure.confidence).member("coverage_99", sure.coverage);
  return json.member("tokens_per_second", report.tokens_per_second).end_object().line();
}

std::string text_report(const IntentReport& report) {
  const IntentScore& score = report.score;
  const ConfidenceThreshold sure = score.threshold(kSure);
  return "sentences        " + std::to_string(score.n()) + "\nintent accuracy  " +
         four_decimals(score.intent_accuracy()) + "\nentity F1        " + four_decimals(score.entity_f1()) +
         "\nexact match      " + four_decimals(score.exact_match()) + "\nvalid JSON       " +
         four_decimals(score.valid_json()) + (report.grammar_forced ? " (forced by a grammar)" : "") +
         "\n99 % exact from  " + four_decimals(sure.confidence) + " confidence on: " + four_decimals(sure.coverage) +
         " of the answers\ntokens/s         " + four_decimals(report.tokens_per_second) + "\n";
}

Result<void> evaluate_intents(const EvalOptions& options, Console& console) {
  LINNET_TRY(const auto examples, read_lines<IntentExample>(options, parse_intent_example));
  LINNET_TRY(const Subject subject, open_subject(options, {.forced_form = options.grammar}, console));
  LINNET_TRY(const IntentReport report, answer_all(subject, examples, options, console));
  return console.print(options.json ? json_report(report) : text_report(report));
}

Result<Perplexity> score_all(const Subject& subject, const std::vector<std::string>& texts, const EvalOptions& options,
                             Console& console) {
  TextEncoder encoder(*subject.text.tokenizer);
  LINNET_TRY(auto engine,
             open_engine(subject.file, options.model, subject.machine, needs_of_all_logits(kContext), console));
  if (engine.options().context < 2) return fail(ErrorKind::kUsage, "--ctx: a window needs at least 2 positions");
  Perplexity result(engine.options().context);
  ProgressBar bar(console, "reading", ProgressUnit::kItems);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    LINNET_TRY(const auto ids, encoder.encode(texts[i], {.add_special = true, .parse_special = false}));
    LINNET_CHECK(result.add(engine, ids, console));
    bar.update(i + 1, texts.size());
  }
  if (result.n_tokens() == 0) return fail(ErrorKind::kUsage, options.data + ": no text has two tokens");
  return result;
}

Result<void> evaluate_perplexity(const EvalOptions& options, Console& console) {
  LINNET_TRY(const auto texts, read_lines<std::string>(options, parse_text));
  LINNET_TRY(const Subject subject, open_subject(options, {.chat_template = false, .forced_form = false}, console));
  LINNET_TRY(const Perplexity result, score_all(subject, texts, options, console));
  if (options.json) {
    JsonWriter json;
    json.begin_object().member("n_tokens", result.n_tokens()).member("perplexity", result.perplexity());
    return console.print(json.member("mean_nll", result.mean_nll()).end_object().line());
  }
  return console.print("tokens      " + std::to_string(result.n_tokens()) + "\nperplexity  " +
                       four_decimals(result.perplexity()) + "\nmean NLL    " + four_decimals(result.mean_nll()) +
                       " nats a token\n");
}

}  // namespace

Result<void> execute(const EvalOptions& options, Console& console) {
  return options.metric == Metric::kIntent ? evaluate_intents(options, console) : evaluate_perplexity(options, console);
}

}  // namespace linnet::cli
