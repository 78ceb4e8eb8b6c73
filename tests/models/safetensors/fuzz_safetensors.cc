// Fuzz target: any bytes are refused with one line, or every tensor's bytes lie inside them and follow one another.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "models/safetensors/safetensors.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto file = linnet::safetensors::File::open(bytes);
  if (!file) {
    require(!file.error().message.empty() && file.error().message.find('\n') == std::string::npos);
    return 0;
  }
  const std::byte* end = nullptr;
  for (const auto& tensor : file->tensors()) {
    require(file->find(tensor.name) != nullptr);
    require(tensor.data.data() >= bytes.data() && tensor.data.data() + tensor.data.size() <= bytes.data() + size);
    require(end == nullptr || tensor.data.data() == end);
    end = tensor.data.data() + tensor.data.size();
  }
  require(end == nullptr || end == bytes.data() + size);
  return 0;
}
