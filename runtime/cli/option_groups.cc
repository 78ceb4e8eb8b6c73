#include "runtime/cli/option_groups.h"

#include <charconv>
#include <random>
#include <vector>

#include "runtime/cli/help.h"
#include "runtime/text/template/chat.h"

namespace linnet::cli {
namespace {

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

void add_cache_format(CLI::App& app, kernels::CacheFormat& target) {
  app.add_option_function<std::string>(
         "--kv-cache",
         [&target](const std::string& word) {
           target = word == "q8" ? kernels::CacheFormat::kQ8 : kernels::CacheFormat::kF16;
         },
         "How keys and values are kept: f16 (default), or q8: half the memory,\nless reading in a long context, "
         "slightly other answers")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"f16", "q8"}));
}

}  // namespace

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

void add_engine_options(CLI::App& app, ModelOptions& model, const std::string& context_text) {
  count_option(app, "-c,--ctx", model.context, context_text, 1);
  add_threads(app, model.threads);
  add_budget(app, model.memory_budget);
  add_device(app, model.device);
  add_cache_format(app, model.cache_format);
  add_switch(app, "!--no-cache", model.cache, "Packs into memory instead of the cache directory");
}

void add_running_options(CLI::App& app, ModelOptions& model, const std::string& context_text) {
  add_engine_options(app, model, context_text);
  add_switch(app, "--mlock", model.memory.lock, "Locks weights and buffers in memory: nothing of them is read again");
  add_switch(app, "--huge-pages", model.memory.huge_pages, "Asks for huge pages for KV cache and activations");
  add_switch(app, "--read-ahead", model.memory.read_ahead,
             "Reads all weights while the model is opened, not with its first\ntokens");
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

}  // namespace linnet::cli
