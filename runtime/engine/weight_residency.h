// Which weights stay in memory where the page cache has no room for all: the rest is read for each token, then dropped.
//
// Every token reads the weights once, in the same order. A page cache that is too small drops what was not used for the
// longest time, which is what is needed next, so that after a while every token reads all of them from the disk. Here
// the first weights of that order stay; of the others a piece is asked for before its turn and dropped after it. So a
// token reads what does not fit and no more, and the kernel, never short of pages, leaves alone what stays.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "models/program.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/units.h"
#include "runtime/engine/weights.h"

namespace linnet::engine {

// Rows of a matrix that are read and dropped together.
struct WeightPiece {
  std::size_t first_group = 0;  // Of 16 rows.
  std::size_t groups = 0;
  std::span<const std::byte> bytes;
  const MappedPages* file = nullptr;
};

// One thread at a time: the one that computes steps.
class WeightResidency {
 public:
  // Of a program's matrices those that lie in `files` and are read by every token, in the order in which it does;
  // vectors, tables and experts are the kernel's to keep. Weights are dropped only where all of `files` are files.
  // Borrows the weights' bytes.
  WeightResidency(const Weights& weights, const models::Program& program, std::vector<MappedPages> files);

  // Everything stays: so it begins.
  void hold_all();
  // `room` is all that the weights may take of memory. Where that is little more than before, nothing changes. Returns
  // what each token will read anew.
  Bytes hold(Bytes room);

  [[nodiscard]] Bytes streamed() const { return streamed_; }
  // Of what tokens read, what stays: in runs of whole pages.
  [[nodiscard]] std::vector<std::span<const std::byte>> held() const;

  // Nobody has used any weights for a while: they are the first that the kernel may take.
  void cool() const;

  // The pieces of a weight of which not all stay, ascending; none where all of it does.
  [[nodiscard]] std::span<const WeightPiece> pieces(models::WeightId weight) const;
  // Around the use of each of them: asks for those that follow it; drops it where it does not stay.
  void begin(const WeightPiece& piece);
  void end(const WeightPiece& piece) const;

  static constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
  // Pieces that are read while one is used: a disk is at its full speed when it has some megabytes to do, a group of
  // some megabytes has no room for that.
  static constexpr std::size_t kLeastAhead = 2;
  static constexpr std::size_t kMostAhead = 64;

 private:
  struct Run {
    std::size_t first = 0;  // Of pieces_.
    std::size_t count = 0;
  };

  [[nodiscard]] bool streams(std::size_t index) const { return index >= kept_; }
  [[nodiscard]] std::span<const std::byte> used_up(std::size_t index) const;
  void keep(std::size_t count);
  void drop_streamed() const;
  [[nodiscard]] std::size_t run_length(std::size_t first, std::size_t most) const;
  void add_pieces(const WeightView& matrix, const MappedPages& file);
  [[nodiscard]] std::size_t index_of(const WeightPiece& piece) const {
    return static_cast<std::size_t>(&piece - pieces_.data());
  }

  std::vector<MappedPages> files_;
  bool can_drop_ = false;
  std::vector<std::span<const std::byte>> touched_;  // All that tokens read.
  std::vector<WeightPiece> pieces_;                  // In the order of use. The first `kept_` stay.
  Bytes all_;                                        // Of the pieces.
  std::vector<Run> runs_;                            // One a weight of the program; empty where it is not streamed.
  std::size_t kept_ = 0;
  std::size_t ahead_ = kLeastAhead;
  std::size_t asked_ = 0;  // The next piece to ask for, counted from kept_.
  Bytes others_;           // That tokens read beside the pieces.
  Bytes streamed_;
};

}  // namespace linnet::engine
