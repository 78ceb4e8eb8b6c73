// Model files split into parts: "model-00001-of-00003.gguf", as gguf-split names them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace linnet::language {

// What the name of a part says.
struct SplitName {
  std::string prefix;  // "folder/model"
  std::uint32_t part = 1;
  std::uint32_t count = 1;

  // The path of part 1 … count.
  [[nodiscard]] std::string path_of(std::uint32_t number) const;
};

// Nothing where the path does not end in "-NNNNN-of-NNNNN.gguf" with a sensible pair of numbers.
[[nodiscard]] std::optional<SplitName> parse_split_name(std::string_view path);

}  // namespace linnet::language
