// Options that several of linnet's commands take, and how an option of a kind is declared.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/cli/options.h"

namespace linnet::cli {

constexpr std::size_t kLargestCount = 1U << 24;  // Far above any context; keeps sums of counts from overflowing.

// The words of `name`'s page, and --help.
void describe(CLI::App& app, std::string_view name);

CLI::Validator finite(float low, float high);

template <class T>
CLI::Option* count_option(CLI::App& app, const std::string& names, T& target, const std::string& text,
                          std::size_t low = 0, std::size_t high = kLargestCount) {
  return app.add_option(names, target, text)->type_name("N")->check(CLI::Range(low, high));
}

// Sets `target`, or clears it where the name starts with "!". A flag takes no value: `--raw=maybe` is refused.
void add_switch(CLI::App& app, const std::string& name, bool& target, const std::string& text);

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

void add_json(CLI::App& app, bool& target);
void add_seed(CLI::App& app, std::uint64_t& target, const std::string& text);
void add_output(CLI::App& app, std::string& target, const std::string& type);
void add_threads(CLI::App& app, std::size_t& target);
void add_model(CLI::App& app, std::string& path);
// What every command that runs or plans a model takes, but the model itself.
void add_engine_options(CLI::App& app, ModelOptions& model, const std::string& context_text);
// The same for what runs it, with how memory is asked for.
void add_running_options(CLI::App& app, ModelOptions& model, const std::string& context_text);
void add_sampling(CLI::App& app, engine::SamplerOptions& sampling, const std::string& temperature_text);
void add_template(CLI::App& app, std::string& name);
void add_reasoning(CLI::App& app, ReasoningOptions& options);

}  // namespace linnet::cli
