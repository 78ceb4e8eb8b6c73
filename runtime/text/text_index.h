// Finds the symbol of a text while tables are built.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/text/tables.h"

namespace linnet::text {

// An open hash table; texts must outlive it.
class TextIndex {
 public:
  explicit TextIndex(std::size_t expected) { grow(expected * 2 + 16); }

  [[nodiscard]] Symbol find(std::string_view text) const {
    const Slot& slot = slots_[place_of(text, Tables::hash_of(text))];
    return slot.symbol;
  }

  // Keeps what is there: of equal texts the first counts. False where a text probes so long that the texts must have
  // been made for it.
  [[nodiscard]] bool insert(std::string_view text, Symbol symbol) {
    if (2 * (count_ + 1) > slots_.size()) grow(2 * slots_.size());
    const std::uint32_t hash = Tables::hash_of(text);
    const std::size_t place = place_of(text, hash);
    if (slots_[place].symbol != kNoSymbol) return true;
    slots_[place] = {text, hash, symbol};
    ++count_;
    return ((place - hash) & (slots_.size() - 1)) < kLongestProbe;
  }

 private:
  struct Slot {
    std::string_view text;
    std::uint32_t hash = 0;
    Symbol symbol = kNoSymbol;
  };

  [[nodiscard]] std::size_t place_of(std::string_view text, std::uint32_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t place = hash & mask;
    while (slots_[place].symbol != kNoSymbol && (slots_[place].hash != hash || slots_[place].text != text)) {
      place = (place + 1) & mask;
    }
    return place;
  }

  void grow(std::size_t slots) {
    std::vector<Slot> old(std::bit_ceil(slots));
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.symbol != kNoSymbol) slots_[place_of(slot.text, slot.hash)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace linnet::text
