#include "runtime/engine/weight_residency.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "kernels/formats/format.h"
#include "runtime/base/pages.h"

namespace linnet::engine {
namespace {

using kernels::kPanelRows;

// Runs of whole pages that hold all of `spans`.
std::vector<std::span<const std::byte>> page_runs(std::vector<std::span<const std::byte>> spans) {
  std::ranges::sort(spans, {}, [](const auto& span) { return span.data(); });
  std::vector<std::span<const std::byte>> runs;
  for (const auto& span : spans) {
    const auto pages = touched_pages(span);
    const bool joins = !runs.empty() && pages.data() <= runs.back().data() + runs.back().size();
    if (!joins) {
      runs.push_back(pages);
      continue;
    }
    const std::byte* const begin = runs.back().data();
    runs.back() = {begin, std::max(begin + runs.back().size(), pages.data() + pages.size())};
  }
  return runs;
}

const MappedPages* file_of(std::span<const std::byte> bytes, const std::vector<MappedPages>& files) {
  const auto holds = [&](const MappedPages& file) {
    return bytes.data() >= file.bytes.data() && bytes.data() + bytes.size() <= file.bytes.data() + file.bytes.size();
  };
  const auto found = std::ranges::find_if(files, holds);
  return found != files.end() ? &*found : nullptr;
}

}  // namespace

WeightResidency::WeightResidency(const Weights& weights, const models::Program& program, std::vector<MappedPages> files)
    : files_(std::move(files)),
      can_drop_(std::ranges::none_of(files_, [](const MappedPages& file) { return file.descriptor < 0; })),
      runs_(weights.views.size()) {
  for (const models::Step& step : program.steps) {
    const auto* product = std::get_if<models::MatMul>(&step.operation);
    if (product == nullptr) continue;
    for (const models::Projection& projection : product->projections) {
      const WeightView& matrix = weights.view(projection.weight);
      Run& run = runs_[static_cast<std::size_t>(projection.weight)];
      const MappedPages* file = file_of(matrix.data, files_);
      if (file == nullptr || run.count != 0) continue;
      run.first = pieces_.size();
      add_pieces(matrix, *file);
      run.count = pieces_.size() - run.first;
    }
  }
  // A vector takes the page that it lies in.
  others_ = Bytes{page_size() * static_cast<std::size_t>(std::ranges::count(runs_, std::size_t{0}, &Run::count))};
  for (std::size_t i = 0; i < weights.views.size(); ++i) {
    const auto bytes = weights.views[i].data;
    if (program.weights[i].use != models::WeightUse::kTable && file_of(bytes, files_) != nullptr)
      touched_.push_back(bytes);
  }
  for (const WeightPiece& piece : pieces_) all_ += Bytes{piece.bytes.size()};
  kept_ = pieces_.size();
}

void WeightResidency::add_pieces(const WeightView& matrix, const MappedPages& file) {
  const std::size_t all = (matrix.rows + kPanelRows - 1) / kPanelRows;
  const std::size_t share = std::max<std::size_t>(1, all * kPieceBytes / std::max<std::size_t>(1, matrix.data.size()));
  for (std::size_t first = 0; first < all; first += share) {
    const std::size_t groups = std::min(share, all - first);
    const std::byte* const begin = matrix.from_row(first * kPanelRows);
    const std::byte* const end = first + groups == all ? matrix.data.data() + matrix.data.size()
                                                       : matrix.from_row((first + groups) * kPanelRows);
    pieces_.push_back({first, groups, {begin, end}, &file});
  }
}

void WeightResidency::hold_all() { keep(pieces_.size()); }

Bytes WeightResidency::hold(Bytes room) {
  if (!can_drop_) return streamed_;
  const std::uint64_t left = room.count - std::min(room.count, others_.count);
  ahead_ = std::clamp(static_cast<std::size_t>(left / 16 / kPieceBytes), kLeastAhead, kMostAhead);
  // What is read and used now, and some for what else is read in this group.
  const std::uint64_t window = (ahead_ + 1) * kPieceBytes + left / 16;
  const std::uint64_t most = all_.count <= left ? left : left - std::min(left, window);
  std::size_t count = 0;
  for (std::uint64_t size = 0; count < pieces_.size(); ++count) {
    size += pieces_[count].bytes.size();
    if (size > most) break;
  }
  // The room is an estimate that swings; what was dropped has to be read again.
  const bool worth_it = count < kept_ || count == pieces_.size() || count - kept_ > pieces_.size() / 8;
  if (worth_it) keep(count);
  return streamed_;
}

void WeightResidency::keep(std::size_t count) {
  for (std::size_t i = count; i < kept_; ++i) expect(Access::kRandom, pieces_[i].bytes);
  for (std::size_t i = kept_; i < count; ++i) expect(Access::kUsual, pieces_[i].bytes);
  const bool streamed_before = kept_ != pieces_.size();
  kept_ = count;
  asked_ = 0;
  streamed_ = {};
  for (std::size_t i = kept_; i < pieces_.size(); ++i) streamed_ += Bytes{pieces_[i].bytes.size()};
  drop_streamed();
  if (kept_ == pieces_.size() && !streamed_before) return;
  for (std::size_t i = 0; i < kept_; ++i) will_need(pieces_[i].bytes);
}

// How many of at most `most` pieces lie behind one another in one file, with little between them.
std::size_t WeightResidency::run_length(std::size_t first, std::size_t most) const {
  constexpr std::ptrdiff_t kGap = 64 << 10;
  std::size_t count = 1;
  for (; count < most; ++count) {
    const WeightPiece& before = pieces_[first + count - 1];
    const WeightPiece& next = pieces_[first + count];
    if (next.file != before.file) return count;
    const std::ptrdiff_t gap = next.bytes.data() - (before.bytes.data() + before.bytes.size());
    if (gap < 0 || gap > kGap) return count;
  }
  return count;
}

// In long runs: what the kernel read of itself it keeps and drops in blocks of up to some megabytes, and only where all
// of a block is to go.
void WeightResidency::drop_streamed() const {
  for (std::size_t first = kept_; first < pieces_.size();) {
    const std::size_t count = run_length(first, pieces_.size() - first);
    const auto last = pieces_[first + count - 1].bytes;
    pieces_[first].file->drop({pieces_[first].bytes.data(), last.data() + last.size()});
    first += count;
  }
}

// Whole pages, and of a page that it shares with the piece before, which is used up by now, all of it.
std::span<const std::byte> WeightResidency::used_up(std::size_t index) const {
  const std::span<const std::byte> bytes = pieces_[index].bytes;
  const std::byte* const end = bytes.data() + bytes.size();
  const auto before = index > kept_ ? pieces_[index - 1].bytes : std::span<const std::byte>{};
  const bool goes_on = before.data() + before.size() == bytes.data();
  return whole_pages({goes_on ? touched_pages(bytes).data() : bytes.data(), end});
}

std::vector<std::span<const std::byte>> WeightResidency::held() const {
  if (kept_ == pieces_.size()) return page_runs(touched_);
  std::vector<std::span<const std::byte>> spans;
  for (std::size_t i = 0; i < kept_; ++i) spans.push_back(pieces_[i].bytes);
  return page_runs(std::move(spans));
}

void WeightResidency::cool() const {
  for (const MappedPages& file : files_) is_cold(file.bytes);
}

std::span<const WeightPiece> WeightResidency::pieces(models::WeightId weight) const {
  const Run& run = runs_[static_cast<std::size_t>(weight)];
  if (run.first + run.count <= kept_) return {};
  return std::span(pieces_).subspan(run.first, run.count);
}

// Behind the last piece comes the first that does not stay, with the next token. Where pieces were left out (a prompt's
// step has no output), what was asked for is not what follows.
void WeightResidency::begin(const WeightPiece& piece) {
  const std::size_t index = index_of(piece);
  if (!streams(index)) return;
  const std::size_t streamed = pieces_.size() - kept_;
  const std::size_t now = index - kept_;
  const std::size_t wanted = std::min(ahead_ + 1, streamed);
  std::size_t distance = (asked_ + streamed - now) % streamed;
  if (distance == 0 || distance > wanted) {
    asked_ = now;
    distance = 0;
  }
  if (distance > wanted / 2) return;  // A disk likes a few long requests better than many.
  while (distance < wanted) {
    const std::size_t first = asked_;
    const std::size_t most = std::min(wanted - distance, streamed - first);
    const std::size_t count = run_length(kept_ + first, most);
    const std::byte* const begin = pieces_[kept_ + first].bytes.data();
    const auto last = pieces_[kept_ + first + count - 1].bytes;
    will_need({begin, last.data() + last.size()});
    distance += count;
    asked_ = (first + count) % streamed;
  }
}

void WeightResidency::end(const WeightPiece& piece) const {
  const std::size_t index = index_of(piece);
  if (streams(index)) piece.file->drop(used_up(index));
}

}  // namespace linnet::engine
