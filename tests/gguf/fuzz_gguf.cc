// Fuzz target: any bytes are either refused with one line or can be read completely and written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "models/gguf/reader.h"
#include "models/gguf/writer.h"

namespace linnet::gguf {
namespace {

volatile std::uint64_t g_seen = 0;  // Keeps the reads below from being optimised away.

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Array>
void touch(const Result<Array>& array) {
  if (!array) return;
  for (std::size_t i = 0; i < array->size(); ++i) g_seen = g_seen + static_cast<std::uint64_t>((*array)[i] != 0);
}

void read_key(const Reader& reader, std::string_view key) {
  g_seen = g_seen + reader.u32(key).value_or(0) + reader.u64(key).value_or(0);
  g_seen = g_seen + static_cast<std::uint64_t>(reader.i32(key).value_or(0));
  g_seen = g_seen + static_cast<std::uint64_t>(reader.f32(key).value_or(0) != 0);
  g_seen = g_seen + static_cast<std::uint64_t>(reader.boolean(key).value_or(false));
  g_seen = g_seen + reader.string(key).value_or("").size();
  g_seen = g_seen + reader.u32_or(key, 1).value_or(0) + reader.string_or(key, "x").value_or("").size();
  g_seen = g_seen + static_cast<std::uint64_t>(reader.f32_or(key, 1.0F).value_or(0) != 0);
  g_seen = g_seen + static_cast<std::uint64_t>(reader.boolean_or(key, true).value_or(false));
  touch(reader.integers(key));
  touch(reader.floats(key));
  touch(reader.booleans(key));
  if (const auto bytes = reader.bytes_of(key)) {
    for (const auto byte : *bytes) g_seen = g_seen + static_cast<std::uint64_t>(byte);
  }
  if (const auto strings = reader.strings(key)) {
    std::size_t count = 0;
    for (const auto text : *strings) g_seen = g_seen + text.size() + (count++ == 0 && !text.empty() ? 1U : 0U);
    require(count == strings->size());
  }
}

void read_everything(const Reader& reader) {
  for (const auto& entry : reader.entries()) {
    require(reader.find(entry.key) == &entry);
    require(!to_text(entry.value).empty() || entry.value.type == ValueType::kString);
    read_key(reader, entry.key);
  }
  read_key(reader, "no such key");
  require(!reader.tensor("no such tensor"));
  g_seen = g_seen + reader.version();
  std::uint64_t end = 0;
  for (const auto& tensor : reader.tensors()) {
    require(reader.tensor(tensor.name).value_or(nullptr) == &tensor);
    require(tensor.offset >= end && tensor.offset % reader.alignment() == 0);
    end = tensor.offset + tensor.data.size();
    require(end <= reader.bytes().size() && !tensor.data.empty());
    g_seen = g_seen + static_cast<std::uint64_t>(tensor.data.front()) + static_cast<std::uint64_t>(tensor.data.back());
  }
}

// What was read must be writable and read the same.
void write_again(const Reader& reader) {
  Writer writer(reader.alignment());
  for (const auto& entry : reader.entries()) writer.copy(entry);
  for (const auto& tensor : reader.tensors()) {
    require(writer.add_tensor(tensor.name, tensor.type->type, std::span(tensor.dims).first(tensor.rank)).has_value());
  }
  MemorySink sink;
  require(writer.begin(sink).has_value());
  for (std::size_t i = 0; i < reader.tensors().size(); ++i) {
    require(writer.write(sink, i, 0, reader.tensors()[i].data).has_value());
  }
  const auto again = Reader::open(sink.bytes());
  require(again.has_value() && again->tensors().size() == reader.tensors().size());
  require(again->entries().size() >= reader.entries().size());
}

}  // namespace
}  // namespace linnet::gguf

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reader = linnet::gguf::Reader::open(std::as_bytes(std::span(data, size)));
  if (!reader) {
    linnet::gguf::require(reader.error().message.find('\n') == std::string::npos);
    return 0;
  }
  linnet::gguf::read_everything(*reader);
  linnet::gguf::write_again(*reader);
  return 0;
}
