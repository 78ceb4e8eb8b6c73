#include "models/gguf/writer.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "runtime/base/checked.h"

namespace linnet::gguf {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint32_t kVersion = 3;

// Bytes appended in the file's order.
class Encoder {
 public:
  template <class T>
  Encoder& number(T value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof(T));
    return *this;
  }
  Encoder& type(ValueType type) { return number(static_cast<std::uint32_t>(type)); }
  Encoder& raw(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Encoder& text(std::string_view text) {
    return number(std::uint64_t{text.size()}).raw(std::as_bytes(std::span(text.data(), text.size())));
  }
  Encoder& array(ValueType element, std::size_t count) {
    return type(ValueType::kArray).type(element).number(std::uint64_t{count});
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

template <class T>
std::vector<std::byte> number_array(ValueType element, std::span<const T> values) {
  return Encoder().array(element, values.size()).raw(std::as_bytes(values)).take();
}

std::optional<std::uint64_t> size_of_tensor(const TensorTypeInfo& type, std::span<const std::uint64_t> dims) {
  std::optional<std::uint64_t> weights = 1;
  for (const std::uint64_t dim : dims) weights = weights && dim != 0 ? checked_multiply(*weights, dim) : std::nullopt;
  if (!weights || dims.front() % type.block_weights != 0) return std::nullopt;
  return byte_size(type, *weights);
}

}  // namespace

Writer::Writer(std::uint32_t alignment) : alignment_(alignment) {
  assert(std::has_single_bit(alignment) && alignment >= 8 && alignment <= kMaxAlignment);
}

void Writer::set(std::string_view key, std::vector<std::byte> value) {
  assert(!key.empty() && key.size() <= kMaxKeyBytes);
  const auto [place, is_new] = entry_index_.try_emplace(std::string(key), entries_.size());
  if (is_new) {
    entries_.push_back({std::string(key), std::move(value)});
  } else {
    entries_[place->second].value = std::move(value);
  }
}

void Writer::set_u32(std::string_view key, std::uint32_t value) {
  set(key, Encoder().type(ValueType::kUint32).number(value).take());
}

void Writer::set_u64(std::string_view key, std::uint64_t value) {
  set(key, Encoder().type(ValueType::kUint64).number(value).take());
}

void Writer::set_f32(std::string_view key, float value) {
  set(key, Encoder().type(ValueType::kFloat32).number(value).take());
}

void Writer::set_boolean(std::string_view key, bool value) {
  set(key, Encoder().type(ValueType::kBool).number(std::uint8_t{value}).take());
}

void Writer::set_string(std::string_view key, std::string_view value) {
  set(key, Encoder().type(ValueType::kString).text(value).take());
}

void Writer::set_strings(std::string_view key, std::span<const std::string> values) {
  Encoder encoder;
  encoder.array(ValueType::kString, values.size());
  for (const auto& value : values) encoder.text(value);
  set(key, encoder.take());
}

void Writer::set_i32s(std::string_view key, std::span<const std::int32_t> values) {
  set(key, number_array(ValueType::kInt32, values));
}

void Writer::set_u64s(std::string_view key, std::span<const std::uint64_t> values) {
  set(key, number_array(ValueType::kUint64, values));
}

void Writer::set_f32s(std::string_view key, std::span<const float> values) {
  set(key, number_array(ValueType::kFloat32, values));
}

void Writer::copy(const Entry& entry) {
  const Value& value = entry.value;
  Encoder encoder;
  if (value.type == ValueType::kArray) {
    encoder.array(value.element, static_cast<std::size_t>(value.count));
  } else {
    encoder.type(value.type);
  }
  if (value.type == ValueType::kString) encoder.number(std::uint64_t{value.data.size()});
  set(entry.key, encoder.raw(value.data).take());
}

Result<std::size_t> Writer::add_tensor(std::string_view name, TensorType type, std::span<const std::uint64_t> dims) {
  assert(data_start_ == 0 && !dims.empty() && dims.size() <= 4);
  const std::string subject = "tensor " + quoted(name);
  if (name.empty() || name.size() > kMaxTensorNameBytes || tensors_.size() == kMaxTensors) {
    return fail(ErrorKind::kMalformed, subject + ": no room for it, or for its name, in a GGUF file");
  }
  const auto size = size_of_tensor(info(type), dims);
  const auto end = size ? checked_add(data_size_, *size) : std::nullopt;
  const auto padded = end ? checked_align(*end, alignment_) : std::nullopt;
  if (!padded) return fail(ErrorKind::kMalformed, subject + ": its shape is impossible for its type");
  if (!tensor_index_.try_emplace(std::string(name), tensors_.size()).second) {
    return fail(ErrorKind::kMalformed, subject + " occurs twice");
  }
  tensors_.push_back({std::string(name), type, {dims.begin(), dims.end()}, data_size_, *size});
  data_size_ = *padded;
  return tensors_.size() - 1;
}

std::vector<std::byte> Writer::encode_header() const {
  Encoder encoder;
  encoder.number(kMagic).number(kVersion);
  encoder.number(std::uint64_t{tensors_.size()}).number(std::uint64_t{entries_.size()});
  for (const auto& entry : entries_) encoder.text(entry.key).raw(entry.value);
  for (const auto& tensor : tensors_) {
    encoder.text(tensor.name).number(static_cast<std::uint32_t>(tensor.dims.size()));
    encoder.raw(std::as_bytes(std::span(tensor.dims)));
    encoder.number(static_cast<std::uint32_t>(tensor.type)).number(tensor.offset);
  }
  return encoder.take();
}

Result<void> Writer::begin(Sink& sink) {
  assert(data_start_ == 0);
  // Here and not in the constructor, so that a copied entry keeps its place.
  if (alignment_ != kDefaultAlignment || entry_index_.contains("general.alignment")) {
    set_u32("general.alignment", alignment_);
  }
  const auto header = encode_header();
  data_start_ = *checked_align(header.size(), alignment_);
  const auto total = checked_add(data_start_, data_size_);
  if (!total) return fail(ErrorKind::kMalformed, "the tensors do not fit any file");
  file_bytes_ = *total;
  LINNET_CHECK(sink.reserve(file_bytes_));
  return sink.write_at(0, header);
}

Result<void> Writer::write(Sink& sink, std::size_t index, std::uint64_t offset,
                           std::span<const std::byte> bytes) const {
  assert(data_start_ != 0 && index < tensors_.size());
  const PlacedTensor& tensor = tensors_[index];
  assert(fits_inside(offset, bytes.size(), tensor.size));
  return sink.write_at(data_start_ + tensor.offset + offset, bytes);
}

Result<void> Writer::rewrite_header(Sink& sink) const {
  const auto header = encode_header();
  assert(*checked_align(header.size(), alignment_) == data_start_);
  return sink.write_at(0, header);
}

}  // namespace linnet::gguf
