#include "models/pack/pack.h"

#include <array>
#include <string>
#include <vector>

#include "models/gguf/writer.h"
#include "models/pack/bands.h"
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

// One run of pack(): what it reads, where it writes, and the arrays of linnet.pack.tensor.* as they grow.
class Packer {
 public:
  Packer(const gguf::Reader& file, gguf::Sink& sink, Hasher& hasher, gguf::Progress progress)
      : file_(file), sink_(sink), hasher_(hasher), writer_(kernels::kPanelAlignment), progress_(progress) {}

  [[nodiscard]] Result<PackSummary> run();

 private:
  void describe_file();
  [[nodiscard]] Result<void> declare(const gguf::Tensor& tensor);
  void set_arrays();
  [[nodiscard]] Result<void> write(std::size_t index, Meter& meter);
  [[nodiscard]] Result<void> write_rows(std::size_t index, Meter& meter);
  [[nodiscard]] Result<void> write_panels(std::size_t index, Meter& meter);
  [[nodiscard]] Result<void> put(std::size_t index, std::size_t offset, std::span<const std::byte> bytes);

  const gguf::Reader& file_;
  gguf::Sink& sink_;
  Hasher& hasher_;
  gguf::Writer writer_;
  gguf::Progress progress_;
  std::vector<Layout> layouts_;
  std::vector<std::string> hashes_;
  std::vector<std::byte> band_;
  std::uint64_t bytes_in_all_ = 0;
  PackSummary summary_;
};

Result<PackSummary> Packer::run() {
  describe_file();
  for (const auto& tensor : file_.tensors()) LINNET_CHECK(declare(tensor));
  hashes_.assign(file_.tensors().size(), to_hex(Digest{}));
  set_arrays();
  LINNET_CHECK(writer_.begin(sink_));
  Meter meter(progress_, bytes_in_all_);
  for (std::size_t i = 0; i < file_.tensors().size(); ++i) LINNET_CHECK(write(i, meter));
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
  const auto& type = *tensor.type;
  // Integer tensors and the like are carried along; a quantised one that no kernel reads makes the model useless.
  if (!kept_format(type.type) && type.block_weights > 1) {
    return fail(ErrorKind::kUnsupported, "tensor " + gguf::quoted(tensor.name) + " is of type " +
                                             std::string(type.name) + ", which this build cannot pack");
  }
  const Layout layout = packed_layout(file_, tensor);
  layouts_.push_back(layout);
  bytes_in_all_ += tensor.data.size();
  if (layout == Layout::kRows) {
    return writer_.add_tensor(tensor.name, type.type, std::span(tensor.dims).first(tensor.rank)).map([](auto) {});
  }
  ++summary_.in_panels;
  const auto rows = static_cast<std::size_t>(tensor.rows());  // The data lies in memory: its counts fit.
  const std::array<std::uint64_t, 1> size = {
      kernels::panel_bytes(*kept_format(type.type), rows, static_cast<std::size_t>(tensor.columns()))};
  return writer_.add_tensor(tensor.name, gguf::TensorType::kI8, size).map([](auto) {});
}

void Packer::set_arrays() {
  std::vector<std::string> names;
  std::vector<std::string> types;
  std::vector<std::string> layouts;
  std::vector<std::uint64_t> dims;
  for (std::size_t i = 0; i < layouts_.size(); ++i) {
    const auto& tensor = file_.tensors()[i];
    names.emplace_back(tensor.name);
    types.emplace_back(tensor.type->name);
    layouts.emplace_back(name_of(layouts_[i]));
    for (std::size_t d = 0; d < tensor.dims.size(); ++d) dims.push_back(d < tensor.rank ? tensor.dims[d] : 0);
  }
  writer_.set_strings(kNamesKey, names);
  writer_.set_strings(kTypesKey, types);
  writer_.set_u64s(kDimsKey, dims);
  writer_.set_strings(kLayoutsKey, layouts);
  writer_.set_strings(kHashesKey, hashes_);
}

Result<void> Packer::write(std::size_t index, Meter& meter) {
  hasher_.begin();
  if (layouts_[index] == Layout::kRows) {
    LINNET_CHECK(write_rows(index, meter));
  } else {
    LINNET_CHECK(write_panels(index, meter));
  }
  hashes_[index] = to_hex(hasher_.finish());
  return {};
}

Result<void> Packer::write_rows(std::size_t index, Meter& meter) {
  return for_pieces(file_.tensors()[index].data, [&](auto piece, std::size_t offset) -> Result<void> {
    LINNET_CHECK(put(index, offset, piece));
    return meter.add(piece.size());
  });
}

Result<void> Packer::write_panels(std::size_t index, Meter& meter) {
  const auto& tensor = file_.tensors()[index];
  const auto format = *kept_format(tensor.type->type);
  const auto columns = static_cast<std::size_t>(tensor.columns());
  const Bands bands(format, static_cast<std::size_t>(tensor.rows()), columns);
  for (std::size_t i = 0; i < bands.count(); ++i) {
    const auto band = bands[i];
    band_.resize(band.panel_size);
    kernels::pack_panels(format, tensor.data.data() + band.row_offset, band.rows, columns, band_.data());
    LINNET_CHECK(put(index, band.panel_offset, band_));
    LINNET_CHECK(meter.add(band.row_size));
  }
  return {};
}

Result<void> Packer::put(std::size_t index, std::size_t offset, std::span<const std::byte> bytes) {
  hasher_.update(bytes);
  return writer_.write(sink_, index, offset, bytes);
}

}  // namespace

Result<PackSummary> pack(const gguf::Reader& file, gguf::Sink& sink, Hasher& hasher, gguf::Progress progress,
                         std::string_view layout) {
  if (layout != name_of(Layout::kPanels)) {
    return fail(ErrorKind::kUsage, "there is no layout " + gguf::quoted(layout) + "; use panel16");
  }
  if (is_packed(file)) return fail(ErrorKind::kUsage, "the model is packed already");
  return Packer(file, sink, hasher, progress).run();
}

}  // namespace linnet::pack
