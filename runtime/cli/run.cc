// `linnet run`: one prompt, one answer, streamed.
#include "hal/energy.h"
#include "hal/linux/linux_board.h"
#include "runtime/base/clock.h"
#include "runtime/base/process_memory.h"
#include "runtime/cli/answer_output.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/text_file.h"
#include "runtime/text/grammar/json_schema.h"

namespace linnet::cli {
namespace {

std::vector<Message> messages_of(const RunOptions& options, const std::string& prompt) {
  std::vector<Message> messages;
  if (options.system) messages.emplace_back("system", *options.system);
  messages.emplace_back("user", prompt);
  return messages;
}

// What the board used for the answer: joules, and how well that is known.
void add_energy(JsonWriter& json, const hal::Energy& energy, std::size_t tokens) {
  json.member("energy_source", hal::to_string(energy.source)).member("energy_j", energy.joules);
  const bool shared = energy.joules && tokens != 0;
  json.member("joules_per_token", shared ? std::optional(*energy.joules / static_cast<double>(tokens)) : std::nullopt);
}

Result<void> print_report(const RunOptions& options, const Answer& answer, const engine::Engine& engine,
                          const hal::Energy& energy, double load_milliseconds, Console& console) {
  LINNET_TRY(const ProcessMemory memory, measure_process_memory());
  JsonWriter json;
  json.begin_object().member("text", answer.text);
  json.member("reasoning", answer.reasoning.empty() ? std::optional<std::string>() : answer.reasoning);
  json.key("tokens").begin_array();
  for (const auto token : answer.tokens) json.value(token);
  json.end_array().member("prompt_tokens", answer.timings.prompt_tokens);
  json.member("finish", engine::to_string(answer.finish)).member("seed", options.sampling.seed);
  json.member("confidence", answer.confidence).member("load_ms", load_milliseconds);
  json.member("first_token_ms", answer.timings.first_token_milliseconds);
  json.member("prefill_tokens_per_second", answer.prefill_tokens_per_second());
  json.member("decode_tokens_per_second", answer.decode_tokens_per_second());
  json.member("anonymous_bytes", memory.anonymous.count).member("mapped_bytes", memory.mapped.count);
  add_energy(json, energy, answer.tokens.size());
  json.member("device", engine.device().name()).member("device_reason", engine.device().reason);
  return console.print(json.end_object().line());
}

// A streamed text that ends without a newline would run into the shell's prompt; a pipe gets the text alone.
Result<void> end_line(const Answer& answer, Console& console) {
  if (!console.output_is_terminal() || answer.text.empty() || answer.text.back() == '\n') return {};
  return console.print("\n");
}

// The file's text machinery, with the form that the options ask for.
Result<LanguageText> load_text(const ModelFile& file, const RunOptions& options) {
  const bool own_form = options.grammar && !options.raw && !options.schema;
  LINNET_TRY(LanguageText text, LanguageText::load(file, {.chat_template = !options.raw,
                                                          .built_in_template = options.template_name,
                                                          .forced_form = own_form}));
  if (!options.schema) return text;
  LINNET_TRY(const std::string schema, read_text_file(*options.schema));
  auto grammar = text::grammar_of_json_schema(schema);
  // What a person hands in is usage; the model file is not involved.
  if (!grammar) return fail(ErrorKind::kUsage, *options.schema + ": " + grammar.error().message);
  LINNET_TRY(text.form, language::ForcedForm::compile(*grammar, *options.schema, *text.tokenizer));
  return text;
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
  LINNET_TRY(const LanguageText text, load_text(file, options));
  TextEncoder encoder(*text.tokenizer);
  LINNET_TRY(const Prompt start, text.prompt(encoder, messages_of(options, prompt), thinking_of(options.reasoning)));
  // Prompt and answer are known to need no more than this; without an end, the engine's default has to do.
  const std::size_t positions = options.maximum_tokens == 0 ? 0 : start.ids.size() + options.maximum_tokens;
  LINNET_TRY(auto engine,
             open_engine(file, options.model, machine,
                         {.context = positions, .text_memory = encoder.memory() + text.memory()}, console));
  const double load_milliseconds = milliseconds_between(started, Clock::now());

  Question question{start.ids, prompt, reasoning_plan(options.reasoning, start), {}};
  question.options.sampling = options.sampling;
  question.options.sampling.want_probability = options.json;
  question.options.max_tokens = options.maximum_tokens;
  question.options.cancel = &console.stop();
  AnswerOutput output(console, options.reasoning.reasoning);
  hal::EnergyProbe probe(hal::make_linux_board({.root = "", .cpu = {}, .gpio = nullptr}));
  LINNET_TRY(const Answer answer, generate(engine, text, question, [&](text::AnswerPart part, std::string_view piece) {
               return options.json ? Result<void>() : output.push(part, piece);
             }));
  output.finish();
  LINNET_CHECK(options.json ? print_report(options, answer, engine, probe.so_far(), load_milliseconds, console)
                            : end_line(answer, console));
  return answer.finish == engine::FinishReason::kCancelled ? interrupted() : Result<void>();
}

}  // namespace linnet::cli
