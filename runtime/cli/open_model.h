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

// language::open_source for what reads a model and runs nothing, the file named for the line about a mapping that
// shrank. Decompressing shows a bar and stops when the person asks to.
[[nodiscard]] Result<ModelFile> open_source(const std::string& path, const Console& console);

// The same for what rewrites a model: a compressed one is decompressed beside `output`, where there must be room
// anyway, into a file without a name that goes with the result.
[[nodiscard]] Result<ModelFile> open_source_beside(const std::string& path, const std::string& output,
                                                   const Console& console);

// language::open_model; packing shows a bar and stops when the person asks to.
[[nodiscard]] Result<ModelFile> open_model(const ModelOptions& options, const Machine& machine, const Console& console);

// language::open_engine; copying weights to a GPU shows a bar and stops when the person asks to.
[[nodiscard]] Result<engine::Engine> open_engine(const ModelFile& file, const ModelOptions& options,
                                                 const Machine& machine, EngineNeeds needs, const Console& console);

}  // namespace linnet::cli
