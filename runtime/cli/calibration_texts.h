// A calibration file's texts as token ids, cut into windows.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/cli/open_model.h"
#include "runtime/text/tokenizer.h"

namespace linnet::cli {

// Positions of a window: the calibrated model has then seen short and middling contexts.
inline constexpr std::size_t kCalibrationWindow = 512;

// Reads JSON lines, each {"text": …} or {"messages": [{"role": …, "content": …}, …]} (rendered with the model's chat
// template, answers included); other members are ignored. Gives windows of at most kCalibrationWindow tokens, about
// `most_tokens` in all, taken evenly over the file's lines. Errors: kUsage (a line in neither form, nothing to read,
// the path and the line named), those of the tokenizer and the template.
[[nodiscard]] Result<std::vector<std::vector<text::TokenId>>> read_calibration_texts(const ModelFile& file,
                                                                                     const std::string& path,
                                                                                     std::size_t most_tokens);

}  // namespace linnet::cli
