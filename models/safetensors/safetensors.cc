#include "models/safetensors/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>
#include <utility>

#include "models/safetensors/header_cursor.h"
#include "runtime/base/checked.h"

namespace linnet::safetensors {
namespace {

constexpr std::string_view kMetadata = "__metadata__";

struct ElementType {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr ElementType kTypes[] = {{"F64", 8},     {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F8_E4M3", 1},
                                  {"F8_E5M2", 1}, {"I64", 8}, {"I32", 4}, {"I16", 2},  {"I8", 1},
                                  {"U64", 8},     {"U32", 4}, {"U16", 2}, {"U8", 1},   {"BOOL", 1}};

// What a message says of the file's own text: nothing that a terminal would obey.
std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, 128));
  std::ranges::replace_if(
      shown, [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + shown + "'";
}

// A tensor as the header has it.
struct Entry {
  Tensor tensor;
  std::uint64_t begin = 0;  // In the data.
  std::uint64_t end = 0;
};

tl::unexpected<Error> malformed(const Entry& entry, const std::string& what) {
  return fail(ErrorKind::kMalformed, "tensor " + quoted(entry.tensor.name) + ": " + what);
}

class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : cursor_(text) {}

  // Every tensor's entry, each once.
  Result<std::vector<Entry>> run() {
    LINNET_CHECK(cursor_.expect('{'));
    std::vector<Entry> entries;
    while (!cursor_.skip('}')) {
      if (!names_.empty()) LINNET_CHECK(cursor_.expect(','));
      LINNET_TRY(const auto name, cursor_.string());
      LINNET_CHECK(cursor_.expect(':'));
      if (!names_.insert(name).second)
        return fail(ErrorKind::kMalformed, "the name " + quoted(name) + " is there twice");
      if (name == kMetadata) {
        LINNET_CHECK(skip_metadata());
      } else {
        LINNET_TRY(entries.emplace_back(), read_entry(name));
      }
    }
    if (!cursor_.at_end()) return cursor_.unexpected();
    return entries;
  }

 private:
  // {"…": "…", …}
  Result<void> skip_metadata() {
    LINNET_CHECK(cursor_.expect('{'));
    for (bool first = true; !cursor_.skip('}'); first = false) {
      if (!first) LINNET_CHECK(cursor_.expect(','));
      LINNET_CHECK(cursor_.string());
      LINNET_CHECK(cursor_.expect(':'));
      LINNET_CHECK(cursor_.string());
    }
    return {};
  }

  // {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, in any order.
  Result<Entry> read_entry(std::string_view name) {
    Entry entry;
    entry.tensor.name = name;
    if (name.find('\\') != std::string_view::npos)
      return fail(ErrorKind::kUnsupported, "tensor " + quoted(name) + ": its name has escapes");
    bool has_shape = false;
    bool has_offsets = false;
    LINNET_CHECK(cursor_.expect('{'));
    for (bool first = true; !cursor_.skip('}'); first = false) {
      if (!first) LINNET_CHECK(cursor_.expect(','));
      LINNET_TRY(const auto key, cursor_.string());
      LINNET_CHECK(cursor_.expect(':'));
      if (key == "dtype" && entry.tensor.type.empty()) {
        LINNET_TRY(entry.tensor.type, cursor_.string());
      } else if (key == "shape" && !std::exchange(has_shape, true)) {
        LINNET_TRY(entry.tensor.shape, read_counts(kMaximalRank));
      } else if (key == "data_offsets" && !std::exchange(has_offsets, true)) {
        LINNET_CHECK(read_offsets(entry));
      } else {
        return malformed(entry, "the field " + quoted(key) + " is unknown or there twice");
      }
    }
    if (!has_shape || !has_offsets || entry.tensor.type.empty()) return malformed(entry, "a field is missing");
    return entry;
  }

  Result<void> read_offsets(Entry& entry) {
    LINNET_TRY(const auto offsets, read_counts(2));
    if (offsets.size() != 2 || offsets[0] > offsets[1]) return malformed(entry, "its data_offsets are no place");
    entry.begin = offsets[0];
    entry.end = offsets[1];
    return {};
  }

  Result<std::vector<std::uint64_t>> read_counts(std::size_t most) {
    std::vector<std::uint64_t> counts;
    LINNET_CHECK(cursor_.expect('['));
    while (!cursor_.skip(']')) {
      if (counts.size() == most)
        return fail(ErrorKind::kMalformed, "a list of more than " + std::to_string(most) + " numbers");
      if (!counts.empty()) LINNET_CHECK(cursor_.expect(','));
      LINNET_TRY(counts.emplace_back(), cursor_.count());
    }
    return counts;
  }

  HeaderCursor cursor_;
  std::unordered_set<std::string_view> names_;
};

// Whether the bytes are those of the type and shape.
Result<void> check_size(const Entry& entry) {
  const auto* type = std::ranges::find(kTypes, entry.tensor.type, &ElementType::name);
  if (type == std::end(kTypes)) {
    return fail(ErrorKind::kUnsupported,
                "tensor " + quoted(entry.tensor.name) + " is of the unknown type " + quoted(entry.tensor.type));
  }
  std::optional<std::uint64_t> bytes = type->bytes;
  for (const std::uint64_t dimension : entry.tensor.shape) {
    if (bytes) bytes = checked_multiply(*bytes, dimension);
  }
  if (bytes != entry.end - entry.begin) return malformed(entry, "its shape and type are not the size of its data");
  return {};
}

// Puts the entries in the order of their data, which must follow one another without holes from start to end.
Result<void> place(std::vector<Entry>& entries, std::span<const std::byte> data) {
  std::ranges::sort(entries, {}, [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
  std::uint64_t end = 0;
  for (Entry& entry : entries) {
    if (entry.begin < end) return malformed(entry, "its data overlap those of another");
    if (entry.begin > end) return malformed(entry, "before its data is a hole");
    if (entry.end > data.size()) return malformed(entry, "its data reach past the end of the file");
    LINNET_CHECK(check_size(entry));
    entry.tensor.data =
        data.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin));
    end = entry.end;
  }
  if (end != data.size()) return fail(ErrorKind::kMalformed, "behind the tensors' data are other bytes");
  return {};
}

}  // namespace

std::uint64_t Tensor::elements() const {
  std::uint64_t product = 1;
  for (const std::uint64_t dimension : shape) product *= dimension;
  return product;
}

Result<File> File::open(std::span<const std::byte> bytes) {
  std::uint64_t header_size = 0;
  if (bytes.size() < sizeof header_size) return fail(ErrorKind::kMalformed, "too short for a safetensors file");
  for (std::size_t i = 0; i < sizeof header_size; ++i) header_size |= std::to_integer<std::uint64_t>(bytes[i]) << 8 * i;
  const auto rest = bytes.subspan(sizeof header_size);
  if (header_size > kMaximalHeader || header_size > rest.size()) {
    return fail(ErrorKind::kMalformed, "a header of " + std::to_string(header_size) + " bytes is too long for it");
  }
  const auto size = static_cast<std::size_t>(header_size);
  LINNET_TRY(auto entries, HeaderReader({reinterpret_cast<const char*>(rest.data()), size}).run());
  LINNET_CHECK(place(entries, rest.subspan(size)));
  File file;
  for (Entry& entry : entries) file.tensors_.push_back(std::move(entry.tensor));
  return file;
}

const Tensor* File::find(std::string_view name) const {
  const auto found = std::ranges::find(tensors_, name, &Tensor::name);
  return found == tensors_.end() ? nullptr : &*found;
}

}  // namespace linnet::safetensors
