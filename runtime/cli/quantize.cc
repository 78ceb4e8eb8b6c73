// `linnet quantize`: float weights to INT8 or INT4, with the error of each tensor.
#include "models/quantize/quantize.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "models/gguf/atomic_file.h"
#include "runtime/cli/calibration_texts.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/engine_calibration.h"
#include "runtime/cli/float_model.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/progress.h"
#include "runtime/engine/thread_pool.h"

namespace linnet::cli {
namespace {

std::string text_report(const quantize::Report& report, const std::string& output) {
  std::string text;
  for (const quantize::TensorReport& tensor : report.tensors) {
    std::array<char, 512> line{};
    std::snprintf(line.data(), line.size(), "%-32s %-5.*s -> %-5.*s %10s  error %.5f", tensor.name.c_str(),
                  static_cast<int>(tensor.from->name.size()), tensor.from->name.data(),
                  static_cast<int>(tensor.to->name.size()), tensor.to->name.data(),
                  to_string(Bytes{tensor.bytes}).c_str(), tensor.relative_rms_error);
    text += line.data();
    if (tensor.relative_output_error) {
      std::snprintf(line.data(), line.size(), "  output %.5f", *tensor.relative_output_error);
      text += line.data();
    }
    text += (tensor.note.empty() ? "" : "  ") + tensor.note + "\n";
  }
  return text + output + ": " + to_string(Bytes{report.file_bytes}) + "\n";
}

std::string json_report(const quantize::Report& report, const std::string& output) {
  JsonWriter json;
  json.begin_object().member("output", output).member("bytes", report.file_bytes).key("tensors").begin_array();
  for (const quantize::TensorReport& tensor : report.tensors) {
    json.begin_object().member("name", tensor.name).member("from", tensor.from->name).member("to", tensor.to->name);
    json.member("weights", tensor.weights).member("bytes", tensor.bytes);
    json.member("relative_rms_error", tensor.relative_rms_error);
    if (tensor.relative_output_error) json.member("relative_output_error", *tensor.relative_output_error);
    if (!tensor.note.empty()) json.member("note", tensor.note);
    json.end_object();
  }
  return json.end_array().end_object().line();
}

// The options as the library has them, without the calibration.
Result<quantize::Options> read_options(const QuantizeOptions& options) {
  quantize::Options how;
  LINNET_TRY(how.type, quantize::parse_type(options.type));
  LINNET_TRY(how.embeddings, quantize::parse_type(options.embeddings));
  LINNET_TRY(how.method, quantize::parse_method(options.method.value_or("rtn")));
  how.threads = static_cast<unsigned>(options.threads == 0 ? engine::usable_cores() : options.threads);
  how.calibration_memory = options.calibration_memory.count;
  how.pruned = options.prune;
  if (options.target_size) how.target_bytes = options.target_size->count;
  return how;
}

// What runs the texts, or null where there are none.
Result<std::unique_ptr<EngineCalibration>> open_calibration(const QuantizeOptions& options, const ModelFile& model,
                                                            const Console& console) {
  if (!options.calibration) return nullptr;
  LINNET_TRY(auto windows, read_calibration_texts(model, *options.calibration, options.calibration_tokens));
  return EngineCalibration::create(model, std::move(windows), options.threads, console);
}

// Runs `work(progress)` with a bar that shows it; the person may stop it.
template <class Work>
auto with_bar(const Console& console, const std::string& label, Work work) {
  ProgressBar bar(console, label);
  return work([&](std::uint64_t done, std::uint64_t all) {
    bar.update(done, all);
    return !console.stop_requested();
  });
}

// Writes `output`: what `rows` holds, whose types GGUF does not have, packed. Gives the file's size.
Result<std::uint64_t> pack_into(const std::string& output, const gguf::AtomicFile& rows, const Console& console) {
  LINNET_TRY(MappedFile mapped, rows.map());
  LINNET_TRY(const ModelFile model, language::open_unnamed(output, std::move(mapped)));
  LINNET_TRY(auto file, gguf::AtomicFile::create(output));
  const auto summary = with_bar(
      console, "packing", [&](gguf::Progress progress) { return language::pack_model(*model.header, file, progress); });
  if (!summary) return tl::unexpected(content_error(output, summary.error()));
  LINNET_CHECK(file.commit());
  return summary->file_bytes;
}

}  // namespace

Result<void> execute(const QuantizeOptions& options, Console& console) {
  LINNET_TRY(auto how, read_options(options));
  LINNET_TRY(const ModelFile model, open_float_model(options.input, options.output, console));
  LINNET_TRY(const auto calibration, open_calibration(options, model, console));
  how.calibration = calibration.get();
  LINNET_TRY(auto file, gguf::AtomicFile::create(options.output));
  auto report = with_bar(console, "quantising", [&](gguf::Progress progress) {
    return quantize::quantize(*model.header, file, how, progress);
  });
  if (!report) return tl::unexpected(rewriting_error(options.input, report.error()));
  if (quantize::needs_packing(how)) {
    LINNET_TRY(report->file_bytes, pack_into(options.output, file, console));
  } else {
    LINNET_CHECK(file.commit());
  }
  return console.print(options.json ? json_report(*report, options.output) : text_report(*report, options.output));
}

}  // namespace linnet::cli
