// `linnet logits`: the full-sequence logits as a NumPy file.
#include "models/gguf/atomic_file.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/npy.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/sequence_logits.h"

namespace linnet::cli {

Result<void> execute(const LogitsOptions& options, Console& console) {
  LINNET_TRY(auto output, gguf::AtomicFile::create(options.output));
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(const ModelFile file, open_model(options.model, machine, console));
  LINNET_TRY(auto engine,
             open_engine(file, options.model, machine, needs_of_all_logits(options.tokens.size()), console));
  const std::size_t vocabulary = engine.program().vocabulary;
  const std::size_t row_bytes = vocabulary * sizeof(float);
  const std::string header = npy_header(options.tokens.size(), vocabulary);
  LINNET_CHECK(output.reserve(header.size() + options.tokens.size() * row_bytes));
  LINNET_CHECK(output.write_at(0, std::as_bytes(std::span(header))));
  const auto write = [&](std::size_t position, std::span<const float> logits) {
    return output.write_at(header.size() + position * row_bytes, std::as_bytes(logits));
  };
  LINNET_CHECK(for_each_logits(engine, options.tokens, console, write));
  return output.commit();
}

}  // namespace linnet::cli
