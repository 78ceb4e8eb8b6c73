// `linnet run`: one prompt, one answer, streamed.
#include "runtime/base/clock.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/process_memory.h"

namespace linnet::cli {
namespace {

std::vector<Message> messages_of(const RunOptions& options, const std::string& prompt) {
  std::vector<Message> messages;
  if (options.system) messages.emplace_back("system", *options.system);
  messages.emplace_back("user", prompt);
  return messages;
}

Result<void> print_report(const RunOptions& options, const Answer& answer, double load_milliseconds, Console& console) {
  LINNET_TRY(const ProcessMemory memory, measure_process_memory());
  JsonWriter json;
  json.begin_object().member("text", answer.text).key("tokens").begin_array();
  for (const auto token : answer.tokens) json.value(token);
  json.end_array().member("prompt_tokens", answer.timings.prompt_tokens);
  json.member("finish", engine::to_string(answer.finish)).member("seed", options.sampling.seed);
  json.member("confidence", answer.confidence).member("load_ms", load_milliseconds);
  json.member("first_token_ms", answer.timings.first_token_milliseconds);
  json.member("prefill_tokens_per_second", answer.prefill_tokens_per_second());
  json.member("decode_tokens_per_second", answer.decode_tokens_per_second());
  json.member("anonymous_bytes", memory.anonymous.count).member("mapped_bytes", memory.mapped.count);
  return console.print(json.end_object().line());
}

// A streamed text that ends without a newline would run into the shell's prompt; a pipe gets the text alone.
Result<void> end_line(const Answer& answer, Console& console) {
  if (!console.output_is_terminal() || answer.text.empty() || answer.text.back() == '\n') return {};
  return console.print("\n");
}

}  // namespace

Result<void> execute(const RunOptions& options, Console& console) {
  std::string prompt = options.prompt.value_or("");
  if (!options.prompt) {
    LINNET_TRY(prompt, console.read_input());
  }
  const auto started = Clock::now();
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(const ModelFile file, open_model(options.model, machine, console));
  const bool with_form = options.grammar && !options.raw;
  LINNET_TRY(const LanguageText text,
             LanguageText::load(file, {.chat_template = !options.raw, .forced_form = with_form}));
  TextEncoder encoder(*text.tokenizer);
  LINNET_TRY(const auto ids, text.encode(encoder, messages_of(options, prompt)));
  // Prompt and answer are known to need no more than this; without an end, the engine's default has to do.
  const std::size_t positions = options.maximum_tokens == 0 ? 0 : ids.size() + options.maximum_tokens;
  LINNET_TRY(auto engine, open_engine(file, options.model, machine,
                                      {.context = positions, .text_memory = encoder.memory() + text.memory()}));
  const double load_milliseconds = milliseconds_between(started, Clock::now());

  Question question{ids, prompt, {}};
  question.options.sampling = options.sampling;
  question.options.sampling.want_probability = options.json;
  question.options.max_tokens = options.maximum_tokens;
  question.options.cancel = &console.stop();
  const auto stream = [&](std::string_view piece) { return options.json ? Result<void>() : console.print(piece); };
  LINNET_TRY(const Answer answer, generate(engine, text, question, stream));
  LINNET_CHECK(options.json ? print_report(options, answer, load_milliseconds, console) : end_line(answer, console));
  return answer.finish == engine::FinishReason::kCancelled ? interrupted() : Result<void>();
}

}  // namespace linnet::cli
