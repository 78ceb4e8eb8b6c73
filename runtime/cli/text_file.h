// Small text files, whole: messages, tools, templates, data sets.
#pragma once

#include <string>

#include "runtime/base/result.h"

namespace linnet::cli {

// Errors: kAbsent, kDenied, kIo; kUsage for a directory or a file over 1 GiB.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path);

}  // namespace linnet::cli
