// Messages as zstd frames with a dictionary that was trained on such messages: short JSON shrinks to about a third.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;
struct ZSTD_CDict_s;
struct ZSTD_DDict_s;

namespace linnet::daemon {

// One thread at a time. Its contexts are made once.
class FrameCodec {
 public:
  FrameCodec();
  ~FrameCodec();
  FrameCodec(FrameCodec&&) noexcept;
  FrameCodec& operator=(FrameCodec&&) noexcept;

  // The frame (RFC 8878) of `text`, valid until the next call. Errors: kExhausted.
  [[nodiscard]] Result<std::span<const std::byte>> compress(std::string_view text);

  // The text of a frame; what is no frame is given back as it is (messages from before there were frames).
  // Errors: kMalformed (damaged, larger than a message can be, or of another dictionary).
  [[nodiscard]] Result<std::string> expand(std::span<const std::byte> bytes);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
    void operator()(ZSTD_DCtx_s* context) const;
    void operator()(ZSTD_CDict_s* dictionary) const;
    void operator()(ZSTD_DDict_s* dictionary) const;
  };

  std::unique_ptr<ZSTD_CCtx_s, Free> compressor_;
  std::unique_ptr<ZSTD_DCtx_s, Free> expander_;
  std::unique_ptr<ZSTD_CDict_s, Free> to_frames_;
  std::unique_ptr<ZSTD_DDict_s, Free> from_frames_;
  std::vector<std::byte> frame_;
};

}  // namespace linnet::daemon
