#include "runtime/daemon/frame_codec.h"

#include <gtest/gtest.h>

#include "runtime/daemon/messages.h"

namespace linnet::daemon {
namespace {

std::vector<std::byte> frame_of(FrameCodec& codec, std::string_view text) {
  const auto frame = codec.compress(text);
  EXPECT_TRUE(frame);
  return {frame->begin(), frame->end()};
}

TEST(FrameCodec, GivesBackTheSameBytes) {
  FrameCodec codec;
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string(100000, 'x'), std::string("\0\xFF", 2)}) {
    const auto back = codec.expand(frame_of(codec, text));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, text);
  }
}

TEST(FrameCodec, TheDictionaryKnowsOutcomes) {
  FrameCodec codec;
  std::string outcome;
  write_ended(outcome, "01JD8Z5W2PQRSTVWXYZ0123456", OutcomeKind::kFailed, "restart", "the device restarted");
  EXPECT_LT(frame_of(codec, outcome).size(), outcome.size() * 3 / 4);
}

TEST(FrameCodec, DamageIsAnErrorAndOlderMessagesPass) {
  FrameCodec codec;
  auto frame = frame_of(codec, std::string(500, 'a') + "end");
  frame.resize(frame.size() - 3);
  ASSERT_FALSE(codec.expand(frame));
  EXPECT_EQ(codec.expand(frame).error().kind, ErrorKind::kMalformed);
  const std::string plain = R"({"id":"r1"})";
  EXPECT_EQ(*codec.expand(std::as_bytes(std::span(plain))), plain);
}

}  // namespace
}  // namespace linnet::daemon
