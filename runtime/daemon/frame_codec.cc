#include "runtime/daemon/frame_codec.h"

#include <zstd.h>

#include <array>

namespace linnet::daemon {
namespace {

// Trained by train_dictionary.py. Frames outlive the program: another dictionary needs another id beside this one.
constexpr std::array kDictionary = std::to_array<unsigned char>({
#include "runtime/daemon/message_dictionary.inc"
});

constexpr int kLevel = 3;                          // Higher levels gain 2 % on messages of this size.
constexpr std::size_t kLargestMessage = 4U << 20;  // An answer is at most 2^20 tokens of a few bytes each.
constexpr std::uint32_t kFrameMagic = ZSTD_MAGICNUMBER;

bool is_frame(std::span<const std::byte> bytes) {
  if (bytes.size() < 4) return false;
  std::uint32_t magic = 0;
  for (std::size_t i = 0; i < 4; ++i) magic |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
  return magic == kFrameMagic;
}

}  // namespace

void FrameCodec::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void FrameCodec::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }
void FrameCodec::Free::operator()(ZSTD_CDict_s* dictionary) const { ZSTD_freeCDict(dictionary); }
void FrameCodec::Free::operator()(ZSTD_DDict_s* dictionary) const { ZSTD_freeDDict(dictionary); }

FrameCodec::FrameCodec()
    : compressor_(ZSTD_createCCtx()),
      expander_(ZSTD_createDCtx()),
      to_frames_(ZSTD_createCDict(kDictionary.data(), kDictionary.size(), kLevel)),
      from_frames_(ZSTD_createDDict(kDictionary.data(), kDictionary.size())) {}

FrameCodec::~FrameCodec() = default;
FrameCodec::FrameCodec(FrameCodec&&) noexcept = default;
FrameCodec& FrameCodec::operator=(FrameCodec&&) noexcept = default;

Result<std::span<const std::byte>> FrameCodec::compress(std::string_view text) {
  frame_.resize(ZSTD_compressBound(text.size()));
  const std::size_t size = ZSTD_compress_usingCDict(compressor_.get(), frame_.data(), frame_.size(), text.data(),
                                                    text.size(), to_frames_.get());
  if (ZSTD_isError(size) != 0) return fail(ErrorKind::kExhausted, std::string("zstd: ") + ZSTD_getErrorName(size));
  return std::span<const std::byte>(frame_).first(size);
}

Result<std::string> FrameCodec::expand(std::span<const std::byte> bytes) {
  if (!is_frame(bytes)) return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size > kLargestMessage) return fail(ErrorKind::kMalformed, "a kept message is no message: its frame is damaged");
  std::string text(static_cast<std::size_t>(size), '\0');
  const std::size_t written = ZSTD_decompress_usingDDict(expander_.get(), text.data(), text.size(), bytes.data(),
                                                         bytes.size(), from_frames_.get());
  if (ZSTD_isError(written) != 0 || written != text.size()) {
    return fail(ErrorKind::kMalformed, "a kept message cannot be read: its frame is damaged");
  }
  return text;
}

}  // namespace linnet::daemon
