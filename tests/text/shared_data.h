// Where the vocabularies that are not part of the repository lie, if they are there.
#pragma once

#include <cstdlib>
#include <filesystem>

#include "tests/source_tree.h"

namespace linnet::text {

// $LINNET_SHARED_DATA, or `shared/data` beside the repository. The folder may be missing.
inline std::filesystem::path shared_data() {
  if (const char* folder = std::getenv("LINNET_SHARED_DATA"); folder != nullptr) return folder;
  return test::source_tree().parent_path() / "shared" / "data";
}

}  // namespace linnet::text
