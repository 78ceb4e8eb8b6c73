#include "kernels/cuda/serial.h"

#include <ucontext.h>
#include <csetjmp>

#include <algorithm>
#include <memory>
#include <vector>

namespace linnet::kernels::cuda::serial {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;

// Of fibers, kept from launch to launch: touching fresh ones would take longer than most kernels.
std::vector<std::unique_ptr<std::byte[]>>& stacks() {
  static std::vector<std::unique_ptr<std::byte[]>> stacks;
  return stacks;
}

// Threads that wait for each other. One that has ended is not waited for.
struct Barrier {
  std::uint32_t expected = 0;
  std::uint32_t arrived = 0;
  std::uint32_t generation = 0;

  void release_if_complete() {
    if (arrived != expected || expected == 0) return;
    arrived = 0;
    ++generation;
  }
};

struct Warp {
  Barrier barrier;
  Exchange exchanges[2];  // By turns: the next may be filled while the last is read.
  std::uint32_t turn[32] = {};
};

// Begins as a context of its own; from then on it is left and entered by jumps, which need no system call.
struct Fiber {
  ucontext_t context{};
  std::jmp_buf place_in_code{};
  bool started = false;
  Place place{};
  bool done = false;
};

// One block that runs. Serial by nature: one at a time in the process.
class Block {
 public:
  Block(const Grid& grid, const std::function<void()>& thread)
      : thread_(thread), shared_(grid.shared_bytes + kAlignment), fibers_(grid.threads), warps_(grid.threads / 32 + 1) {
    while (stacks().size() < grid.threads) stacks().emplace_back(new std::byte[kStackBytes]);
  }

  void run(std::uint32_t x, std::uint32_t y, std::uint32_t z, Order order) {
    const auto count = static_cast<std::uint32_t>(fibers_.size());
    std::fill(shared_.begin(), shared_.end(), std::byte{0xFF});  // NaNs: nobody may read what nobody wrote.
    barrier_ = {.expected = count};
    for (std::uint32_t i = 0; i < count; ++i) {
      Fiber& fiber = fibers_[i];
      fiber.place = {i, x, y, z, count};
      fiber.done = false;
      fiber.started = false;
      if (i % 32 == 0) warps_[i / 32].barrier = {.expected = std::min(32U, count - i)};
      warps_[i / 32].turn[i % 32] = 0;
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = stacks()[i].get();
      fiber.context.uc_stack.ss_size = kStackBytes;
      fiber.context.uc_link = nullptr;  // enter() does not return.
      makecontext(&fiber.context, enter, 0);
    }
    for (std::uint32_t left = count; left != 0;) {
      const std::uint32_t before = left;
      const std::uint64_t progress = progress_;
      for (std::uint32_t turn = 0; turn < count; ++turn) {
        current_ = order == Order::kAscending ? turn : count - 1 - turn;
        if (fibers_[current_].done) continue;
        enter_fiber();
        if (fibers_[current_].done) --left;
      }
      // All wait for what never comes: some threads took another way to a barrier.
      if (left == before && progress == progress_) __builtin_trap();
    }
  }

  void wait(Barrier& barrier) {
    const std::uint32_t generation = barrier.generation;
    ++barrier.arrived;
    barrier.release_if_complete();
    if (barrier.generation != generation) ++progress_;
    while (barrier.generation == generation) leave_fiber();
  }

  [[nodiscard]] const Place& place() const { return fibers_[current_].place; }
  [[nodiscard]] Warp& warp() { return warps_[current_ / 32]; }
  [[nodiscard]] Barrier& barrier() { return barrier_; }
  [[nodiscard]] std::byte* shared() {
    void* first = shared_.data();
    std::size_t room = shared_.size();
    return static_cast<std::byte*>(std::align(kAlignment, 1, first, room));
  }

  static Block* current_block;

 private:
  static constexpr std::size_t kAlignment = 256;

  void enter_fiber() {
    if (_setjmp(scheduler_jump_) != 0) return;
    Fiber& fiber = fibers_[current_];
    if (fiber.started) _longjmp(fiber.place_in_code, 1);
    fiber.started = true;
    setcontext(&fiber.context);
  }

  void leave_fiber() {
    if (_setjmp(fibers_[current_].place_in_code) == 0) _longjmp(scheduler_jump_, 1);
  }

  static void enter() {
    Block& block = *current_block;
    block.thread_();
    Fiber& fiber = block.fibers_[block.current_];
    fiber.done = true;
    for (Barrier* const barrier : {&block.barrier_, &block.warp().barrier}) {
      --barrier->expected;
      barrier->release_if_complete();
    }
    _longjmp(block.scheduler_jump_, 1);
  }

  const std::function<void()>& thread_;
  std::vector<std::byte> shared_;
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  Barrier barrier_;
  std::jmp_buf scheduler_jump_{};
  std::uint32_t current_ = 0;
  std::uint64_t progress_ = 0;
};

Block* Block::current_block = nullptr;

}  // namespace

void run(const Grid& grid, Order order, const std::function<void()>& thread) {
  Block block(grid, thread);
  Block::current_block = &block;
  for (std::uint32_t z = 0; z < grid.z; ++z) {
    for (std::uint32_t y = 0; y < grid.y; ++y) {
      for (std::uint32_t x = 0; x < grid.x; ++x) block.run(x, y, z, order);
    }
  }
  Block::current_block = nullptr;
}

const Place& place() { return Block::current_block->place(); }
std::byte* dynamic_shared() { return Block::current_block->shared(); }
void block_barrier() { Block::current_block->wait(Block::current_block->barrier()); }

namespace {

// The running lane's turn: `put` fills in what it gives, then the others are waited for.
template <class Put>
const Exchange& take_turn(Put put) {
  Block& block = *Block::current_block;
  Warp& warp = block.warp();
  const std::uint32_t lane = block.place().thread % 32;
  Exchange& now = warp.exchanges[warp.turn[lane]++ % 2];
  put(now, lane);
  block.wait(warp.barrier);
  return now;
}

}  // namespace

const Exchange& exchange(const std::uintptr_t* words, std::size_t count) {
  return take_turn([&](Exchange& now, std::uint32_t lane) { std::copy_n(words, count, now.word[lane]); });
}

const Exchange& exchange(const std::byte* address) {
  return take_turn([&](Exchange& now, std::uint32_t lane) { now.address[lane] = address; });
}

}  // namespace linnet::kernels::cuda::serial
