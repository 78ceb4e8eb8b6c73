#include "models/quantize/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "kernels/formats/format.h"
#include "models/gguf/writer.h"
#include "models/pack/layout.h"
#include "models/quantize/choose_factors.h"
#include "models/quantize/input_statistics.h"
#include "models/quantize/parallel.h"
#include "models/quantize/sensitivity.h"
#include "models/quantize/target.h"
#include "models/quantize/tensor_coder.h"

namespace linnet::quantize {
namespace {

using gguf::TensorType;

// Rows are worked on and written in bands of about this many weights: some tenths of a second of search.
constexpr std::size_t kBandWeights = std::size_t{1} << 22;

struct NamedType {
  std::string_view name;
  TensorType type;
  std::uint32_t file_type;  // Of general.file_type, by llama.cpp's enumeration.
};

constexpr std::uint32_t kNoFileType = 1024;  // "Not said in the file": the enumeration has no such type.

constexpr NamedType kTargets[] = {{"q8_0", TensorType::kQ8_0, 7},
                                  {"q5_0", TensorType::kQ5_0, 8},
                                  {"q4_0", TensorType::kQ4_0, 2},
                                  {"iq4_nl", TensorType::kIQ4_NL, 25},
                                  {"q4_64", TensorType::kQ4_64, kNoFileType},
                                  {"q4_128", TensorType::kQ4_128, kNoFileType},
                                  {"q8_128", TensorType::kQ8_128, kNoFileType}};

std::string names_of_targets() {
  std::string names;
  for (const NamedType& target : kTargets) {
    if (!names.empty()) names += target.name == std::rbegin(kTargets)->name ? " or " : ", ";
    names += target.name;
  }
  return names;
}

const NamedType* find_target(TensorType type) {
  const auto* found = std::ranges::find(kTargets, type, &NamedType::type);
  return found == std::end(kTargets) ? nullptr : found;
}

// Adds nothing up and keeps nothing: tells how large a file would be.
class NullSink final : public gguf::Sink {
 public:
  [[nodiscard]] Result<void> reserve(std::uint64_t) override { return {}; }
  [[nodiscard]] Result<void> write_at(std::uint64_t, std::span<const std::byte>) override { return {}; }
};

// One run of quantize().
class Quantizer {
 public:
  Quantizer(const gguf::Reader& file, gguf::Sink& sink, const Options& options, gguf::Progress progress)
      : file_(file), sink_(sink), options_(options), progress_(progress), writer_(file.alignment()) {
    if (options.calibration != nullptr) statistics_.emplace(*options.calibration);
  }

  [[nodiscard]] Result<Report> run();

 private:
  [[nodiscard]] Result<void> choose_types();
  [[nodiscard]] Result<std::uint64_t> file_bytes_of(std::span<const Target> targets) const;
  [[nodiscard]] Result<void> declare(gguf::Writer& writer, std::span<const Target> targets) const;
  void start_report();
  [[nodiscard]] Result<void> write_calibrated();
  [[nodiscard]] Result<void> write_input(std::size_t input, Gram gram);
  [[nodiscard]] Result<void> write(std::size_t index, const InputKnowledge& input);
  [[nodiscard]] Result<void> copy(std::size_t index);
  [[nodiscard]] Result<Loss> write_bands(std::size_t index, const TensorCoder& coder);
  [[nodiscard]] Result<void> advance(std::uint64_t bytes) {
    return gguf::report(progress_, bytes_done_ += bytes, bytes_in_all_);
  }
  [[nodiscard]] const Factors* factors_of(std::string_view tensor) const {
    const auto found = factors_.find(std::string(tensor));
    return found == factors_.end() ? nullptr : &found->second;
  }

  const gguf::Reader& file_;
  gguf::Sink& sink_;
  const Options& options_;
  gguf::Progress progress_;
  gguf::Writer writer_;
  std::optional<InputStatistics> statistics_;
  std::vector<Target> targets_;
  FactorsByName factors_;
  std::vector<bool> written_;
  Report report_;
  std::uint64_t bytes_in_all_ = 0;  // Written bytes of all tensors.
  std::uint64_t bytes_done_ = 0;
};

Result<Report> Quantizer::run() {
  const bool moments_are_used = options_.method.scaling || options_.target_bytes;
  if (statistics_ && moments_are_used) LINNET_CHECK(statistics_->measure_moments());
  LINNET_CHECK(choose_types());
  if (options_.method.scaling) factors_ = choose_factors(file_, targets_, *statistics_, options_.threads);
  LINNET_CHECK(declare(writer_, targets_));
  LINNET_CHECK(writer_.begin(sink_));
  start_report();
  if (statistics_) LINNET_CHECK(write_calibrated());
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (!written_[i]) LINNET_CHECK(write(i, {}));
  }
  report_.file_bytes = writer_.file_bytes();
  return std::move(report_);
}

Result<void> Quantizer::choose_types() {
  for (const auto& tensor : file_.tensors()) {
    LINNET_TRY(auto target, target_of(tensor, options_.type, options_.embeddings));
    targets_.push_back(std::move(target));
  }
  if (!options_.target_bytes) return {};
  LINNET_TRY(const std::uint64_t least, file_bytes_of(targets_));
  if (least > *options_.target_bytes) {
    return fail(ErrorKind::kExhausted, "with every matrix in " + std::string(gguf::info(options_.type).name) +
                                           " the file has " + std::to_string(least) + " bytes, more than the " +
                                           std::to_string(*options_.target_bytes) + " that it may have");
  }
  raise_types(file_, *options_.target_bytes - least, statistics_ ? &*statistics_ : nullptr, options_.threads, targets_);
  return {};
}

Result<std::uint64_t> Quantizer::file_bytes_of(std::span<const Target> targets) const {
  gguf::Writer writer(file_.alignment());
  NullSink sink;
  LINNET_CHECK(declare(writer, targets));
  LINNET_CHECK(writer.begin(sink));
  return writer.file_bytes();
}

Result<void> Quantizer::declare(gguf::Writer& writer, std::span<const Target> targets) const {
  constexpr std::uint32_t kQuantizationVersion = 2;  // Of the block formats, as the GGUF specification counts it.
  for (const auto& entry : file_.entries()) writer.copy(entry);
  writer.set_u32("general.file_type", find_target(options_.type)->file_type);
  writer.set_u32("general.quantization_version", kQuantizationVersion);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto& tensor = file_.tensors()[i];
    LINNET_CHECK(writer.add_tensor(tensor.name, targets[i].type, std::span(tensor.dims).first(tensor.rank)));
  }
  return {};
}

void Quantizer::start_report() {
  written_.assign(targets_.size(), false);
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const auto& tensor = file_.tensors()[i];
    const std::uint64_t bytes = writer_.tensor_bytes(i);
    bytes_in_all_ += bytes;
    report_.tensors.push_back({std::string(tensor.name), tensor.type, &gguf::info(targets_[i].type), tensor.weights(),
                               bytes, 0.0, std::nullopt, targets_[i].note});
  }
}

// The matrices whose inputs are measured, group by group.
Result<void> Quantizer::write_calibrated() {
  for (const auto& group : statistics_->groups(options_.calibration_memory)) {
    LINNET_TRY(auto grams, statistics_->measure(group));
    for (std::size_t i = 0; i < group.size(); ++i) LINNET_CHECK(write_input(group[i], std::move(grams[i])));
  }
  return {};
}

// Every matrix that reads one input. They share a plan where they have one format.
Result<void> Quantizer::write_input(std::size_t input, Gram gram) {
  const auto& names = statistics_->inputs()[input].weights;
  if (const Factors* factors = factors_of(names.front()); factors != nullptr && !factors->columns.empty()) {
    gram.divide(factors->columns);
  }
  const std::vector<float> moments = gram.diagonal();
  std::optional<FeedbackPlan> plan;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const auto& tensor = file_.tensors()[i];
    if (std::ranges::find(names, tensor.name) == names.end() || gram.width() != tensor.columns()) continue;
    InputKnowledge knowledge{.gram = &gram, .plan = nullptr, .moments = moments};
    const auto search = symmetric_format(*pack::kept_format(targets_[i].type));
    if (options_.method.feedback && search) {
      const std::size_t block = kernels::info(search->format).block_weights;
      if (!plan || plan->block() != block) plan = FeedbackPlan::make(gram, block);
      knowledge.plan = plan ? &*plan : nullptr;
      if (!plan) report_.tensors[i].note = "rounded to nearest: its inputs' moments are not finite";
    }
    LINNET_CHECK(write(i, knowledge));
  }
  return {};
}

Result<void> Quantizer::write(std::size_t index, const InputKnowledge& input) {
  written_[index] = true;
  const auto& tensor = file_.tensors()[index];
  TensorReport& report = report_.tensors[index];
  Changes changes{.factors = factors_of(tensor.name), .pruned = 0};
  if (targets_[index].is_matrix) changes.pruned = options_.pruned;
  if (report.to == tensor.type && changes.factors == nullptr && changes.pruned == 0) return copy(index);
  const TensorCoder coder(tensor, report.to->type, changes, input);
  LINNET_TRY(const auto loss, write_bands(index, coder));
  if (!std::isfinite(loss.energy) || !std::isfinite(loss.lost)) {
    return fail(ErrorKind::kMalformed, "tensor " + gguf::quoted(tensor.name) +
                                           " has weights that are not finite or too large for " +
                                           std::string(report.to->name));
  }
  report.relative_rms_error = loss.relative();
  if (input.gram != nullptr) report.relative_output_error = loss.relative_output();
  return {};
}

Result<void> Quantizer::copy(std::size_t index) {
  const auto data = file_.tensors()[index].data;
  constexpr std::size_t kPiece = kBandWeights;
  for (std::size_t offset = 0; offset < data.size(); offset += kPiece) {
    const auto piece = data.subspan(offset, std::min(kPiece, data.size() - offset));
    LINNET_CHECK(writer_.write(sink_, index, offset, piece));
    LINNET_CHECK(advance(piece.size()));
  }
  return {};
}

Result<Loss> Quantizer::write_bands(std::size_t index, const TensorCoder& coder) {
  const std::size_t pieces_a_band = std::max<std::size_t>(1, kBandWeights / coder.columns() / kFeedbackRows);
  const std::size_t band_rows = pieces_a_band * kFeedbackRows;
  std::vector<std::byte> band;
  std::vector<Loss> losses;
  Loss total;
  for (std::size_t first = 0; first < coder.rows(); first += band_rows) {
    const std::size_t rows = std::min(band_rows, coder.rows() - first);
    const std::size_t pieces = (rows + kFeedbackRows - 1) / kFeedbackRows;
    band.resize(rows * coder.row_bytes());
    losses.resize(pieces);
    for_each_parallel(pieces, options_.threads, [&](std::size_t piece) {
      const std::size_t at = piece * kFeedbackRows;
      losses[piece] = coder.code(first + at, std::min(kFeedbackRows, rows - at), &band[at * coder.row_bytes()]);
    });
    for (const Loss& loss : losses) total.add(loss);  // In the rows' order: the figure does not depend on threads.
    LINNET_CHECK(writer_.write(sink_, index, first * coder.row_bytes(), band));
    LINNET_CHECK(advance(band.size()));
  }
  return total;
}

Result<void> check(const gguf::Reader& file, const Options& options) {
  for (const TensorType type : {options.type, options.embeddings}) {
    if (find_target(type) != nullptr) continue;
    return fail(ErrorKind::kUsage, std::string(gguf::info(type).name) + " is no type to quantise to");
  }
  if (pack::is_packed(file))
    return fail(ErrorKind::kUsage, "the model is packed; quantise the file it was packed from");
  if ((options.method.scaling || options.method.feedback) && options.calibration == nullptr)
    return fail(ErrorKind::kUsage, "this method needs calibration texts");
  if (!(options.pruned >= 0 && options.pruned < 1))
    return fail(ErrorKind::kUsage, "the share of weights to prune must be at least 0 and below 1");
  if (options.pruned > 0 && options.type == TensorType::kIQ4_NL)
    return fail(ErrorKind::kUsage, "iq4_nl has no code for zero: weights cannot be pruned");
  return {};
}

}  // namespace

Result<TensorType> parse_type(std::string_view name) {
  const auto* found = std::ranges::find(kTargets, name, &NamedType::name);
  if (found == std::end(kTargets)) {
    return fail(ErrorKind::kUsage, "there is no type " + gguf::quoted(name) + "; use " + names_of_targets());
  }
  return found->type;
}

bool needs_packing(const Options& options) {
  return std::ranges::any_of(std::array{options.type, options.embeddings}, [](TensorType type) {
    const NamedType* target = find_target(type);
    return target != nullptr && target->file_type == kNoFileType;
  });
}

Result<Method> parse_method(std::string_view name) {
  if (name == "rtn") return Method{};
  if (name == "gptq") return Method{.feedback = true};
  if (name == "awq") return Method{.scaling = true};
  if (name == "awq+gptq") return Method{.scaling = true, .feedback = true};
  return fail(ErrorKind::kUsage, "there is no method " + gguf::quoted(name) + "; use rtn, gptq, awq or awq+gptq");
}

Result<Report> quantize(const gguf::Reader& file, gguf::Sink& sink, const Options& options, gguf::Progress progress) {
  LINNET_CHECK(check(file, options));
  if (options.calibration != nullptr) keep_linear_algebra_on_one_thread();
  return Quantizer(file, sink, options, progress).run();
}

}  // namespace linnet::quantize
