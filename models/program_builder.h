// Writes a program so that an architecture file reads like its paper: names in, ids out.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "models/program.h"

namespace linnet::models {

class ProgramBuilder {
 public:
  ProgramBuilder(std::string architecture, std::size_t vocabulary, std::size_t context_length) {
    program_.architecture = std::move(architecture);
    program_.vocabulary = vocabulary;
    program_.context_length = context_length;
  }

  // [width] floats: a norm's weights, a bias.
  WeightId vector(const std::string& name, std::size_t width) { return weight({name, 1, width, WeightUse::kVector}); }
  // [rows, width] floats: a vector for each of several.
  WeightId vectors(const std::string& name, std::size_t rows, std::size_t width) {
    return weight({name, rows, width, WeightUse::kVector});
  }
  // [out, in], multiplied. A table that is multiplied too (a tied head) is a matrix.
  WeightId matrix(const std::string& name, std::size_t out, std::size_t in) {
    return weight({name, out, in, WeightUse::kMatrix});
  }
  // [groups, out, in]: experts, of which a token reads `groups_a_token`, or heads.
  WeightId matrices(const std::string& name, std::size_t groups, std::size_t out, std::size_t in,
                    std::size_t groups_a_token) {
    return weight({name, out, in, WeightUse::kMatrix, groups, groups_a_token});
  }
  // The same out of a tensor whose groups hold other rows too.
  WeightId cut(const std::string& name, std::size_t groups, std::size_t out, std::size_t in, Cut cut) {
    return weight({name, out, in, WeightUse::kMatrix, groups, groups, cut});
  }
  // [rows, width], looked up by row.
  WeightId table(const std::string& name, std::size_t rows, std::size_t width) {
    return weight({name, rows, width, WeightUse::kTable});
  }

  BufferId tokens(std::string name, std::size_t width) { return buffer({std::move(name), width, RowsOf::kTokens}); }
  BufferId outputs(std::string name, std::size_t width) { return buffer({std::move(name), width, RowsOf::kOutputs}); }

  StateId state(State state) {
    program_.states.push_back(state);
    return static_cast<StateId>(program_.states.size() - 1);
  }
  RotationId rotation(Rotation rotation) {
    program_.rotations.push_back(std::move(rotation));
    return static_cast<RotationId>(program_.rotations.size() - 1);
  }

  void step(std::string name, Operation operation) {
    program_.steps.push_back({std::move(name), std::move(operation)});
  }

  // A file may have tensors whose names start so: parts of the model that this program does not compute.
  void leave_out(std::string start) { program_.unread.push_back(std::move(start)); }

  // The finished program; `logits` is its last buffer.
  [[nodiscard]] Program finish(BufferId logits) {
    program_.logits = logits;
    return std::move(program_);
  }

 private:
  WeightId weight(Weight weight) {
    const std::string key = weight.name + (weight.cut ? "@" + std::to_string(weight.cut->first_row) : "");
    const auto [found, is_new] = ids_.try_emplace(key, static_cast<WeightId>(program_.weights.size()));
    if (is_new) program_.weights.push_back(std::move(weight));
    return found->second;
  }
  BufferId buffer(Buffer buffer) {
    program_.buffers.push_back(std::move(buffer));
    return static_cast<BufferId>(program_.buffers.size() - 1);
  }

  Program program_;
  std::unordered_map<std::string, WeightId> ids_;
};

}  // namespace linnet::models
