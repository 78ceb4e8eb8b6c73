// `linnet pack` and `linnet unpack`: between a plain GGUF and the order that the kernels read.
#include "models/pack/pack.h"

#include "models/gguf/atomic_file.h"
#include "runtime/base/clock.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/progress.h"

namespace linnet::cli {
namespace {

// Runs `work(header, sink, progress)` from one file to another that appears whole or not at all.
template <class Work>
Result<pack::PackSummary> rewrite(const std::string& input, const std::string& output, const std::string& label,
                                  const Console& console, Work work) {
  LINNET_TRY(const ModelFile model, open_source_beside(input, output, console));
  LINNET_TRY(auto file, gguf::AtomicFile::create(output));
  ProgressBar bar(console, label);
  const auto progress = [&](std::uint64_t done, std::uint64_t all) {
    bar.update(done, all);
    return !console.stop_requested();
  };
  auto summary = work(*model.header, file, progress);
  if (!summary) return tl::unexpected(rewriting_error(input, summary.error()));
  LINNET_CHECK(file.commit());
  return summary;
}

}  // namespace

Result<void> execute(const PackOptions& options, Console& console) {
  const auto started = Clock::now();
  LINNET_TRY(const auto summary,
             rewrite(options.input, options.output, "packing", console, [](auto& header, auto& sink, auto& progress) {
               return language::pack_model(header, sink, progress);
             }));
  const double seconds = milliseconds_between(started, Clock::now()) / 1e3;
  if (options.json) {
    JsonWriter json;
    json.begin_object().member("output", options.output).member("bytes", summary.file_bytes);
    json.member("tensors", summary.tensors).member("in_panels", summary.in_panels).member("seconds", seconds);
    json.key("converted").begin_array();
    for (const pack::ConvertedTensor& tensor : summary.converted) {
      json.begin_object().member("name", tensor.name).member("from", tensor.from).member("to", tensor.to);
      json.member("keeps_weights", tensor.keeps_weights).end_object();
    }
    return console.print(json.end_array().end_object().line());
  }
  LINNET_CHECK(console.print(pack::conversion_text(summary.converted)));
  return console.print(options.output + ": " + to_string(Bytes{summary.file_bytes}) + ", " +
                       std::to_string(summary.in_panels) + " of " + std::to_string(summary.tensors) +
                       " tensors in panels\n");
}

Result<void> execute(const UnpackOptions& options, Console& console) {
  LINNET_TRY(const auto summary,
             rewrite(options.input, options.output, "unpacking", console,
                     [](auto& header, auto& sink, auto& progress) { return pack::unpack(header, sink, progress); }));
  return console.print(options.output + ": " + to_string(Bytes{summary.file_bytes}) + ", " +
                       std::to_string(summary.tensors) + " tensors\n");
}

}  // namespace linnet::cli
