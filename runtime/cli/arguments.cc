#include "runtime/cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "models/synthetic/shape.h"
#include "runtime/cli/ctl/arguments.h"
#include "runtime/cli/help.h"
#include "runtime/cli/page_formatter.h"
#include "runtime/text/template/chat.h"

namespace linnet::cli {
namespace {

#ifndef LINNET_VERSION
#  error "LINNET_VERSION comes from CMakeLists.txt"
#endif

constexpr std::size_t kLargestCount = 1U << 24;  // Far above any context; keeps sums of counts from overflowing.

void describe(CLI::App& app, std::string_view name) {
  const HelpPage& page = help_page(name);
  app.description(std::string(page.summary) + "\n\nUsage: " + std::string(page.usage));
  app.footer(std::string(page.details));
  app.set_help_flag("-h,--help", "Shows this page");
}

CLI::Validator finite(float low, float high) {
  return {[=](std::string& text) {
            float value = 0;
            const bool good = CLI::detail::lexical_cast(text, value) && value >= low && value <= high;
            return good ? std::string()
                        : text + " is not a number from " + CLI::detail::to_string(low) + " to " +
                              CLI::detail::to_string(high);
          },
          ""};
}

template <class T>
CLI::Option* count_option(CLI::App& app, const std::string& names, T& target, const std::string& text,
                          std::size_t low = 0, std::size_t high = kLargestCount) {
  return app.add_option(names, target, text)->type_name("N")->check(CLI::Range(low, high));
}

// Sets `target`, or clears it where the name starts with "!". A flag takes no value: `--raw=maybe` is refused.
void add_switch(CLI::App& app, const std::string& name, bool& target, const std::string& text) {
  app.add_flag(name, target, text)->disable_flag_override();
}

void add_json(CLI::App& app, bool& target) { add_switch(app, "--json", target, "Prints one JSON object instead"); }

// A 64-bit number, digits only: CLI11 would wrap "-1" and overflow silently.
void add_seed(CLI::App& app, std::uint64_t& target, const std::string& text) {
  app.add_option_function<std::string>(
         "--seed",
         [&target](const std::string& digits) {
           const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), target);
           if (status != std::errc{} || end != digits.data() + digits.size()) {
             throw CLI::ValidationError("--seed", "'" + digits + "' is not a whole number from 0 to 2^64 - 1");
           }
         },
         text)
      ->type_name("S");
}

void add_output(CLI::App& app, std::string& target, const std::string& type) {
  app.add_option("-o,--output", target, "The file to write")->type_name(type)->required();
}

void add_threads(CLI::App& app, std::size_t& target) {
  count_option(app, "-t,--threads", target, "Threads (default: one a core that this process may use)", 1, 256);
}

template <class Use>
void add_size(CLI::App& app, const std::string& name, const std::string& text, Use use) {
  app.add_option_function<std::string>(
         name,
         [name, use](const std::string& words) {
           const auto size = parse_bytes(words);
           if (!size) throw CLI::ValidationError(name, size.error().message);
           use(*size);
         },
         text)
      ->type_name("SIZE");
}

void add_budget(CLI::App& app, std::optional<Bytes>& target) {
  add_size(app, "--mem-budget",
           "Refuses to start where the memory plan is larger, such as 512M\n"
           "(default: what this machine has available)",
           [&target](Bytes size) { target = size; });
}

void add_device(CLI::App& app, engine::DeviceChoice& target) {
  app.add_option_function<std::string>(
         "--device",
         [&target](const std::string& word) {
           target = word == "cpu"    ? engine::DeviceChoice::kCpu
                    : word == "cuda" ? engine::DeviceChoice::kCuda
                                     : engine::DeviceChoice::kAuto;
         },
         "What computes: auto (default; a GPU where the package linnet-cuda\nand a driver are, else the processor), "
         "cpu or cuda")
      ->type_name("DEVICE")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
}

// What every command that runs a model takes, but the model itself.
void add_engine_options(CLI::App& app, ModelOptions& model, const std::string& context_text) {
  count_option(app, "-c,--ctx", model.context, context_text, 1);
  add_threads(app, model.threads);
  add_budget(app, model.memory_budget);
  add_device(app, model.device);
  add_switch(app, "!--no-cache", model.cache, "Packs into memory instead of the cache directory");
}

void add_model(CLI::App& app, std::string& path) {
  app.add_option("-m,--model", path, "The model, a GGUF file")->type_name("FILE")->required();
}

void add_sampling(CLI::App& app, engine::SamplerOptions& sampling, const std::string& temperature_text) {
  app.add_option("--temp", sampling.temperature, temperature_text)->type_name("T")->check(finite(0, 100));
  count_option(app, "--top-k", sampling.top_k, "Keeps the K likeliest tokens (default 40; 0: all)")->type_name("K");
  app.add_option("--top-p", sampling.top_p, "Keeps the likeliest tokens of total probability P\n(default 0.95; 1: all)")
      ->type_name("P")
      ->check(finite(0, 1));
  app.add_option("--min-p", sampling.min_p,
                 "Keeps tokens at least P times as likely as the likeliest\n(default 0.05; 0: all)")
      ->type_name("P")
      ->check(finite(0, 1));
  app.add_option("--repeat-penalty", sampling.repetition_penalty, "Makes recent tokens less likely (default 1: off)")
      ->type_name("R")
      ->check(finite(0.01F, 100));
  sampling.seed = std::random_device()();
  add_seed(app, sampling.seed, "Makes sampling repeatable (default: a random one)");
}

void add_template(CLI::App& app, std::string& name) {
  std::vector<std::string> names;
  for (const std::string_view built_in : templates::built_in_template_names()) names.emplace_back(built_in);
  app.add_option("--template", name,
                 "A built-in chat template in place of the model's:\n" + CLI::detail::join(names, ", "))
      ->type_name("NAME")
      ->check(CLI::IsMember(names));
}

void add_reasoning(CLI::App& app, ReasoningOptions& options) {
  app.add_option_function<std::string>(
         "--reasoning",
         [&](const std::string& word) {
           options.reasoning = word == "hide" ? Reasoning::kHide : word == "off" ? Reasoning::kOff : Reasoning::kShow;
         },
         "What becomes of a model's thoughts: show (default; on\nstandard error), hide, or off: the model is not to "
         "think")
      ->type_name("WORD")
      ->check(CLI::IsMember({"show", "hide", "off"}));
  count_option(app, "--max-reasoning-tokens", options.most_tokens,
               "Ends the thoughts after N tokens (default: as many as it takes)");
}

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
  add_engine_options(app, options.model,
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
  add_engine_options(app, options.model,
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
  add_engine_options(app, options.model, "Positions to plan for (default: as many as there are tokens)");
}

void declare(CLI::App& app, EmbedOptions& options) {
  add_model(app, options.model.path);
  app.add_option("--text", options.text, "The text (default: standard input)")->type_name("TEXT");
  add_switch(app, "--lines", options.lines, "Takes each line of standard input as one text");
  app.add_option("-o,--output", options.output, "Writes a NumPy file instead")->type_name("FILE.npy");
  add_engine_options(app, options.model, "Longest text in tokens (default: 512, or the model's own if less)");
  add_json(app, options.json);
}

void declare(CLI::App& app, QuantizeOptions& options) {
  app.add_option("IN.gguf", options.input, "The model with float weights: a GGUF, or a folder of safetensors")
      ->type_name("FILE")
      ->required();
  add_output(app, options.output, "FILE");
  app.add_option("--type", options.type,
                 "Of the matrices: q8_0 (8.5 bits a weight), q5_0 (5.5), q4_0 or iq4_nl (4.5),\n"
                 "or Linnet's own q4_64 (4.25) and q4_128 (4.13): those files come packed")
      ->type_name("TYPE")
      ->required()
      ->check(CLI::IsMember({"q8_0", "q5_0", "q4_0", "iq4_nl", "q4_64", "q4_128"}));
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
  add_switch(app, "!--no-limits", options.limits, "Does not measure what the machine can do at most");
  add_engine_options(app, options.model, "Positions to plan for (default: what the measurement needs)");
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
  add_engine_options(app, options.model, "Positions of a text or window (default: 512)");
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
