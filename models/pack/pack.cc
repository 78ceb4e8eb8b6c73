#include "models/pack/pack.h"

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/gguf/writer.h"
#include "models/pack/bands.h"
#include "models/pack/conversion.h"
#include "models/pack/layout.h"
#include "runtime/base/checked.h"

namespace linnet::pack {
namespace {

std::string to_hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += kDigits[static_cast<std::size_t>(byte) >> 4];
    text += kDigits[static_cast<std::size_t>(byte) & 15];
  }
  return text;
}

// A tensor of the file and what becomes of it.
struct Source {
  const gguf::Tensor* tensor;
  const Conversion* conversion;  // Or null.
  const gguf::TensorTypeInfo* type;
  Layout layout;

  [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(tensor->rows()); }
  [[nodiscard]] std::size_t columns() const { return static_cast<std::size_t>(tensor->columns()); }
};

// One run of pack(): what it reads, where it writes, and the arrays of linnet.pack.tensor.* as they grow.
class Packer {
 public:
  Packer(const gguf::Reader& file, std::span<const Section> sections, gguf::Sink& sink, Hasher& hasher,
         gguf::Progress progress)
      : file_(file),
        sections_(sections),
        sink_(sink),
        hasher_(hasher),
        writer_(kernels::kPanelAlignment),
        progress_(progress) {}

  [[nodiscard]] Result<PackSummary> run();

 private:
  void describe_file();
  [[nodiscard]] Result<void> declare(const gguf::Tensor& tensor);
  [[nodiscard]] Result<void> declare(const Section& section);
  void set_arrays();
  [[nodiscard]] Result<void> write(std::size_t index, Meter& meter);
  [[nodiscard]] Result<void> write(const Section& section, std::size_t index, Meter& meter);
  [[nodiscard]] Result<void> write_as_it_is(std::size_t index, std::span<const std::byte> bytes, Meter& meter);
  [[nodiscard]] Result<void> write_bands(std::size_t index, Meter& meter);
  [[nodiscard]] const std::byte* in_kept_format(const Source& source, std::span<const std::byte> rows);
  [[nodiscard]] Result<void> put(std::size_t index, std::size_t offset, std::span<const std::byte> bytes);

  const gguf::Reader& file_;
  std::span<const Section> sections_;
  gguf::Sink& sink_;
  Hasher& hasher_;
  gguf::Writer writer_;
  gguf::Progress progress_;
  std::vector<Source> sources_;
  std::vector<std::string> hashes_;
  std::vector<std::byte> band_;
  std::vector<std::byte> converted_;
  std::uint64_t bytes_in_all_ = 0;
  PackSummary summary_;
};

Result<PackSummary> Packer::run() {
  describe_file();
  for (const auto& tensor : file_.tensors()) LINNET_CHECK(declare(tensor));
  for (const Section& section : sections_) LINNET_CHECK(declare(section));
  hashes_.assign(sources_.size() + sections_.size(), to_hex(Digest{}));
  set_arrays();
  LINNET_CHECK(writer_.begin(sink_));
  Meter meter(progress_, bytes_in_all_);
  for (std::size_t i = 0; i < sources_.size(); ++i) LINNET_CHECK(write(i, meter));
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    LINNET_CHECK(write(sections_[i], sources_.size() + i, meter));
  }
  writer_.set_strings(kHashesKey, hashes_);
  LINNET_CHECK(writer_.rewrite_header(sink_));
  summary_.tensors = file_.tensors().size();
  summary_.file_bytes = writer_.file_bytes();
  return summary_;
}

void Packer::describe_file() {
  for (const auto& entry : file_.entries()) {
    if (!entry.key.starts_with(kKeyPrefix)) writer_.copy(entry);
  }
  writer_.set_u32(kVersionKey, kVersion);
  writer_.set_string(kLayoutKey, name_of(Layout::kPanels));
  writer_.set_u32(kAlignmentKey, file_.contains("general.alignment") ? file_.alignment() : 0);
}

Result<void> Packer::declare(const gguf::Tensor& tensor) {
  const Conversion* conversion = find_conversion(tensor.type->type);
  // Integer tensors and the like are carried along; a quantised one that no kernel reads makes the model useless.
  if (!packed_format(tensor.type->type) && tensor.type->block_weights > 1) {
    return fail(ErrorKind::kUnsupported, "tensor " + gguf::quoted(tensor.name) + " is of type " +
                                             std::string(tensor.type->name) + ", which this build cannot pack");
  }
  const gguf::TensorTypeInfo* type = conversion != nullptr ? &tensor_type_of(conversion->to) : tensor.type;
  const Source source{&tensor, conversion, type, packed_layout(file_, tensor)};
  sources_.push_back(source);
  bytes_in_all_ += tensor.data.size();
  if (conversion != nullptr) {
    summary_.converted.push_back({std::string(tensor.name), tensor.type->name, type->name, conversion->keeps_weights});
  }
  if (source.layout == Layout::kRows) {
    return writer_.add_tensor(tensor.name, type->type, std::span(tensor.dims).first(tensor.rank)).map([](auto) {});
  }
  ++summary_.in_panels;
  // The data lies in memory: its counts fit.
  const std::array<std::uint64_t, 1> size = {
      kernels::panel_bytes(*kept_format(type->type), source.rows(), source.columns())};
  return writer_.add_tensor(tensor.name, gguf::TensorType::kI8, size).map([](auto) {});
}

Result<void> Packer::declare(const Section& section) {
  bytes_in_all_ += section.bytes.size();
  const std::array<std::uint64_t, 1> size = {section.bytes.size()};
  return writer_.add_tensor(section.name, gguf::TensorType::kI8, size).map([](auto) {});
}

void Packer::set_arrays() {
  std::vector<std::string> names;
  std::vector<std::string> types;
  std::vector<std::string> layouts;
  std::vector<std::string> converted;
  std::vector<std::uint64_t> dims;
  for (const Source& source : sources_) {
    const gguf::Tensor& tensor = *source.tensor;
    names.emplace_back(tensor.name);
    types.emplace_back(source.type->name);
    layouts.emplace_back(name_of(source.layout));
    converted.emplace_back(source.conversion != nullptr ? tensor.type->name : std::string_view{});
    for (std::size_t d = 0; d < tensor.dims.size(); ++d) dims.push_back(d < tensor.rank ? tensor.dims[d] : 0);
  }
  for (const Section& section : sections_) {
    names.emplace_back(section.name);
    types.emplace_back(gguf::info(gguf::TensorType::kI8).name);
    layouts.emplace_back(name_of(Layout::kRows));
    converted.emplace_back();
    dims.insert(dims.end(), {section.bytes.size(), 0, 0, 0});
  }
  writer_.set_strings(kNamesKey, names);
  writer_.set_strings(kTypesKey, types);
  writer_.set_u64s(kDimsKey, dims);
  writer_.set_strings(kLayoutsKey, layouts);
  if (!summary_.converted.empty()) writer_.set_strings(kConvertedKey, converted);
  writer_.set_strings(kHashesKey, hashes_);
}

Result<void> Packer::write(std::size_t index, Meter& meter) {
  hasher_.begin();
  const Source& source = sources_[index];
  if (source.layout == Layout::kRows && source.conversion == nullptr) {
    LINNET_CHECK(write_as_it_is(index, source.tensor->data, meter));
  } else {
    LINNET_CHECK(write_bands(index, meter));
  }
  hashes_[index] = to_hex(hasher_.finish());
  return {};
}

Result<void> Packer::write(const Section& section, std::size_t index, Meter& meter) {
  hasher_.begin();
  LINNET_CHECK(write_as_it_is(index, section.bytes, meter));
  hashes_[index] = to_hex(hasher_.finish());
  return {};
}

Result<void> Packer::write_as_it_is(std::size_t index, std::span<const std::byte> bytes, Meter& meter) {
  return for_pieces(bytes, [&](auto piece, std::size_t offset) -> Result<void> {
    LINNET_CHECK(put(index, offset, piece));
    return meter.add(piece.size());
  });
}

// Band after band: converted where that is needed, then in panels or as rows.
Result<void> Packer::write_bands(std::size_t index, Meter& meter) {
  const Source& source = sources_[index];
  const auto format = *kept_format(source.type->type);
  const std::size_t row_size = source.tensor->data.size() / source.rows();
  const Bands bands(format, source.rows(), source.columns());
  std::size_t read = 0;
  for (std::size_t i = 0; i < bands.count(); ++i) {
    const auto band = bands[i];
    const auto original = source.tensor->data.subspan(read, band.rows * row_size);
    read += original.size();
    const std::byte* const rows = in_kept_format(source, original);
    if (source.layout == Layout::kRows) {
      LINNET_CHECK(put(index, band.row_offset, {rows, band.row_size}));
    } else {
      band_.resize(band.panel_size);
      kernels::pack_panels(format, rows, band.rows, source.columns(), band_.data());
      LINNET_CHECK(put(index, band.panel_offset, band_));
    }
    LINNET_CHECK(meter.add(original.size()));
  }
  return {};
}

const std::byte* Packer::in_kept_format(const Source& source, std::span<const std::byte> rows) {
  if (source.conversion == nullptr) return rows.data();
  const std::size_t blocks = rows.size() / gguf::info(source.conversion->from).block_bytes;
  converted_.resize(converted_bytes(*source.conversion, blocks));
  convert_blocks(*source.conversion, rows.data(), blocks, converted_.data());
  return converted_.data();
}

Result<void> Packer::put(std::size_t index, std::size_t offset, std::span<const std::byte> bytes) {
  hasher_.update(bytes);
  return writer_.write(sink_, index, offset, bytes);
}

}  // namespace

std::string conversion_text(std::span<const ConvertedTensor> converted) {
  std::map<std::pair<std::string_view, std::string_view>, std::pair<std::size_t, bool>> kinds;
  for (const ConvertedTensor& tensor : converted) {
    auto& [count, keeps_weights] = kinds[{tensor.from, tensor.to}];
    ++count;
    keeps_weights = tensor.keeps_weights;
  }
  std::string text;
  for (const auto& [types, kind] : kinds) {
    text += std::to_string(kind.first) + (kind.first == 1 ? " tensor" : " tensors") + " of type ";
    text.append(types.first).append(" became ").append(types.second);
    text += kind.second ? ", which keeps every weight\n" : ", which rounds them\n";
  }
  return text;
}

Result<PackSummary> pack(const gguf::Reader& file, gguf::Sink& sink, Hasher& hasher, gguf::Progress progress,
                         std::string_view layout, std::span<const Section> sections) {
  if (layout != name_of(Layout::kPanels)) {
    return fail(ErrorKind::kUsage, "there is no layout " + gguf::quoted(layout) + "; use panel16");
  }
  if (is_packed(file)) return fail(ErrorKind::kUsage, "the model is packed already");
  return Packer(file, sections, sink, hasher, progress).run();
}

}  // namespace linnet::pack
