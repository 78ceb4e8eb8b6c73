// What sequences keep: keys and values in pages of 256 positions from a fixed pool, and recurrent states.
//
// A page covers the same 256 positions in every state (layer) of the program, so a sequence has one page table and a
// page is given, taken and (later) shared as a whole. In a state, a page is [kv_heads][256] rows of keys, then
// [kv_heads][256] rows of values, in the format of the cache (kernels/attention/cache_row.h): what attention reads for
// one KV head is contiguous. Where values are in the keys, a page is the keys alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/attention/cache_row.h"
#include "models/program.h"
#include "runtime/base/result.h"

namespace linnet::engine {

using TokenId = std::int32_t;  // As in runtime/text/token.h.

// Names a sequence of an engine, until it ends.
enum class SequenceId : std::uint32_t {};

// The fixed sizes of a cache.
struct CacheShape {
  std::size_t sequences = 0;
  std::size_t context = 0;           // Positions a sequence may hold.
  std::size_t pages_a_sequence = 0;  // That its table has room for.
  std::size_t pages = 0;             // In the pool.
  std::size_t step_rows = 1;         // Positions that one step adds at most.
  kernels::CacheFormat format = kernels::CacheFormat::kF16;

  // Room for every sequence to fill its context.
  [[nodiscard]] static CacheShape for_all(std::size_t sequences, std::size_t context, std::size_t step_rows = 1);
};

// 16-bit numbers of one page in one state, and in all states of a program that keep every page.
[[nodiscard]] std::size_t page_numbers(const models::KvCache& state, kernels::CacheFormat format);
[[nodiscard]] std::size_t page_numbers(const models::Program& program, kernels::CacheFormat format);

// Pages that a state with a window keeps of each sequence, by turns: what a step may see while it stores its own rows.
// 0 where all pages are kept.
[[nodiscard]] std::size_t ring_pages(const models::KvCache& state, const CacheShape& shape);

// 16-bit numbers of all states that are keys and values.
[[nodiscard]] std::size_t cache_numbers(const models::Program& program, const CacheShape& shape);

// Numbers (float32) of one sequence's recurrent states.
[[nodiscard]] std::size_t recurrent_numbers(const models::Program& program);

// Bookkeeping in memory that it is given, of storage that may lie elsewhere. One thread at a time changes it.
class KvCache {
 public:
  using PageId = std::uint32_t;

  // Takes its memory from `source` (an Arena, or what measures for the plan): `source.take<T>(count)`.
  template <class Source>
  KvCache(Source& source, const models::Program& program, const CacheShape& shape)
      : shape_(shape),
        sequences_(source.template take<Sequence>(shape.sequences)),
        tables_(source.template take<PageId>(shape.sequences * shape.pages_a_sequence)),
        tokens_(source.template take<TokenId>(shape.sequences * shape.context)),
        free_pages_(source.template take<PageId>(shape.pages)),
        states_(source.template take<StateStorage>(program.states.size())),
        recurrent_(take_recurrent(source, program, shape)) {}

  // The recurrent states of all sequences, as the constructor takes them; nothing where there are none.
  template <class Source>
  [[nodiscard]] static std::span<float> take_recurrent(Source& source, const models::Program& program,
                                                       const CacheShape& shape) {
    const std::size_t numbers = recurrent_numbers(program) * shape.sequences;
    return numbers != 0 ? source.template take<float>(numbers) : std::span<float>{};
  }

  // Empties the pool and cuts the storage into states; once, before any use.
  void reset(const models::Program& program);

  // Where the numbers lie, [cache_numbers], if keys() and values() are to be asked for.
  void use_storage(std::span<std::uint16_t> numbers) { numbers_ = numbers; }

  // An empty sequence, its recurrent states 0. Errors: kBusy when all are open.
  [[nodiscard]] Result<SequenceId> begin();
  // A sequence that holds the first positions of `prompt`, as many as another one, open or kept, lets it have, but
  // never the last. Errors: kBusy when all are open.
  [[nodiscard]] Result<SequenceId> begin(std::span<const TokenId> prompt);
  void end(SequenceId id);
  // Ends it too; what it holds stays for begin(prompt) until its place or its pages are needed, the oldest go first.
  void keep(SequenceId id);

  [[nodiscard]] bool is_open(SequenceId id) const;
  [[nodiscard]] std::size_t length(SequenceId id) const { return sequence(id).length; }

  // Pages that no open sequence holds.
  [[nodiscard]] std::size_t free_pages() const;

  // A step grows sequences in two moves, so that a batch that cannot be computed changes nothing. claim(): one more
  // token, whose position must follow those held and claimed. Errors: kUsage (no such sequence, another position),
  // kExhausted (the context is full). commit(): takes the pages, and the claims become held. Errors: kExhausted (too
  // few pages), with nothing changed. drop_claims(): forgets them.
  [[nodiscard]] Result<void> claim(SequenceId id, std::size_t position, TokenId token);
  [[nodiscard]] Result<void> commit();
  void drop_claims();

  // Forgets what kept sequences hold and gives the storage of pages that no open sequence holds back to the system,
  // which hands out zeros when it is used again. Returns the bytes that were in memory. Of a cache with storage here.
  std::size_t give_back_idle();

  // Forgets the positions from `length` on and gives back the pages that held nothing else. Where a window's positions
  // before `length` are overwritten already, or a recurrent state has passed it, nothing can be kept: the sequence is
  // empty then.
  void truncate(SequenceId id, std::size_t length);

  // Makes `to` hold what `from` holds, in pages of its own. Both are open and not the same, without claims. Errors:
  // kExhausted (too few pages), with `to` empty.
  [[nodiscard]] Result<void> copy(SequenceId from, SequenceId to);

  // What every open sequence held is gone: they are empty, and claim() tells so (kDeviceLost) until they end.
  void lose_all();

  // The sequence's pages of the pool, ascending; its page `number` in the state is the pages' entry of that number, or
  // (a state with a ring) the turn that it takes in it.
  [[nodiscard]] std::span<const PageId> pages(SequenceId id) const { return {table(id), sequence(id).pages}; }
  [[nodiscard]] std::size_t page_index(models::StateId state, SequenceId id, std::size_t number) const {
    return page_index(states_[static_cast<std::size_t>(state)], id, number);
  }

  // Where a state keeps the rows of keys [256] and of values [256] of one KV head in the sequence's page `number`;
  // values that are in the keys lie as far apart as those.
  [[nodiscard]] std::uint16_t* keys(models::StateId state, SequenceId id, std::size_t number, std::size_t head) const;
  [[nodiscard]] std::uint16_t* values(models::StateId state, SequenceId id, std::size_t number, std::size_t head) const;

  // The numbers of a recurrent state.
  [[nodiscard]] float* recurrent(models::StateId state, SequenceId id) const {
    return recurrent_.data() + static_cast<std::size_t>(id) * recurrent_stride_ +
           states_[static_cast<std::size_t>(state)].offset;
  }

  [[nodiscard]] const CacheShape& shape() const { return shape_; }

 private:
  enum class Use : std::uint8_t { kFree, kOpen, kKept };
  struct Sequence {
    std::uint32_t length;
    std::uint32_t claimed;  // Positions on top of `length`.
    std::uint32_t pages;
    std::uint32_t furthest;  // The longest that it was: what lies in rings.
    Use use;
    bool lost;           // Its positions went with a device.
    std::uint64_t kept;  // When, by the count of what was kept before.
  };
  // The first `length` positions of a sequence.
  struct Prefix {
    SequenceId of{};
    std::size_t length = 0;
  };
  struct StateStorage {
    std::size_t offset;    // In numbers_, of page 0; of a recurrent state, in its sequence's numbers.
    std::size_t page;      // Numbers a page; 0 where the state is a recurrent one.
    std::size_t key_head;  // Numbers of one head's keys in a page: 256 rows.
    std::size_t value_head;
    std::size_t values;  // Offset of the values in a page.
    std::size_t ring;    // Pages a sequence, by turns; 0: pages of the pool.
    std::size_t window;
  };

  [[nodiscard]] Sequence& sequence(SequenceId id) { return sequences_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const Sequence& sequence(SequenceId id) const { return sequences_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] PageId* table(SequenceId id) const {
    return tables_.data() + static_cast<std::size_t>(id) * shape_.pages_a_sequence;
  }
  [[nodiscard]] TokenId* tokens(SequenceId id) const {
    return tokens_.data() + static_cast<std::size_t>(id) * shape_.context;
  }
  [[nodiscard]] std::uint16_t* page(const StateStorage& state, SequenceId id, std::size_t number) const {
    return numbers_.data() + state.offset + page_index(state, id, number) * state.page;
  }
  [[nodiscard]] std::size_t page_index(const StateStorage& state, SequenceId id, std::size_t number) const {
    const std::size_t turn = static_cast<std::size_t>(id) * state.ring + (state.ring != 0 ? number % state.ring : 0);
    return state.ring != 0 ? turn : table(id)[number];
  }

  [[nodiscard]] std::span<float> recurrent_of(SequenceId id) const {
    return recurrent_.subspan(static_cast<std::size_t>(id) * recurrent_stride_, recurrent_stride_);
  }
  [[nodiscard]] bool can_go_back(const Sequence& held, std::size_t length) const;
  [[nodiscard]] Prefix longest_prefix(std::span<const TokenId> prompt) const;
  [[nodiscard]] std::size_t shared_length(SequenceId id, std::span<const TokenId> prompt) const;
  [[nodiscard]] std::optional<SequenceId> oldest_kept(std::optional<SequenceId> except = std::nullopt) const;
  [[nodiscard]] std::optional<SequenceId> free_place() const;
  [[nodiscard]] bool make_room(std::size_t pages, std::optional<SequenceId> except = std::nullopt);
  [[nodiscard]] bool copy_prefix(const Prefix& from, SequenceId to);
  void copy_positions(const StateStorage& state, const Prefix& from, SequenceId to);
  [[nodiscard]] std::size_t give_back_pages(const StateStorage& state);
  [[nodiscard]] std::size_t give_back_rings(const StateStorage& state);
  void open_empty(SequenceId id);
  void forget_from(SequenceId id, std::size_t length);

  CacheShape shape_;
  std::span<Sequence> sequences_;
  std::span<PageId> tables_;      // [sequences, pages_a_sequence]
  std::span<TokenId> tokens_;     // [sequences, context], what was claimed for each position.
  std::span<PageId> free_pages_;  // The first free_count_ are free.
  std::span<StateStorage> states_;
  std::span<std::uint16_t> numbers_;
  std::span<float> recurrent_;  // [sequences, recurrent_stride_]
  std::size_t recurrent_stride_ = 0;
  std::size_t free_count_ = 0;
  std::uint64_t keepings_ = 0;
};

}  // namespace linnet::engine
