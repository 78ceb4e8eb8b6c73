#include "models/gguf/parser.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace linnet::gguf {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
// The least bytes that an entry and a tensor take: counts that the rest of the file cannot hold are refused
// unallocated.
constexpr std::uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
constexpr std::uint32_t kMinAlignment = 8;  // The specification's; also keeps every element type aligned.

std::string_view characters(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Indices of `items` ordered by the text that `name` gives; the position of a repeated text, if there is one.
template <class Item, class Name>
std::optional<std::uint32_t> order_by(const std::vector<Item>& items, Name name, std::vector<std::uint32_t>& order) {
  order.resize(items.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto text = [&](std::uint32_t index) { return name(items[index]); };
  std::ranges::sort(order, {}, text);
  const auto twice = std::ranges::adjacent_find(order, {}, text);
  return twice == order.end() ? std::nullopt : std::optional(*twice);
}

}  // namespace

tl::unexpected<Error> Parser::refuse(ErrorKind kind, std::string_view what) const {
  std::string message = "byte " + std::to_string(cursor_.position()) + ": ";
  if (!subject_.empty()) message += subject_ + ": ";
  return fail(kind, message.append(what));
}

tl::unexpected<Error> Parser::ends_inside(std::string_view what) const {
  return malformed("the file ends inside " + std::string(what) + ": it is truncated");
}

tl::unexpected<Error> Parser::too_long(TextRule rule, std::uint64_t length) const {
  return malformed(std::string(rule.what) + " is " + std::to_string(length) + " bytes long, over the limit of " +
                   std::to_string(rule.max_bytes));
}

Result<Reader> Parser::parse() {
  LINNET_CHECK(read_preamble());
  LINNET_CHECK(read_entries(entry_count_));
  LINNET_CHECK(read_alignment());
  LINNET_CHECK(read_tensor_infos(tensor_count_));
  LINNET_CHECK(index_names());
  LINNET_CHECK(place_tensors());
  return std::move(reader_);
}

Result<void> Parser::read_preamble() {
  const auto magic = cursor_.take<std::uint32_t>();
  if (magic != kMagic) return fail(ErrorKind::kMalformed, "byte 0: this is not a GGUF file");
  const auto version = cursor_.take<std::uint32_t>();
  if (!version) return ends_inside("the version");
  LINNET_CHECK(check_version(*version));
  reader_.version_ = *version;
  const auto tensors = cursor_.take<std::uint64_t>();
  const auto entries = cursor_.take<std::uint64_t>();
  if (!tensors || !entries) return ends_inside("the counts");
  if (*tensors > kMaxTensors || *tensors > cursor_.left() / kMinTensorBytes) {
    return malformed(std::to_string(*tensors) + " tensors are declared, more than the file can hold");
  }
  if (*entries > kMaxEntries || *entries > cursor_.left() / kMinEntryBytes) {
    return malformed(std::to_string(*entries) + " keys are declared, more than the file can hold");
  }
  tensor_count_ = *tensors;
  entry_count_ = *entries;
  return {};
}

Result<void> Parser::check_version(std::uint32_t version) const {
  if (version == 2 || version == 3) return {};
  const std::uint32_t swapped = __builtin_bswap32(version);
  if (swapped >= 1 && swapped <= 3) {
    return refuse(ErrorKind::kUnsupported, "a big-endian GGUF file; convert it to little-endian");
  }
  return refuse(ErrorKind::kUnsupported,
                "GGUF version " + std::to_string(version) + "; versions 2 and 3 are read, convert the model again");
}

Result<void> Parser::read_entries(std::uint64_t count) {
  reader_.entries_.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    subject_ = "key " + std::to_string(i);
    LINNET_TRY(const auto key, read_text({"the name", kMaxKeyBytes}));
    if (key.empty()) return malformed("the name is empty");
    subject_ = "key " + quoted(characters(key));
    LINNET_TRY(const auto value, read_value());
    reader_.entries_.push_back({characters(key), value});
  }
  subject_.clear();
  return {};
}

Result<std::span<const std::byte>> Parser::read_text(TextRule rule) {
  const auto length = cursor_.take<std::uint64_t>();
  if (!length) return ends_inside("a length");
  if (*length > rule.max_bytes) return too_long(rule, *length);
  const auto text = cursor_.take_bytes(*length);
  if (!text) return ends_inside(rule.what);
  return *text;
}

Result<ValueType> Parser::read_value_type() {
  const auto type = cursor_.take<std::uint32_t>();
  if (!type) return ends_inside("a type");
  if (*type >= kValueTypes) return malformed("value type " + std::to_string(*type) + " does not exist");
  return static_cast<ValueType>(*type);
}

Result<Value> Parser::read_value() {
  LINNET_TRY(const auto type, read_value_type());
  if (type == ValueType::kArray) return read_array();
  if (type == ValueType::kString) {
    LINNET_TRY(const auto text, read_text({"the text", kMaxStringBytes}));
    return Value{type, type, 1, text};
  }
  LINNET_TRY(const auto data, read_elements(type, 1));
  return Value{type, type, 1, data};
}

Result<Value> Parser::read_array() {
  LINNET_TRY(const auto element, read_value_type());
  if (element == ValueType::kArray) return malformed("arrays of arrays are not read");
  const auto count = cursor_.take<std::uint64_t>();
  if (!count) return ends_inside("an array's length");
  if (*count > kMaxArrayElements) {
    return malformed("an array of " + std::to_string(*count) + " elements is over the limit of " +
                     std::to_string(kMaxArrayElements));
  }
  LINNET_TRY(const auto data, read_elements(element, *count));
  return Value{ValueType::kArray, element, *count, data};
}

Result<std::span<const std::byte>> Parser::read_elements(ValueType element, std::uint64_t count) {
  if (element != ValueType::kString) {
    // Caps keep the product far below 2^64: 2^26 elements of 8 bytes.
    const auto data = cursor_.take_bytes(count * size_of(element));
    if (!data) return ends_inside("the value");
    return *data;
  }
  const std::size_t start = cursor_.position();  // A vocabulary has some 300,000 of them: no Result for each.
  if (count > cursor_.left() / sizeof(std::uint64_t)) return ends_inside("an array of strings");
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = cursor_.take<std::uint64_t>();
    if (!length) return ends_inside("a length");
    if (*length > kMaxStringBytes) return too_long({"a string", kMaxStringBytes}, *length);
    if (!cursor_.take_bytes(*length)) return ends_inside("a string");
  }
  return reader_.bytes_.subspan(start, cursor_.position() - start);
}

Result<void> Parser::read_alignment() {
  const auto entry = std::ranges::find(reader_.entries_, "general.alignment", &Entry::key);
  if (entry == reader_.entries_.end()) return {};
  subject_ = "key 'general.alignment'";
  if (entry->value.type != ValueType::kUint32) return malformed("not a uint32");
  const std::uint32_t alignment = NumberArray<std::uint32_t>(entry->value)[0];
  if (!std::has_single_bit(alignment) || alignment < kMinAlignment || alignment > kMaxAlignment) {
    return malformed(std::to_string(alignment) + " is not a power of two from 8 to " + std::to_string(kMaxAlignment));
  }
  reader_.alignment_ = alignment;
  subject_.clear();
  return {};
}

Result<void> Parser::read_tensor_infos(std::uint64_t count) {
  reader_.tensors_.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    subject_ = "tensor " + std::to_string(i);
    LINNET_TRY(auto tensor, read_tensor_info());
    reader_.tensors_.push_back(tensor);
  }
  subject_.clear();
  return {};
}

Result<Tensor> Parser::read_tensor_info() {
  LINNET_TRY(const auto name, read_text({"the name", kMaxTensorNameBytes}));
  if (name.empty()) return malformed("the name is empty");
  Tensor tensor;
  tensor.name = characters(name);
  subject_ = "tensor " + quoted(tensor.name);
  LINNET_CHECK(read_dims(tensor));
  LINNET_CHECK(read_type(tensor));
  const auto offset = cursor_.take<std::uint64_t>();
  if (!offset) return ends_inside("the tensor's offset");
  tensor.offset = *offset;
  return tensor;
}

Result<void> Parser::read_dims(Tensor& tensor) {
  const auto rank = cursor_.take<std::uint32_t>();
  if (!rank) return ends_inside("the tensor's shape");
  if (*rank < 1 || *rank > tensor.dims.size()) {
    return malformed(std::to_string(*rank) + " dimensions; 1 to 4 are allowed");
  }
  tensor.rank = *rank;
  std::uint64_t weights = 1;
  for (std::uint32_t i = 0; i < *rank; ++i) {
    const auto dim = cursor_.take<std::uint64_t>();
    if (!dim) return ends_inside("the tensor's shape");
    const auto product = checked_multiply(weights, *dim);
    if (*dim == 0 || !product) return malformed("dimension " + std::to_string(*dim) + " is impossible");
    tensor.dims[i] = *dim;
    weights = *product;
  }
  return {};
}

Result<void> Parser::read_type(Tensor& tensor) {
  const auto id = cursor_.take<std::uint32_t>();
  if (!id) return ends_inside("the tensor's type");
  tensor.type = find_tensor_type(*id);
  if (tensor.type == nullptr)
    return refuse(ErrorKind::kUnsupported, "tensor type " + std::to_string(*id) + " is unknown");
  if (tensor.type->block_weights == 0) {
    return refuse(ErrorKind::kUnsupported, "tensor type " + std::string(tensor.type->name) +
                                               " was removed from the format; convert the model again");
  }
  if (tensor.columns() % tensor.type->block_weights != 0) {
    return malformed("rows of " + std::to_string(tensor.columns()) + " weights are no whole blocks of " +
                     std::string(tensor.type->name));
  }
  return {};
}

Result<void> Parser::place_tensors() {
  if (reader_.tensors_.empty()) return {};
  const auto data_start = checked_align(cursor_.position(), reader_.alignment_);
  if (!data_start || *data_start > reader_.bytes_.size()) return ends_inside("the padding before the tensor data");
  std::uint64_t previous_end = 0;  // Relative to data_start, as the offsets in the file are.
  for (auto& tensor : reader_.tensors_) {
    subject_ = "tensor " + quoted(tensor.name);
    LINNET_TRY(previous_end, place(tensor, *data_start, previous_end));
  }
  return {};
}

// Turns the tensor's relative offset into a place in the file; gives where it ends, relative to data_start.
Result<std::uint64_t> Parser::place(Tensor& tensor, std::uint64_t data_start, std::uint64_t previous_end) const {
  const std::uint64_t offset = tensor.offset;
  if (offset % reader_.alignment_ != 0) return malformed("its offset " + std::to_string(offset) + " is not aligned");
  if (offset < previous_end)
    return malformed("its offset " + std::to_string(offset) + " lies before the end of the tensor listed before it");
  const auto size = byte_size(*tensor.type, tensor.weights());
  const std::uint64_t room = reader_.bytes_.size() - data_start;
  if (!size || !fits_inside(offset, *size, room)) {
    return malformed("its data reaches past the end of the file: the file is truncated or its header is wrong");
  }
  tensor.offset = data_start + offset;
  tensor.data = reader_.bytes_.subspan(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(*size));
  return offset + *size;
}

Result<Reader> Parser::join(std::span<const Reader> parts) {
  Parser whole({});
  whole.reader_ = parts.front();
  std::erase_if(whole.reader_.entries_, [](const Entry& entry) { return entry.key.starts_with("split."); });
  for (std::size_t i = 0; i < parts.size(); ++i) {
    LINNET_TRY(const std::uint64_t number, parts[i].u64("split.no"));
    LINNET_TRY(const std::uint64_t count, parts[i].u64("split.count"));
    if (number != i || count != parts.size()) {
      return fail(ErrorKind::kMalformed, "part " + std::to_string(i + 1) + " of " + std::to_string(parts.size()) +
                                             " says that it is part " + std::to_string(number + 1) + " of " +
                                             std::to_string(count));
    }
    if (i == 0) continue;
    whole.reader_.other_bytes_ += parts[i].bytes().size();
    whole.reader_.tensors_.insert(whole.reader_.tensors_.end(), parts[i].tensors_.begin(), parts[i].tensors_.end());
  }
  LINNET_CHECK(whole.check_tensor_counts(parts));
  LINNET_CHECK(whole.index_names());
  return std::move(whole.reader_);
}

// Every part tells how many tensors the whole model has: parts of different models seldom agree.
Result<void> Parser::check_tensor_counts(std::span<const Reader> parts) const {
  const std::size_t found = reader_.tensors_.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].contains("split.tensors.count")) continue;
    LINNET_TRY(const std::uint64_t told, parts[i].u64("split.tensors.count"));
    if (told == found) continue;
    return fail(ErrorKind::kMalformed, "part " + std::to_string(i + 1) + " is of a model of " + std::to_string(told) +
                                           " tensors, and the parts have " + std::to_string(found) + " together");
  }
  return {};
}

Result<void> Parser::index_names() {
  const auto key = order_by(
      reader_.entries_, [](const Entry& entry) { return entry.key; }, reader_.entries_by_key_);
  if (key) return malformed("key " + quoted(reader_.entries_[*key].key) + " occurs twice");
  const auto tensor = order_by(
      reader_.tensors_, [](const Tensor& item) { return item.name; }, reader_.tensors_by_name_);
  if (tensor) return malformed("tensor " + quoted(reader_.tensors_[*tensor].name) + " occurs twice");
  return {};
}

}  // namespace linnet::gguf
