// The root of the source tree, where tests find their recorded data.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace linnet::test {

// $LINNET_SOURCE_DIR, or the nearest folder above the working directory that holds tests/data (ctest runs tests below
// the root). Found at run time: a path compiled in would make every clone compile every test anew. Throws where there
// is none.
inline std::filesystem::path source_tree() {
  if (const char* folder = std::getenv("LINNET_SOURCE_DIR"); folder != nullptr) return folder;
  for (auto folder = std::filesystem::current_path();; folder = folder.parent_path()) {
    if (std::filesystem::exists(folder / "tests" / "data")) return folder;
    if (folder == folder.parent_path())
      throw std::runtime_error("run inside the source tree, or set LINNET_SOURCE_DIR");
  }
}

}  // namespace linnet::test
