#include "models/pack/packed_view.h"

#include <algorithm>
#include <optional>
#include <string>

#include "models/pack/conversion.h"
#include "runtime/base/checked.h"

namespace linnet::pack {
namespace {

constexpr std::size_t kHashCharacters = 64;

std::string subject(const PackedTensor& tensor) { return "tensor " + gguf::quoted(tensor.stored->name); }

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(ErrorKind::kMalformed, what + "; pack the model again");
}

const gguf::TensorTypeInfo* find_type(std::string_view name) {
  const auto types = gguf::tensor_types();
  const auto found = std::ranges::find(types, name, &gguf::TensorTypeInfo::name);
  const bool stored = found != types.end() && found->block_weights != 0 && find_conversion(found->type) == nullptr;
  return stored ? &*found : nullptr;
}

// Bytes of the tensor in panels, or nothing where it has none or they do not fit 64 bits.
std::optional<std::uint64_t> panel_size(const PackedTensor& tensor) {
  const auto format = kept_format(tensor.type->type);
  if (!format || kernels::info(*format).panel_block_bytes == 0) return std::nullopt;
  const auto rows = checked_align(tensor.rows(), kernels::kPanelRows);
  if (!rows) return std::nullopt;
  const auto blocks = checked_multiply(*rows / kernels::kPanelRows, tensor.columns() / tensor.type->block_weights);
  return blocks ? checked_multiply(*blocks, kernels::info(*format).panel_block_bytes) : std::nullopt;
}

// Takes what the arrays of strings say about the tensor.
Result<void> read_texts(std::string_view name, std::string_view type, std::string_view layout, std::string_view hash,
                        PackedTensor& tensor) {
  tensor.type = find_type(type);
  tensor.hash = hash;
  const auto known_layout = find_layout(layout);
  tensor.layout = known_layout.value_or(Layout::kRows);
  const bool right = name == tensor.stored->name && tensor.type != nullptr && known_layout;
  if (right && hash.size() == kHashCharacters) return {};
  return malformed(subject(tensor) + ": its name, type, layout or hash in linnet.pack.tensor.* is wrong");
}

// Takes four dimensions from the array (those past the rank are 0) and checks that they multiply and are whole blocks.
bool read_shape(const gguf::NumberArray<std::int64_t>& numbers, std::size_t first, PackedTensor& tensor) {
  std::uint64_t weights = 1;
  tensor.rank = 0;
  for (std::size_t i = 0; i < tensor.dims.size() && numbers[first + i] != 0; ++i) {
    const std::int64_t dim = numbers[first + i];
    const auto product = checked_multiply(weights, static_cast<std::uint64_t>(dim));
    if (dim < 0 || !product) return false;
    weights = *product;
    tensor.dims[i] = static_cast<std::uint64_t>(dim);
    ++tensor.rank;
  }
  return tensor.rank > 0 && tensor.columns() % tensor.type->block_weights == 0;
}

Result<void> check_stored(const PackedTensor& tensor) {
  const auto& stored = *tensor.stored;
  if (tensor.layout == Layout::kRows) {
    if (stored.type == tensor.type && stored.dims == tensor.dims && stored.rank == tensor.rank) return {};
    return malformed(subject(tensor) + ": its shape or type is not what linnet.pack.* says");
  }
  const auto size = panel_size(tensor);
  const bool opaque = stored.type->type == gguf::TensorType::kI8;
  if (opaque && size == stored.data.size() && stored.offset % kernels::kPanelAlignment == 0) return {};
  return malformed(subject(tensor) + ": its size, type or place is not that of its panels");
}

Result<void> check_version(const gguf::Reader& file) {
  LINNET_TRY(const auto version, file.u32(kVersionKey));
  LINNET_TRY(const auto layout, file.string(kLayoutKey));
  if (version == kVersion && layout == name_of(Layout::kPanels)) return {};
  return fail(ErrorKind::kUnsupported, "packed in version " + std::to_string(version) + ", layout " +
                                           gguf::quoted(layout) +
                                           ", which this build does not read; pack the model again");
}

}  // namespace

Result<PackedView> PackedView::open(const gguf::Reader& file) {
  PackedView view(file);
  view.packed_ = is_packed(file);
  view.tensors_.reserve(file.tensors().size());
  if (view.packed_) {
    LINNET_CHECK(view.read_packed());
  } else {
    LINNET_CHECK(view.read_plain());
  }
  return view;
}

Result<void> PackedView::read_plain() {
  for (const auto& tensor : file_->tensors()) {
    tensors_.push_back({&tensor, tensor.type, tensor.rank, tensor.dims, Layout::kRows, {}});
  }
  return {};
}

Result<void> PackedView::read_packed() {
  LINNET_CHECK(check_version(*file_));
  LINNET_TRY(const auto names, file_->strings(kNamesKey));
  LINNET_TRY(const auto types, file_->strings(kTypesKey));
  LINNET_TRY(const auto layouts, file_->strings(kLayoutsKey));
  LINNET_TRY(const auto hashes, file_->strings(kHashesKey));
  LINNET_TRY(const auto dims, file_->integers(kDimsKey));
  const std::size_t count = file_->tensors().size();
  const bool complete = names.size() == count && types.size() == count && layouts.size() == count &&
                        hashes.size() == count && dims.size() == 4 * count;
  if (!complete) return malformed("the arrays of linnet.pack.tensor.* do not have one element a tensor");

  auto name = names.begin();
  auto type = types.begin();
  auto layout = layouts.begin();
  auto hash = hashes.begin();
  for (std::size_t i = 0; i < count; ++i, ++name, ++type, ++layout, ++hash) {
    PackedTensor tensor;
    tensor.stored = &file_->tensors()[i];
    LINNET_CHECK(read_texts(*name, *type, *layout, *hash, tensor));
    if (!read_shape(dims, 4 * i, tensor)) {
      return malformed(subject(tensor) + ": its shape in linnet.pack.tensor.dims is wrong");
    }
    LINNET_CHECK(check_stored(tensor));
    tensors_.push_back(tensor);
  }
  return {};
}

bool PackedView::needs_packing() const {
  if (packed_) return false;
  return std::ranges::any_of(file_->tensors(), [this](const gguf::Tensor& tensor) {
    return packed_layout(*file_, tensor) != Layout::kRows || find_conversion(tensor.type->type) != nullptr;
  });
}

const PackedTensor* PackedView::find(std::string_view name) const {
  const gguf::Tensor* stored = file_->find_tensor(name);
  return stored == nullptr ? nullptr : &tensors_[static_cast<std::size_t>(stored - file_->tensors().data())];
}

Result<WeightData> PackedView::weight(std::string_view name) const {
  const PackedTensor* tensor = find(name);
  if (tensor == nullptr)
    return fail(ErrorKind::kMalformed, "tensor " + gguf::quoted(name) + " is missing from the file");
  const auto format = packed_format(tensor->type->type);
  if (!format) {
    return fail(ErrorKind::kUnsupported, subject(*tensor) + " is of type " + std::string(tensor->type->name) +
                                             ", which no kernel reads; quantise the model to another type");
  }
  const bool converted = find_conversion(tensor->type->type) != nullptr;
  if (!packed_ && (converted || packed_layout(*file_, *tensor->stored) != Layout::kRows)) {
    return fail(ErrorKind::kUnsupported, subject(*tensor) + " needs packing: run 'linnet pack' on the model first");
  }
  const auto rows = checked_narrow<std::size_t>(tensor->rows());
  const auto columns = checked_narrow<std::size_t>(tensor->columns());
  if (!rows || !columns) return fail(ErrorKind::kUnsupported, subject(*tensor) + " is too large for this machine");
  return WeightData{*format, tensor->layout, *rows, *columns, tensor->stored->data};
}

}  // namespace linnet::pack
