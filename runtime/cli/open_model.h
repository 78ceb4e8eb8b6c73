// The command line's way to a model file: named for bus errors, with progress on the terminal.
#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/language/language_model.h"
#include "runtime/language/machine.h"
#include "runtime/language/model_file.h"
#include "runtime/language/model_options.h"
#include "runtime/language/open_engine.h"

namespace linnet::cli {

using language::Answer;
using language::content_error;
using language::engine_options;
using language::EngineNeeds;
using language::generate;
using language::inspect_machine;
using language::LanguageText;
using language::Machine;
using language::Message;
using language::ModelFile;
using language::ModelOptions;
using language::open_engine;
using language::Prompt;
using language::Question;
using language::rewriting_error;
using language::TextEncoder;
using language::TextParts;
using language::Thinking;

// language::open_as_it_is, the file named for the line about a mapping that shrank.
[[nodiscard]] Result<ModelFile> open_as_it_is(const std::string& path);

// language::open_model; packing shows a bar and stops when the person asks to.
[[nodiscard]] Result<ModelFile> open_model(const ModelOptions& options, const Machine& machine, const Console& console);

}  // namespace linnet::cli
