// How --help pages are laid out. Includes CLI11: for the sources that declare options only.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace linnet::cli {

// Lays a page out as help.cc has it: usage before the options, one line an option, nothing that CLI11 adds by itself.
class PageFormatter : public CLI::Formatter {
 public:
  PageFormatter() {
    column_width(28);
    label("Positionals", "Arguments");
    label("Subcommands", "Commands");
  }
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override { return {}; }
  // CLI11 appends "{false}" to the name of a flag that clears, and the checks' descriptions to the type.
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    const std::string name = option->get_name(positional, !positional);
    return name.substr(0, name.find('{'));
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return option->get_type_size() == 0 || option->get_positional() ? "" : " " + type.substr(0, type.find(':'));
  }
  // Its summary: the first line of its description.
  std::string make_subcommand(const CLI::App* command) const override {
    const std::string description = command->get_description();
    return "  " + command->get_name() + std::string(14 - command->get_name().size(), ' ') +
           description.substr(0, description.find('\n')) + "\n";
  }
};

// The page of the innermost command that was named.
inline std::string page_of(const CLI::App& app) {
  const CLI::App* named = &app;
  while (!named->get_subcommands().empty()) named = named->get_subcommands().front();
  return named->help();
}

}  // namespace linnet::cli
