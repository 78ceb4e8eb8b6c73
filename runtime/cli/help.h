// The prose of every --help: what a subcommand is for, how it is called, examples. Options are described in
// arguments.cc, where they are declared.
#pragma once

#include <string_view>

namespace linnet::cli {

struct HelpPage {
  std::string_view name;
  std::string_view summary;  // One line, for the list of commands.
  std::string_view usage;
  std::string_view details;  // After the options: behaviour, output, examples.
};

// The page of a subcommand; of the whole program where `name` is "linnet". Asserts that there is one.
[[nodiscard]] const HelpPage& help_page(std::string_view name);

}  // namespace linnet::cli
