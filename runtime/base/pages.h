// What the kernel is asked to do with pages of memory: lock them, read them, make them huge, take them back.
//
// Advice never changes what a program computes, so whoever asks may go on without it: a refusal is an Error with words
// for people, and nothing else.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace linnet {

[[nodiscard]] std::size_t page_size();

// The whole pages inside `part`: dropping them drops nothing of a neighbour.
[[nodiscard]] std::span<const std::byte> whole_pages(std::span<const std::byte> part);
// The pages that `part` touches.
[[nodiscard]] std::span<const std::byte> touched_pages(std::span<const std::byte> part);

// How much of the pages that `part` touches is in memory; all of it where the kernel does not say.
[[nodiscard]] std::size_t resident_bytes(std::span<const std::byte> part);

// How much a process may lock; nothing where there is no limit, or it may pass it (CAP_IPC_LOCK).
[[nodiscard]] std::optional<Bytes> lock_limit();

// Reads and keeps the pages of `part` until it is unmapped. Errors: kDenied, with the limit.
[[nodiscard]] Result<void> lock_pages(std::span<const std::byte> part);

// Asks for huge pages (2 MiB on most machines), which the kernel gives as `part` is first touched. For anonymous memory
// alone. Errors: kUnsupported (the kernel has none, or they are switched off).
[[nodiscard]] Result<void> use_huge_pages(std::span<std::byte> part);

// Reads the pages of `part` and maps them, so that whoever uses them waits for nothing (MADV_POPULATE_READ). Errors:
// kUnsupported (Linux before 5.14), kIo (a page cannot be read).
[[nodiscard]] Result<void> read_pages(std::span<const std::byte> part);

// Starts reading pages of a mapped file and returns.
void will_need(std::span<const std::byte> part);

enum class Access : unsigned char { kUsual, kRandom };

// How a mapped file will be read: with kRandom the kernel reads the page that is missing alone, not its surroundings,
// and does not hold on to it for having been used.
void expect(Access access, std::span<const std::byte> part);

// Of pages that are not needed soon: they are the first that the kernel takes when it must (MADV_COLD).
void is_cold(std::span<const std::byte> part);

// Gives the whole pages of anonymous memory back: they read as zeros from now on. Returns the bytes that were in
// memory; 0 where the kernel refuses (locked pages).
std::size_t give_back(std::span<std::byte> part);

}  // namespace linnet
