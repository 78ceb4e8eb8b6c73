// `linnet make-model`: a model of real shapes with random weights.
#include "models/synthetic/make_model.h"

#include "models/gguf/atomic_file.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/model_summary.h"
#include "runtime/cli/progress.h"

namespace linnet::cli {

Result<void> execute(const MakeModelOptions& options, Console& console) {
  synthetic::Options how{.like = options.like, .seed = options.seed};
  LINNET_TRY(how.type, synthetic::parse_type(options.type));
  LINNET_TRY(auto file, gguf::AtomicFile::create(options.output));
  Result<synthetic::Summary> summary;
  {
    ProgressBar bar(console, "writing");
    summary = synthetic::make_model(how, file, [&](std::uint64_t done, std::uint64_t all) {
      bar.update(done, all);
      return !console.stop_requested();
    });
  }
  if (!summary) return tl::unexpected(summary.error());
  LINNET_CHECK(file.commit());
  return console.print(options.output + ": " + to_string(Bytes{summary->file_bytes}) + ", " +
                       count_text(summary->parameters) + " parameters in " + std::to_string(summary->tensors) +
                       " tensors\n");
}

}  // namespace linnet::cli
