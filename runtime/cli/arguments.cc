#include "runtime/cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <utility>

#include "models/synthetic/shape.h"
#include "runtime/cli/ctl/arguments.h"
#include "runtime/cli/option_groups.h"
#include "runtime/cli/page_formatter.h"

namespace linnet::cli {
namespace {

#ifndef LINNET_VERSION
#  error "LINNET_VERSION comes from CMakeLists.txt"
#endif

void declare(CLI::App& app, RunOptions& options) {
  add_model(app, options.model.path);
  app.add_option("-p,--prompt", options.prompt, "The prompt (default: standard input)")->type_name("TEXT");
  app.add_option("--system", options.system, "A system message before the prompt")->type_name("TEXT");
  count_option(app, "-n,--max-tokens", options.maximum_tokens,
               "Stops after N generated tokens\n(default 512; 0: when the context is full)");
  add_switch(app, "--raw", options.raw, "Takes the prompt as it is: no chat template, no forced form");
  auto* const grammar =
      app.add_flag("!--no-grammar", options.grammar, "Does not force the form that the model file asks for");
  grammar->disable_flag_override();
  app.add_option("--schema", options.schema, "Forces an answer of JSON that this JSON Schema accepts")
      ->type_name("FILE")
      ->excludes(grammar);
  add_template(app, options.template_name);
  add_reasoning(app, options.reasoning);
  add_sampling(app, options.sampling, "Temperature; 0, the default, always takes the likeliest token");
  add_running_options(app, options.model,
                      "Positions of prompt and answer together\n(default: what -n allows, at most the model's own)");
  add_json(app, options.json);
}

void declare(CLI::App& app, ChatOptions& options) {
  options.sampling.temperature = 0.6F;
  add_model(app, options.model.path);
  app.add_option("--system", options.system, "A system message before the conversation")->type_name("TEXT");
  count_option(app, "-n,--max-tokens", options.maximum_tokens, "Longest answer in tokens (default 0: what fits)");
  add_template(app, options.template_name);
  add_reasoning(app, options.reasoning);
  add_sampling(app, options.sampling, "Temperature (default 0.6); 0 is greedy");
  add_running_options(app, options.model,
                      "Positions of the whole conversation\n(default: 4096, or the model's own if less)");
}

void declare(CLI::App& app, TokenizeOptions& options) {
  app.add_option("-m,--model", options.model, "A GGUF file with a vocabulary")->type_name("FILE")->required();
  app.add_option("--text", options.text, "The text (default: standard input)")->type_name("TEXT");
  add_switch(app, "--lines", options.lines, "Takes each line of standard input as one text");
  add_switch(app, "!--no-special", options.special, "Leaves out the special tokens that the model adds");
  add_json(app, options.json);
}

void declare(CLI::App& app, TemplateOptions& options) {
  auto* const model =
      app.add_option("-m,--model", options.model, "A GGUF file with a chat template")->type_name("FILE");
  app.add_option("--file", options.file, "A template by itself")->type_name("FILE")->excludes(model);
  add_template(app, options.name);
  app.add_option("--messages", options.messages, "The conversation, a JSON array; - is standard input")
      ->type_name("FILE")
      ->required();
  app.add_option("--tools", options.tools, "Tool descriptions, a JSON array")->type_name("FILE");
  add_switch(app, "!--no-generation-prompt", options.generation_prompt,
             "Does not open the assistant's turn at the end");
  app.add_option("--bos", options.bos, "Text of bos_token (default: the model's)")->type_name("S");
  app.add_option("--eos", options.eos, "Text of eos_token (default: the model's)")->type_name("S");
  app.add_option("--now", options.now, "The time that templates see, such as 2026-10-09T12:00:00")->type_name("TIME");
}

// "1,2,3" as ids.
void read_tokens(std::string_view text, std::vector<engine::TokenId>& tokens) {
  for (bool more = true; more;) {
    const std::string_view part = text.substr(0, text.find(','));
    more = part.size() < text.size();
    text.remove_prefix(part.size() + (more ? 1 : 0));
    engine::TokenId id = 0;
    const auto [end, status] = std::from_chars(part.data(), part.data() + part.size(), id);
    if (status != std::errc{} || end != part.data() + part.size() || id < 0) {
      throw CLI::ValidationError("--tokens", "'" + std::string(part) + "' is not a token id; write ids as 1,2,3");
    }
    tokens.push_back(id);
  }
}

void declare(CLI::App& app, LogitsOptions& options) {
  add_model(app, options.model.path);
  app.add_option_function<std::string>(
         "--tokens", [&](const std::string& text) { read_tokens(text, options.tokens); },
         "The token ids, such as 1,2,3")
      ->type_name("IDS")
      ->required();
  add_output(app, options.output, "FILE.npy");
  add_running_options(app, options.model, "Positions to plan for (default: as many as there are tokens)");
}

void declare(CLI::App& app, EmbedOptions& options) {
  add_model(app, options.model.path);
  app.add_option("--text", options.text, "The text (default: standard input)")->type_name("TEXT");
  add_switch(app, "--lines", options.lines, "Takes each line of standard input as one text");
  app.add_option("-o,--output", options.output, "Writes a NumPy file instead")->type_name("FILE.npy");
  add_running_options(app, options.model, "Longest text in tokens (default: 512, or the model's own if less)");
  add_json(app, options.json);
}

void declare(CLI::App& app, QuantizeOptions& options) {
  const CLI::IsMember known({"q8_0", "q5_0", "q4_0", "iq4_nl", "q8_128", "q4_64", "q4_128"});
  app.add_option("IN.gguf", options.input, "The model with float weights: a GGUF, or a folder of safetensors")
      ->type_name("FILE")
      ->required();
  add_output(app, options.output, "FILE");
  app.add_option("--type", options.type,
                 "Of the matrices: q8_0 (8.5 bits a weight), q5_0 (5.5), q4_0 or iq4_nl (4.5),\n"
                 "or Linnet's own q8_128 (8.13), q4_64 (4.25) and q4_128 (4.13): those files come packed")
      ->type_name("TYPE")
      ->required()
      ->check(known);
  app.add_option("--embeddings", options.embeddings, "Of the embeddings and the output head (default q8_0)")
      ->type_name("TYPE")
      ->check(known);
  app.add_option("--calibration", options.calibration, R"(Texts, as JSON lines with "text" or "messages")")
      ->type_name("F.jsonl");
  app.add_option("--method", options.method,
                 "rtn (round to nearest, default), gptq, awq or awq+gptq\n(all but rtn need calibration)")
      ->type_name("METHOD")
      ->check(CLI::IsMember({"rtn", "gptq", "awq", "awq+gptq"}));
  count_option(app, "--calibration-tokens", options.calibration_tokens, "Tokens of the texts to read (default 32768)",
               1);
  add_size(app, "--calibration-memory", "Memory for input statistics at a time (default 1G)",
           [&options](Bytes size) { options.calibration_memory = size; });
  app.add_option("--prune", options.prune, "Share of each row's weights that become 0, the least ones")
      ->type_name("P")
      ->check(finite(0, 0.99F));
  add_size(app, "--target-size", "Bytes of the file: matrices that gain most get more bits",
           [&options](Bytes size) { options.target_size = size; });
  add_threads(app, options.threads);
  add_json(app, options.json);
}

void declare(CLI::App& app, PackOptions& options) {
  app.add_option("IN.gguf", options.input, "The model to pack")->type_name("FILE")->required();
  add_output(app, options.output, "FILE");
  add_json(app, options.json);
}

void declare(CLI::App& app, UnpackOptions& options) {
  app.add_option("IN.gguf", options.input, "The packed model")->type_name("FILE")->required();
  add_output(app, options.output, "FILE");
}

// "a, b,\nc": the names of the shapes, a few a line.
std::string shape_names() {
  std::string names;
  std::size_t line_length = 0;
  for (const synthetic::Shape& shape : synthetic::shapes()) {
    if (!names.empty()) names += line_length > 60 ? ",\n" : ", ";
    line_length = line_length > 60 ? shape.name.size() : line_length + shape.name.size() + 2;
    names += shape.name;
  }
  return names;
}

void declare(CLI::App& app, MakeModelOptions& options) {
  app.add_option("--like", options.like, "The shape to imitate:\n" + shape_names())->type_name("SHAPE")->required();
  app.add_option("--type", options.type, "Format of the matrices: f32, f16, q8_0, q4_0 or q4_1")
      ->type_name("TYPE")
      ->required();
  add_output(app, options.output, "FILE");
  add_seed(app, options.seed, "Seed of the weights (default 1)");
}

void declare(CLI::App& app, InfoOptions& options) {
  app.add_option("MODEL.gguf", options.model.path, "The model, a GGUF file")->type_name("FILE")->required();
  add_switch(app, "--plan", options.plan, "Shows the memory plan");
  add_switch(app, "--verify", options.verify, "Checks the hashes of a packed file's tensors");
  add_engine_options(app, options.model, "Positions of the plan (default: 4096, or the model's own if less)");
  add_json(app, options.json);
}

void declare(CLI::App& app, BenchOptions& options) {
  add_model(app, options.model.path);
  count_option(app, "-p,--prompt", options.prompt, "Tokens to prefill (default 512)", 1);
  count_option(app, "-n,--generate", options.generate, "Tokens to decode (default 128)", 1);
  count_option(app, "-d,--depth", options.depth, "Positions in the context before each measurement (default 0)");
  count_option(app, "-b,--batch", options.batch, "Sequences decoded together (default 1)", 1, 256);
  count_option(app, "-r,--repeats", options.repeats, "Repeats (default 5)", 1);
  add_switch(app, "--profile", options.profile, "Shows what each operation takes, reads and computes");
  add_switch(app, "!--no-limits", options.limits, "Does not measure what the machine can do at most");
  add_running_options(app, options.model, "Positions to plan for (default: what the measurement needs)");
  add_json(app, options.json);
}

void declare(CLI::App& app, EvalOptions& options) {
  add_model(app, options.model.path);
  app.add_option("--data", options.data, "The data set, one JSON object a line")->type_name("FILE")->required();
  app.add_option_function<std::string>(
         "--metric",
         [&](const std::string& name) { options.metric = name == "ppl" ? Metric::kPerplexity : Metric::kIntent; },
         "intent (default) or ppl")
      ->type_name("NAME")
      ->check(CLI::IsMember({"intent", "ppl"}));
  count_option(app, "--limit", options.limit, "Takes the first N lines (default 0: all)");
  add_switch(app, "!--no-grammar", options.grammar, "Does not force the form that the model file asks for");
  add_running_options(app, options.model, "Positions of a text or window (default: 512)");
  add_json(app, options.json);
}

void declare(CLI::App& app, DoctorOptions& options) {
  app.add_option("--board", options.board,
                 "Another board than this machine: a folder that --record wrote,\nor sim:FILE.toml, a simulated one")
      ->type_name("BOARD");
  app.add_option("--record", options.record, "Copies what tells this board to a folder, and reports nothing")
      ->type_name("DIR");
  options.config = "/etc/linnet/linnetd.toml";
  app.add_option("--config", options.config,
                 "linnetd's configuration, for its broker\n(default /etc/linnet/linnetd.toml)")
      ->type_name("FILE");
  add_switch(app, "--quick", options.quick, "Measures nothing");
  add_json(app, options.json);
}

// Declares one subcommand a type of Command, and remembers how to take its options out after parsing.
template <class Options>
void add_command(CLI::App& app, const char* name, Command& chosen) {
  CLI::App* const command = app.add_subcommand(name);
  describe(*command, name);
  auto options = std::make_unique<Options>();
  declare(*command, *options);
  command->final_callback([&chosen, options = std::shared_ptr(std::move(options))] { chosen = *options; });
}

// Where no subcommand was recognised, CLI11 does not name what stood in its place.
Error no_command(int count, const char* const* values) {
  const std::string what = count < 2 ? "no command given" : "there is no command '" + std::string(values[1]) + "'";
  return {ErrorKind::kUsage, what + " (see linnet --help)"};
}

// CLI11's words, on one line, with where to read on.
Error usage_error(const CLI::App& app, std::string message) {
  std::string name = "linnet";
  for (const auto* command : app.get_subcommands()) name += " " + command->get_name();
  std::ranges::replace(message, '\n', ' ');
  return {ErrorKind::kUsage, message + " (see " + name + " --help)"};
}

}  // namespace

Result<Command> parse_arguments(int count, const char* const* values) {
  if (count > 1 && std::string_view(values[1]) == "ctl") return ctl::parse_arguments(count - 1, values + 1);
  Command chosen = ShowText{};
  CLI::App app;
  app.formatter(std::make_shared<PageFormatter>());
  describe(app, "linnet");
  app.set_version_flag("--version", "linnet " LINNET_VERSION, "Shows the version");
  app.require_subcommand(1);
  add_command<RunOptions>(app, "run", chosen);
  add_command<ChatOptions>(app, "chat", chosen);
  add_command<TokenizeOptions>(app, "tokenize", chosen);
  add_command<TemplateOptions>(app, "template", chosen);
  add_command<LogitsOptions>(app, "logits", chosen);
  add_command<EmbedOptions>(app, "embed", chosen);
  add_command<QuantizeOptions>(app, "quantize", chosen);
  add_command<PackOptions>(app, "pack", chosen);
  add_command<UnpackOptions>(app, "unpack", chosen);
  add_command<MakeModelOptions>(app, "make-model", chosen);
  add_command<InfoOptions>(app, "info", chosen);
  add_command<BenchOptions>(app, "bench", chosen);
  add_command<EvalOptions>(app, "eval", chosen);
  add_command<DoctorOptions>(app, "doctor", chosen);
  describe(*app.add_subcommand("ctl"), "ctl");  // For the list of commands: its own line is read above.
  try {
    app.parse(count, values);
  } catch (const CLI::CallForHelp&) {
    return ShowText{page_of(app)};
  } catch (const CLI::CallForVersion& version) {
    return ShowText{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    if (app.get_subcommands().empty()) return tl::unexpected(no_command(count, values));
    return tl::unexpected(usage_error(app, error.what()));
  }
  if (auto* quantize = std::get_if<QuantizeOptions>(&chosen)) quantize->arguments.assign(values, values + count);
  return chosen;
}

}  // namespace linnet::cli
