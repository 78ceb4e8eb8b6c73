#include <vector>

#include "models/gguf/writer.h"
#include "models/pack/bands.h"
#include "models/pack/pack.h"
#include "models/pack/packed_view.h"

namespace linnet::pack {
namespace {

tl::unexpected<Error> not_packed() { return fail(ErrorKind::kUsage, "the model is not packed"); }

std::uint64_t stored_bytes(std::span<const PackedTensor* const> tensors) {
  std::uint64_t sum = 0;
  for (const auto* tensor : tensors) sum += tensor->stored->data.size();
  return sum;
}

// The alignment that the file had before, and whether a key said so.
struct OldAlignment {
  std::uint32_t bytes = gguf::kDefaultAlignment;
  bool has_key = false;
};

Result<OldAlignment> old_alignment(const gguf::Reader& file) {
  LINNET_TRY(const auto alignment, file.u32(kAlignmentKey));
  if (alignment == 0) return OldAlignment{};
  const bool power_of_two = (alignment & (alignment - 1)) == 0;
  if (!power_of_two || alignment < 8 || alignment > gguf::kMaxAlignment) {
    return fail(ErrorKind::kMalformed, "key 'linnet.pack.alignment' is no alignment");
  }
  return OldAlignment{alignment, true};
}

void copy_metadata(const gguf::Reader& file, const OldAlignment& alignment, gguf::Writer& writer) {
  for (const auto& entry : file.entries()) {
    const bool added_by_packing =
        entry.key.starts_with(kKeyPrefix) || (entry.key == "general.alignment" && !alignment.has_key);
    if (!added_by_packing) writer.copy(entry);
  }
}

Result<void> write_from_panels(const PackedTensor& tensor, std::size_t index, const gguf::Writer& writer,
                               gguf::Sink& sink, Meter& meter) {
  const auto format = *kept_format(tensor.type->type);
  const auto columns = static_cast<std::size_t>(tensor.columns());
  const Bands bands(format, static_cast<std::size_t>(tensor.rows()), columns);
  std::vector<std::byte> rows;
  for (std::size_t i = 0; i < bands.count(); ++i) {
    const auto band = bands[i];
    rows.resize(band.row_size);
    kernels::unpack_panels(format, tensor.stored->data.data() + band.panel_offset, band.rows, columns, rows.data());
    LINNET_CHECK(writer.write(sink, index, band.row_offset, rows));
    LINNET_CHECK(meter.add(band.panel_size));
  }
  return {};
}

Result<void> write_rows(const PackedTensor& tensor, std::size_t index, const gguf::Writer& writer, gguf::Sink& sink,
                        Meter& meter) {
  return for_pieces(tensor.stored->data, [&](auto piece, std::size_t offset) -> Result<void> {
    LINNET_CHECK(writer.write(sink, index, offset, piece));
    return meter.add(piece.size());
  });
}

int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool equals_hex(const Digest& digest, std::string_view hex) {
  for (std::size_t i = 0; i < digest.size(); ++i) {
    if (digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]) != static_cast<int>(digest[i])) return false;
  }
  return true;
}

}  // namespace

Result<PackSummary> unpack(const gguf::Reader& file, gguf::Sink& sink, gguf::Progress progress) {
  if (!is_packed(file)) return not_packed();
  LINNET_TRY(const auto view, PackedView::open(file));
  LINNET_TRY(const auto alignment, old_alignment(file));
  gguf::Writer writer(alignment.bytes);
  copy_metadata(file, alignment, writer);
  PackSummary summary;
  std::vector<const PackedTensor*> kept;
  for (const auto& tensor : view.tensors()) {
    if (is_section(*tensor.stored)) continue;
    kept.push_back(&tensor);
    const auto dims = std::span(tensor.dims).first(tensor.rank);
    LINNET_TRY([[maybe_unused]] const auto index, writer.add_tensor(tensor.stored->name, tensor.type->type, dims));
    summary.in_panels += tensor.layout == Layout::kPanels ? 1U : 0U;
  }
  LINNET_CHECK(writer.begin(sink));
  Meter meter(progress, stored_bytes(kept));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto write = kept[i]->layout == Layout::kPanels ? write_from_panels : write_rows;
    LINNET_CHECK(write(*kept[i], i, writer, sink, meter));
  }
  summary.tensors = kept.size();
  summary.file_bytes = writer.file_bytes();
  return summary;
}

Result<std::size_t> verify(const gguf::Reader& file, Hasher& hasher, gguf::Progress progress) {
  if (!is_packed(file)) return not_packed();
  LINNET_TRY(const auto view, PackedView::open(file));
  std::uint64_t size = 0;
  for (const auto& tensor : view.tensors()) size += tensor.stored->data.size();
  Meter meter(progress, size);
  for (const auto& tensor : view.tensors()) {
    hasher.begin();
    LINNET_CHECK(for_pieces(tensor.stored->data, [&](auto piece, std::size_t) -> Result<void> {
      hasher.update(piece);
      return meter.add(piece.size());
    }));
    if (!equals_hex(hasher.finish(), tensor.hash)) {
      return fail(ErrorKind::kMalformed, "tensor " + gguf::quoted(tensor.stored->name) +
                                             ": its bytes are not those that were packed (BLAKE2b differs)");
    }
  }
  return view.tensors().size();
}

}  // namespace linnet::pack
