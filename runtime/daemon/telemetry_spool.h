// Figures of the time without a broker: the newest are kept, the oldest make room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/daemon/database.h"
#include "runtime/daemon/frame_codec.h"

namespace linnet::daemon {

// One thread at a time. Not flushed: a power cut may cost the last figures, never the disk's time.
class TelemetrySpool {
 public:
  struct Entry {
    std::int64_t sequence = 0;
    std::string text;
  };

  // `most`: entries that are kept; a day at 30 s is 2,880, about 0.5 MiB of frames. A damaged file is deleted and begun
  // anew: what it holds is worth less than what comes. Errors: those of Database.
  [[nodiscard]] static Result<TelemetrySpool> open(const std::string& path, std::int64_t most);

  [[nodiscard]] Result<void> add(std::string_view text);
  // The oldest, ascending; of a damaged frame, an empty text. Errors: those of Database.
  [[nodiscard]] Result<std::vector<Entry>> oldest(std::size_t limit);
  [[nodiscard]] Result<void> remove_up_to(std::int64_t sequence);

 private:
  [[nodiscard]] static Result<TelemetrySpool> open_once(const std::string& path, std::int64_t most);
  TelemetrySpool(Database database, Statement insert, Statement select, Statement remove);

  Database database_;
  FrameCodec codec_;
  Statement insert_;
  Statement select_;
  Statement remove_;
};

}  // namespace linnet::daemon
