// What the engine's tests share: the tiny models of tests/data/models, packed where they must be, and .npy files.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "models/pack/pack.h"
#include "models/pack/packed_view.h"
#include "runtime/engine/engine.h"
#include "tests/source_tree.h"

namespace linnet::engine::test {

inline std::string data_path(const std::string& file) {
  return linnet::test::source_tree() / "tests/data/models" / file;
}

inline std::vector<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::byte> out(bytes.size());
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

// A two- or one-dimensional array of NumPy format 1.0, in C order.
template <class T>
struct Npy {
  std::vector<T> values;
  std::size_t width = 1;

  [[nodiscard]] std::size_t rows() const { return values.size() / width; }
  [[nodiscard]] const T* row(std::size_t index) const { return values.data() + index * width; }
};

template <class T>
Npy<T> read_npy(const std::string& path) {
  const auto bytes = read_file(path);
  Npy<T> array;
  if (bytes.size() < 10) return array;
  const std::size_t header = std::to_integer<std::size_t>(bytes[8]) | std::to_integer<std::size_t>(bytes[9]) << 8;
  const std::string text(reinterpret_cast<const char*>(bytes.data()) + 10, header);
  EXPECT_NE(text.find(std::is_same_v<T, float> ? "'<f4'" : "'<i4'"), std::string::npos) << path;
  EXPECT_NE(text.find("'fortran_order': False"), std::string::npos) << path;
  array.values.resize((bytes.size() - 10 - header) / sizeof(T));
  std::memcpy(array.values.data(), bytes.data() + 10 + header, array.values.size() * sizeof(T));
  const auto comma = text.find(", ", text.find("'shape': ("));
  if (text[comma + 2] >= '1' && text[comma + 2] <= '9') array.width = std::stoul(text.substr(comma + 2));
  return array;
}

// No hash: the engine does not read it.
class NoHasher final : public pack::Hasher {
 public:
  void begin() override {}
  void update(std::span<const std::byte>) override {}
  [[nodiscard]] pack::Digest finish() override { return {}; }
};

// Bytes aligned like a mapping.
class ModelBytes {
 public:
  explicit ModelBytes(std::span<const std::byte> bytes)
      : bytes_(static_cast<std::byte*>(::operator new(bytes.size(), kPage)), bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  ModelBytes(const ModelBytes&) = delete;
  ModelBytes& operator=(const ModelBytes&) = delete;
  ~ModelBytes() { ::operator delete(bytes_.data(), kPage); }

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  static constexpr std::align_val_t kPage{4096};
  std::span<std::byte> bytes_;
};

// A model, packed where it has quantised matrices.
inline std::unique_ptr<ModelBytes> packed(std::span<const std::byte> bytes) {
  auto plain = std::make_unique<ModelBytes>(bytes);
  const auto reader = gguf::Reader::open(plain->bytes());
  EXPECT_TRUE(reader) << reader.error().message;
  const auto view = pack::PackedView::open(*reader);
  EXPECT_TRUE(view) << view.error().message;
  if (!view->needs_packing()) return plain;
  gguf::MemorySink sink;
  NoHasher hasher;
  const auto summary = pack::pack(*reader, sink, hasher, [](std::uint64_t, std::uint64_t) { return true; });
  EXPECT_TRUE(summary) << summary.error().message;
  return std::make_unique<ModelBytes>(sink.bytes());
}

inline std::unique_ptr<ModelBytes> packed_model(const std::string& path) { return packed(read_file(path)); }

inline std::unique_ptr<ModelBytes> load_model(const std::string& name) {
  return packed_model(data_path(name + ".gguf"));
}

// One thread, one sequence, scalar kernels unless the test says otherwise.
inline Engine open_model(const ModelBytes& model, EngineOptions options = {}) {
  if (options.threads == 0) options.threads = 1;
  auto engine = Engine::open(model.bytes(), options);
  EXPECT_TRUE(engine) << engine.error().message;
  return *std::move(engine);
}

// Logits of every token, [tokens, vocabulary], computed in steps of `chunk` rows.
inline std::vector<float> all_logits(Engine& engine, std::span<const TokenId> tokens, std::size_t chunk) {
  const auto sequence = engine.begin_sequence();
  EXPECT_TRUE(sequence);
  std::vector<float> logits;
  for (std::size_t first = 0; first < tokens.size(); first += chunk) {
    std::vector<BatchRow> rows;
    for (std::size_t i = first; i < std::min(tokens.size(), first + chunk); ++i) {
      rows.push_back({tokens[i], *sequence, static_cast<std::uint32_t>(i), true});
    }
    const auto step = engine.step(rows);
    EXPECT_TRUE(step) << step.error().message;
    for (std::size_t row = 0; row < step->rows(); ++row) {
      const auto values = step->row(row);
      logits.insert(logits.end(), values.begin(), values.end());
    }
  }
  engine.end_sequence(*sequence);
  return logits;
}

}  // namespace linnet::engine::test
