#include "runtime/language/language_model.h"

#include <cmath>

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

double per_second(std::size_t tokens, double milliseconds) {
  return milliseconds > 0 ? static_cast<double>(tokens) * 1e3 / milliseconds : 0.0;
}

}  // namespace

Result<LanguageText> LanguageText::load(const ModelFile& file, TextParts parts) {
  auto tokenizer = text::Tokenizer::load(*file.header);
  if (!tokenizer) return tl::unexpected(content_error(file.path, tokenizer.error()));
  LanguageText text;
  text.tokenizer = std::make_unique<const text::Tokenizer>(std::move(*tokenizer));
  text.stop_tokens = find_stop_tokens(*text.tokenizer);
  if (parts.chat_template) {
    auto chat_template = load_chat_template(*file.header, *text.tokenizer);
    if (!chat_template) return tl::unexpected(without(file, chat_template.error(), "--raw"));
    text.chat_template = std::move(*chat_template);
  }
  if (parts.forced_form) {
    auto form = ForcedForm::load(*file.header, *text.tokenizer);
    if (!form) return tl::unexpected(without(file, form.error(), "--no-grammar"));
    text.form = std::move(*form);
  }
  return text;
}

Result<std::vector<text::TokenId>> LanguageText::encode(TextEncoder& encoder,
                                                        const std::vector<Message>& messages) const {
  std::string prompt;
  if (chat_template) {
    LINNET_TRY(prompt, render_chat(*chat_template, messages));
  } else {
    for (const auto& message : messages) prompt += message.second;
  }
  // A template writes the special tokens itself (as the reference's apply_chat_template has it).
  const bool add_special = !chat_template;
  LINNET_TRY(const auto ids, encoder.encode(prompt, {.add_special = add_special, .parse_special = true}));
  return std::vector<text::TokenId>(ids.begin(), ids.end());
}

double Answer::prefill_tokens_per_second() const {
  return per_second(timings.prompt_tokens, timings.prefill_milliseconds);
}

double Answer::decode_tokens_per_second() const {
  return tokens.empty() ? 0.0 : per_second(tokens.size() - 1, timings.decode_milliseconds);
}

Result<Answer> generate(engine::Engine& engine, const LanguageText& text, Question question,
                        FunctionRef<Result<void>(std::string_view)> on_text) {
  question.options.stop_tokens = text.stop_tokens;
  question.options.constraint = text.form.get();
  if (text.form) LINNET_CHECK(text.form->begin(question.message));
  LINNET_TRY(auto generator, engine::Generator::start(engine, question.prompt, question.options));
  text::StreamDecoder decoder(*text.tokenizer);
  Answer answer;
  double log_probability = 0;
  std::size_t chosen = 0;
  const auto deliver = [&](std::string_view piece) -> Result<void> {
    answer.text += piece;
    return piece.empty() ? Result<void>() : on_text(piece);
  };
  for (;;) {
    const auto sampled = generator.next();
    // A form that cannot go on shows as a mask that allows nothing: the form knows why.
    if (text.form && text.form->failure()) return tl::unexpected(*text.form->failure());
    if (!sampled) return tl::unexpected(sampled.error());
    if (!*sampled) break;
    answer.tokens.push_back((*sampled)->token);
    if (!text.form || text.form->had_choice()) {
      log_probability += std::log(static_cast<double>((*sampled)->probability));
      ++chosen;
    }
    LINNET_CHECK(deliver(decoder.push((*sampled)->token)));
  }
  LINNET_CHECK(deliver(decoder.finish()));
  answer.finish = generator.finish();
  answer.timings = generator.timings();
  answer.confidence = chosen == 0 ? 1.0 : std::exp(log_probability / static_cast<double>(chosen));
  return answer;
}

}  // namespace linnet::language
