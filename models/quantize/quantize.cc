#include "models/quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/formats/format.h"
#include "models/gguf/writer.h"
#include "models/pack/layout.h"
#include "models/quantize/block_search.h"
#include "models/quantize/parallel.h"
#include "models/quantize/target.h"

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

constexpr NamedType kTargets[] = {{"q8_0", TensorType::kQ8_0, 7}, {"q4_0", TensorType::kQ4_0, 2}};

const NamedType* find_target(TensorType type) {
  const auto* found = std::ranges::find(kTargets, type, &NamedType::type);
  return found == std::end(kTargets) ? nullptr : found;
}

// Squared sums of a row: what there was and what was lost.
struct RowError {
  double energy = 0;
  double lost = 0;
};

// Converts rows of one tensor: decoded to float, coded in the target's format, decoded again for the error.
class RowCoder {
 public:
  RowCoder(const gguf::Tensor& tensor, TensorType to)
      : tensor_(tensor),
        from_(*pack::kept_format(tensor.type->type)),
        to_(*pack::kept_format(to)),
        search_(symmetric_format(to_)),
        columns_(static_cast<std::size_t>(tensor.columns())) {}

  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(tensor_.rows()); }
  [[nodiscard]] std::size_t row_bytes() const { return kernels::row_bytes(to_, columns_); }

  [[nodiscard]] RowError code(std::size_t row, std::byte* out) const {
    std::vector<float> before(columns_);
    std::vector<float> after(columns_);
    const std::byte* in = tensor_.data.data() + row * kernels::row_bytes(from_, columns_);
    kernels::dequantize_row(from_, in, columns_, before.data());
    if (search_) {
      quantize_row(*search_, before, {}, out);
    } else {
      kernels::quantize_row(to_, before.data(), columns_, out);
    }
    kernels::dequantize_row(to_, out, columns_, after.data());
    RowError error;
    for (std::size_t i = 0; i < columns_; ++i) {
      const double difference = double{before[i]} - double{after[i]};
      error.energy += double{before[i]} * double{before[i]};
      error.lost += difference * difference;
    }
    return error;
  }

 private:
  const gguf::Tensor& tensor_;
  kernels::Format from_;
  kernels::Format to_;
  std::optional<SymmetricFormat> search_;
  std::size_t columns_;
};

// One run of quantize().
class Quantizer {
 public:
  Quantizer(const gguf::Reader& file, gguf::Sink& sink, const Options& options, gguf::Progress progress)
      : file_(file), sink_(sink), options_(options), progress_(progress), writer_(file.alignment()) {}

  [[nodiscard]] Result<Report> run();

 private:
  void describe_file();
  [[nodiscard]] Result<void> declare(const gguf::Tensor& tensor);
  [[nodiscard]] Result<void> write(std::size_t index);
  [[nodiscard]] Result<void> copy(std::size_t index);
  [[nodiscard]] Result<RowError> write_bands(std::size_t index, const RowCoder& coder);
  [[nodiscard]] Result<void> advance(std::uint64_t bytes) {
    return gguf::report(progress_, bytes_done_ += bytes, bytes_in_all_);
  }

  const gguf::Reader& file_;
  gguf::Sink& sink_;
  const Options& options_;
  gguf::Progress progress_;
  gguf::Writer writer_;
  Report report_;
  std::uint64_t bytes_in_all_ = 0;  // Written bytes of all tensors.
  std::uint64_t bytes_done_ = 0;
};

Result<Report> Quantizer::run() {
  describe_file();
  for (const auto& tensor : file_.tensors()) LINNET_CHECK(declare(tensor));
  LINNET_CHECK(writer_.begin(sink_));
  for (std::size_t i = 0; i < file_.tensors().size(); ++i) LINNET_CHECK(write(i));
  report_.file_bytes = writer_.file_bytes();
  return std::move(report_);
}

void Quantizer::describe_file() {
  constexpr std::uint32_t kQuantizationVersion = 2;  // Of the block formats, as the GGUF specification counts it.
  for (const auto& entry : file_.entries()) writer_.copy(entry);
  writer_.set_u32("general.file_type", find_target(options_.type)->file_type);
  writer_.set_u32("general.quantization_version", kQuantizationVersion);
}

Result<void> Quantizer::declare(const gguf::Tensor& tensor) {
  LINNET_TRY(auto target, target_of(tensor, options_.type));
  LINNET_TRY(const auto index, writer_.add_tensor(tensor.name, target.type, std::span(tensor.dims).first(tensor.rank)));
  const std::uint64_t bytes = writer_.tensor_bytes(index);
  bytes_in_all_ += bytes;
  report_.tensors.push_back({std::string(tensor.name), tensor.type, &gguf::info(target.type), tensor.weights(), bytes,
                             0.0, std::move(target.note)});
  return {};
}

Result<void> Quantizer::write(std::size_t index) {
  const auto& tensor = file_.tensors()[index];
  TensorReport& report = report_.tensors[index];
  if (report.to == tensor.type) return copy(index);
  const RowCoder coder(tensor, report.to->type);
  LINNET_TRY(const auto error, write_bands(index, coder));
  if (!std::isfinite(error.energy) || !std::isfinite(error.lost)) {
    return fail(ErrorKind::kMalformed, "tensor " + gguf::quoted(tensor.name) +
                                           " has weights that are not finite or too large for " +
                                           std::string(report.to->name));
  }
  report.relative_rms_error = error.energy > 0 ? std::sqrt(error.lost / error.energy) : 0.0;
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

Result<RowError> Quantizer::write_bands(std::size_t index, const RowCoder& coder) {
  const std::size_t band_rows = std::max<std::size_t>(1, kBandWeights / coder.columns());
  std::vector<std::byte> band;
  std::vector<RowError> errors;
  RowError total;
  for (std::size_t first = 0; first < coder.rows(); first += band_rows) {
    const std::size_t rows = std::min(band_rows, coder.rows() - first);
    band.resize(rows * coder.row_bytes());
    errors.resize(rows);
    const auto code_row = [&](std::size_t row) {
      errors[row] = coder.code(first + row, &band[row * coder.row_bytes()]);
    };
    for_each_parallel(rows, options_.threads, code_row);
    for (const auto& error : errors) {  // In the rows' order: the figure does not depend on threads either.
      total.energy += error.energy;
      total.lost += error.lost;
    }
    LINNET_CHECK(writer_.write(sink_, index, first * coder.row_bytes(), band));
    LINNET_CHECK(advance(band.size()));
  }
  return total;
}

}  // namespace

Result<TensorType> parse_type(std::string_view name) {
  const auto* found = std::ranges::find(kTargets, name, &NamedType::name);
  if (found == std::end(kTargets)) {
    return fail(ErrorKind::kUsage, "there is no type " + gguf::quoted(name) + "; use q8_0 or q4_0");
  }
  return found->type;
}

Result<Report> quantize(const gguf::Reader& file, gguf::Sink& sink, const Options& options, gguf::Progress progress) {
  if (find_target(options.type) == nullptr) {
    return fail(ErrorKind::kUsage, std::string(gguf::info(options.type).name) + " is no type to quantise to");
  }
  if (pack::is_packed(file))
    return fail(ErrorKind::kUsage, "the model is packed; quantise the file it was packed from");
  return Quantizer(file, sink, options, progress).run();
}

}  // namespace linnet::quantize
