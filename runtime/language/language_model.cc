#include "runtime/language/language_model.h"

#include <cmath>
#include <optional>

#include "runtime/language/answer_guide.h"
#include "runtime/text/stream_decoder.h"

namespace linnet::language {
namespace {

std::vector<text::TokenId> find_stop_tokens(const text::Tokenizer& tokenizer) {
  std::vector<text::TokenId> tokens;
  const auto count = static_cast<text::TokenId>(tokenizer.token_count());
  for (text::TokenId token = 0; token < count; ++token) {
    if (tokenizer.ends_generation(token) && tokens.size() < engine::GenerationOptions::kMaxStopTokens) {
      tokens.push_back(token);
    }
  }
  return tokens;
}

// The error of a part that can be left out, with the option that leaves it out.
Error without(const ModelFile& file, Error error, const std::string& option) {
  error.message += "; " + option + " does without it";
  return content_error(file.path, std::move(error));
}

// Token ids to the two parts of an answer.
class AnswerStream {
 public:
  using Deliver = FunctionRef<Result<void>(text::AnswerPart, std::string_view)>;

  AnswerStream(const LanguageText& text, const ReasoningPlan& plan, Answer& answer)
      : decoder_(*text.tokenizer), pieces_(text, decoder_, plan), answer_(answer) {}

  // Errors: those of `deliver`.
  [[nodiscard]] Result<void> push(text::TokenId token, Deliver deliver) {
    pieces_.push(token, [&](text::AnswerPart part, std::string_view words) { note(part, words, deliver); });
    return outcome_;
  }
  [[nodiscard]] Result<void> finish(Deliver deliver) {
    pieces_.finish([&](text::AnswerPart part, std::string_view words) { note(part, words, deliver); });
    return outcome_;
  }

 private:
  void note(text::AnswerPart part, std::string_view words, Deliver deliver) {
    (part == text::AnswerPart::kReasoning ? answer_.reasoning : answer_.text) += words;
    if (outcome_) outcome_ = deliver(part, words);
  }

  text::StreamDecoder decoder_;
  AnswerPieces pieces_;
  Answer& answer_;
  Result<void> outcome_;
};

double per_second(std::size_t tokens, double milliseconds) {
  return milliseconds > 0 ? static_cast<double>(tokens) * 1e3 / milliseconds : 0.0;
}

}  // namespace

Result<LanguageText> LanguageText::load(const ModelFile& file, const TextParts& parts) {
  auto tokenizer = text::Tokenizer::load(*file.header);
  if (!tokenizer) return tl::unexpected(content_error(file.path, tokenizer.error()));
  LanguageText text;
  text.tokenizer = std::make_unique<const text::Tokenizer>(std::move(*tokenizer));
  text.stop_tokens = find_stop_tokens(*text.tokenizer);
  if (parts.chat_template) {
    auto chat_template = load_chat_template(*file.header, *text.tokenizer, parts.built_in_template);
    if (!chat_template && chat_template.error().kind == ErrorKind::kUsage) return tl::unexpected(chat_template.error());
    if (!chat_template) return tl::unexpected(without(file, chat_template.error(), "--raw, or --template chatml,"));
    text.chat_template = std::move(*chat_template);
  }
  if (parts.forced_form) {
    auto form = ForcedForm::load(*file.header, *text.tokenizer);
    if (!form) return tl::unexpected(without(file, form.error(), "--no-grammar"));
    text.form = std::move(*form);
  }
  return text;
}

Result<Prompt> LanguageText::prompt(TextEncoder& encoder, const std::vector<Message>& messages,
                                    Thinking thinking) const {
  std::string prompt;
  if (chat_template) {
    LINNET_TRY(prompt, render_chat(*chat_template, messages, thinking));
  } else {
    for (const auto& message : messages) prompt += message.content;
  }
  // A template writes the special tokens itself (as the reference's apply_chat_template has it).
  const bool add_special = !chat_template;
  LINNET_TRY(const auto ids, encoder.encode(prompt, {.add_special = add_special, .parse_special = true}));
  return Prompt{std::vector<text::TokenId>(ids.begin(), ids.end()),
                chat_template && chat_template->opens_reasoning(prompt)};
}

Result<std::vector<text::TokenId>> LanguageText::encode(TextEncoder& encoder,
                                                        const std::vector<Message>& messages) const {
  LINNET_TRY(Prompt made, prompt(encoder, messages));
  return std::move(made.ids);
}

text::ReasoningSplitter LanguageText::splitter(const ReasoningPlan& plan) const {
  const auto* markers = reasoning();
  if (markers == nullptr || !plan.split) return {};
  return {markers->open, markers->close, plan.inside};
}

double Answer::prefill_tokens_per_second() const {
  return per_second(timings.prompt_tokens - timings.reused_tokens, timings.prefill_milliseconds);
}

double Answer::decode_tokens_per_second() const {
  return tokens.empty() ? 0.0 : per_second(tokens.size() - 1, timings.decode_milliseconds);
}

Result<Answer> generate(engine::Engine& engine, const LanguageText& text, Question question,
                        FunctionRef<Result<void>(text::AnswerPart, std::string_view)> on_text) {
  AnswerGuide guide;
  LINNET_CHECK(guide.begin(text, text.form.get(), question.message, question.reasoning));
  question.options.stop_tokens = text.stop_tokens;
  question.options.constraint = guide.constraint();
  LINNET_TRY(auto generator, engine::Generator::start(engine, question.prompt, question.options));
  Answer answer;
  AnswerStream stream(text, question.reasoning, answer);
  double log_probability = 0;
  std::size_t chosen = 0;
  for (;;) {
    const auto sampled = generator.next();
    LINNET_CHECK(guide.check());
    if (!sampled) return tl::unexpected(sampled.error());
    if (!*sampled) break;
    answer.tokens.push_back((*sampled)->token);
    if (guide.had_choice()) {
      log_probability += std::log(static_cast<double>((*sampled)->probability));
      ++chosen;
    }
    LINNET_CHECK(stream.push((*sampled)->token, on_text));
  }
  LINNET_CHECK(stream.finish(on_text));
  answer.finish = generator.finish();
  answer.timings = generator.timings();
  answer.confidence = chosen == 0 ? 1.0 : std::exp(log_probability / static_cast<double>(chosen));
  return answer;
}

}  // namespace linnet::language
