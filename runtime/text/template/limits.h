// What a template may cost: every bound of the interpreter, in one value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace linnet::templates {

// A template is hostile input (CVE-2024-34359, CVE-2026-5760): each bound ends the work with an error, never with a
// crash. Of eleven large published templates over 100 turns the hungriest (Gemma 4, whose work grows with the square of
// the turns) takes 174,000 steps, 0.25 MB of values and a depth of 31: the defaults leave room for 2,000 turns.
struct Limits {
  std::size_t template_bytes = std::size_t{1} << 20;
  std::size_t statement_nesting = 64;   // Blocks inside blocks. Python's compiler stops at 20 loops, 100 levels.
  std::size_t expression_nesting = 64;  // Brackets inside brackets, as the parser recurses.
  std::size_t expression_depth = 256;   // Height of one expression's tree: `a + b + c` is 2.
  std::uint64_t steps = 100'000'000;    // Nodes evaluated, and one for every 64 bytes copied: seconds.
  std::size_t evaluation_depth = 600;   // Evaluations inside evaluations, macros included: under 0.5 MiB of stack.
  std::size_t value_depth = 100;        // Lists in lists in dictionaries.
  std::size_t string_bytes = std::size_t{16} << 20;  // Of one string.
  std::size_t elements = 1'000'000;                  // Of one list or dictionary.
  std::size_t range_elements = 100'000;              // Jinja2's own bound of its sandbox.
  std::size_t memory_bytes = std::size_t{64} << 20;  // Values alive at one time, those of the context apart.
  std::size_t output_bytes = std::size_t{16} << 20;
};

}  // namespace linnet::templates
