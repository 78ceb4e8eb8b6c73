// Writes sample files and shows what the reader sees, for gguf_package_test.py to compare with the `gguf` package.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "models/gguf/atomic_file.h"
#include "models/gguf/reader.h"
#include "models/pack/blake2b.h"
#include "models/pack/pack.h"
#include "models/quantize/quantize.h"
#include "models/synthetic/make_model.h"
#include "runtime/base/function_ref.h"
#include "runtime/base/mapped_file.h"

namespace linnet {
namespace {

constexpr auto kGoOn = [](std::uint64_t, std::uint64_t) { return true; };

// Writes a file atomically by what `fill` puts in it.
Result<void> write_file(const std::string& path, FunctionRef<Result<void>(gguf::Sink&)> fill) {
  LINNET_TRY(auto file, gguf::AtomicFile::create(path));
  LINNET_CHECK(fill(file));
  return file.commit();
}

Result<void> write_packed(const std::string& folder, const std::string& name) {
  LINNET_TRY(const auto plain, MappedFile::open(folder + "/" + name + ".gguf"));
  LINNET_TRY(const auto reader, gguf::Reader::open(plain.bytes()));
  const std::string packed_path = folder + "/" + name + ".packed.gguf";
  LINNET_CHECK(write_file(packed_path, [&](gguf::Sink& sink) {
    pack::Blake2b hasher;
    return pack::pack(reader, sink, hasher, kGoOn).map([](auto) {});
  }));
  LINNET_TRY(const auto packed, MappedFile::open(packed_path));
  LINNET_TRY(const auto packed_reader, gguf::Reader::open(packed.bytes()));
  return write_file(folder + "/" + name + ".unpacked.gguf",
                    [&](gguf::Sink& sink) { return pack::unpack(packed_reader, sink, kGoOn).map([](auto) {}); });
}

Result<void> write_quantised(const std::string& folder, const std::string& type_name) {
  LINNET_TRY(const auto plain, MappedFile::open(folder + "/f32.gguf"));
  LINNET_TRY(const auto reader, gguf::Reader::open(plain.bytes()));
  LINNET_TRY(const auto type, quantize::parse_type(type_name));
  const std::string name = folder + "/f32_to_" + type_name;
  return write_file(name + ".gguf", [&](gguf::Sink& sink) -> Result<void> {
    LINNET_TRY(const auto report, quantize::quantize(reader, sink, {.type = type, .threads = 2}, kGoOn));
    std::ofstream errors(name + ".errors");
    errors.precision(17);
    for (const auto& tensor : report.tensors) errors << tensor.name << ' ' << tensor.relative_rms_error << '\n';
    return {};
  });
}

Result<void> write_samples(const std::string& folder) {
  for (const char* name : {"f32", "f16", "q8_0", "q4_0", "q4_1"}) {
    LINNET_TRY(const auto type, synthetic::parse_type(name));
    LINNET_CHECK(write_file(folder + "/" + name + ".gguf", [&](gguf::Sink& sink) {
      return synthetic::make_model({"tiny", type, 1}, sink, kGoOn).map([](auto) {});
    }));
    LINNET_CHECK(write_packed(folder, name));
  }
  LINNET_CHECK(write_quantised(folder, "q8_0"));
  return write_quantised(folder, "q4_0");
}

Result<void> show(const std::string& path) {
  LINNET_TRY(const auto file, MappedFile::open(path));
  LINNET_TRY(const auto reader, gguf::Reader::open(file.bytes()));
  for (const auto& entry : reader.entries()) {
    std::printf("key %.*s = %s\n", static_cast<int>(entry.key.size()), entry.key.data(),
                gguf::to_text(entry.value, 1000, 1000).c_str());
  }
  for (const auto& tensor : reader.tensors()) {
    std::printf("tensor %.*s %s", static_cast<int>(tensor.name.size()), tensor.name.data(), tensor.type->name.data());
    for (std::uint32_t i = 0; i < tensor.rank; ++i)
      std::printf(" %llu", static_cast<unsigned long long>(tensor.dims[i]));
    std::printf(" @ %llu + %zu\n", static_cast<unsigned long long>(tensor.offset), tensor.data.size());
  }
  return {};
}

}  // namespace
}  // namespace linnet

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto done = std::strcmp(argv[1], "write") == 0 ? linnet::write_samples(argv[2]) : linnet::show(argv[2]);
  if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done ? 0 : linnet::exit_code(done.error().kind);
}
