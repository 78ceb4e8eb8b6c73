// A tiny model of tests/data/models with something about it changed, for tests of what must be refused.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "models/gguf/writer.h"
#include "tests/source_tree.h"

namespace linnet::models::test {

// A tensor on its way into the file.
struct EditedTensor {
  std::string name;
  gguf::TensorType type = gguf::TensorType::kF32;
  std::vector<std::uint64_t> dims;
  std::vector<std::byte> data;
};

// What a test changes.
struct Edits {
  std::function<void(gguf::Writer&)> keys = {};  // After the file's own were copied: setting one replaces it.
  std::vector<std::string> dropped_keys = {};
  std::function<void(std::vector<EditedTensor>&)> tensors = {};
};

// The bytes of an edited model, aligned like a mapping, with their reader.
class EditedModel {
 public:
  EditedModel(const std::string& name, const Edits& edits) {
    const auto bytes = file_bytes(name);
    const auto reader = gguf::Reader::open(bytes);
    EXPECT_TRUE(reader);
    gguf::Writer writer;
    copy_keys(*reader, edits, writer);
    auto tensors = copy_tensors(*reader);
    if (edits.tensors) edits.tensors(tensors);
    for (const EditedTensor& tensor : tensors) EXPECT_TRUE(writer.add_tensor(tensor.name, tensor.type, tensor.dims));
    EXPECT_TRUE(writer.begin(sink_));
    for (std::size_t i = 0; i < tensors.size(); ++i) EXPECT_TRUE(writer.write(sink_, i, 0, tensors[i].data));
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return sink_.bytes(); }

 private:
  static std::vector<std::byte> file_bytes(const std::string& name) {
    std::ifstream file(linnet::test::source_tree() / "tests/data/models" / (name + ".gguf"), std::ios::binary);
    const std::vector<char> text((std::istreambuf_iterator<char>(file)), {});
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
  }

  static void copy_keys(const gguf::Reader& reader, const Edits& edits, gguf::Writer& writer) {
    for (const gguf::Entry& entry : reader.entries()) {
      const auto& dropped = edits.dropped_keys;
      if (std::find(dropped.begin(), dropped.end(), entry.key) == dropped.end()) writer.copy(entry);
    }
    if (edits.keys) edits.keys(writer);
  }

  static std::vector<EditedTensor> copy_tensors(const gguf::Reader& reader) {
    std::vector<EditedTensor> tensors;
    for (const gguf::Tensor& tensor : reader.tensors()) {
      tensors.push_back({std::string(tensor.name),
                         tensor.type->type,
                         {tensor.dims.begin(), tensor.dims.begin() + tensor.rank},
                         {tensor.data.begin(), tensor.data.end()}});
    }
    return tensors;
  }

  gguf::MemorySink sink_;
};

inline EditedTensor& tensor_named(std::vector<EditedTensor>& tensors, const std::string& name) {
  for (EditedTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << "no tensor " << name;
  return tensors.front();
}

inline void drop_tensor(std::vector<EditedTensor>& tensors, const std::string& name) {
  std::erase_if(tensors, [&](const EditedTensor& tensor) { return tensor.name == name; });
}

inline void fill_floats(EditedTensor& tensor, float value) {
  for (std::size_t at = 0; at + sizeof value <= tensor.data.size(); at += sizeof value) {
    std::memcpy(tensor.data.data() + at, &value, sizeof value);
  }
}

}  // namespace linnet::models::test
