// Where packed copies of plain models are kept: ${XDG_CACHE_HOME:-~/.cache}/linnet/.
#pragma once

#include <string>

#include "runtime/base/result.h"

namespace linnet::language {

// The place of one model's packed copy. The name tells the model and its state, so that a changed model has another:
// "pilot-int4-<BLAKE2b of its real path>-<BLAKE2b of size, time of change and layout>.gguf".
struct CachePlace {
  std::string folder;
  std::string path;    // Of the copy, in the folder.
  std::string family;  // How the names of all copies of this model begin.
};

// `layout` names the layout that copies have: another one is another copy. Errors: kAbsent (neither XDG_CACHE_HOME nor
// HOME is set, or the model is not there), kIo.
[[nodiscard]] Result<CachePlace> cache_place(const std::string& model, const std::string& layout);

// "size.seconds.nanoseconds" of the file's last change; empty where there is no such file.
[[nodiscard]] std::string file_state(const std::string& path);

// Makes the folder where it is missing (only this user may read it). Errors: kDenied, kExhausted, kIo.
[[nodiscard]] Result<void> make_cache_folder(const std::string& folder);

// Removes the other copies of the model: those of states that it no longer has.
void drop_stale_copies(const CachePlace& place);

}  // namespace linnet::language
