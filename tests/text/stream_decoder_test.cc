#include "runtime/text/stream_decoder.h"

#include <gtest/gtest.h>

#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

class Decoder : public testing::Test {
 protected:
  Decoder() : vocabulary_({"q q"}) {
    control_ = vocabulary_.add("<end>", TokenType::kControl);
    tokenizer_.emplace(std::move(*Tokenizer::create(vocabulary_.source())));
  }
  TokenId byte(unsigned value) { return static_cast<TokenId>(value); }

  SmallVocabulary vocabulary_;
  std::optional<Tokenizer> tokenizer_;
  TokenId control_ = kNoToken;
};

TEST_F(Decoder, NeverGivesHalfACharacter) {
  StreamDecoder decoder(*tokenizer_);
  EXPECT_EQ(decoder.push(byte(0xF0)), "");
  EXPECT_EQ(decoder.push(byte(0x9F)), "");
  EXPECT_EQ(decoder.push(control_), "");
  EXPECT_EQ(decoder.push(byte(0x98)), "");
  EXPECT_EQ(decoder.push(byte(0x80)), "😀");
  EXPECT_EQ(decoder.push(byte('x')), "x");
  EXPECT_EQ(decoder.finish(), "");
}

TEST_F(Decoder, WhatCannotBecomeACharacterIsReplaced) {
  StreamDecoder decoder(*tokenizer_);
  EXPECT_EQ(decoder.push(byte(0xE2)), "");
  EXPECT_EQ(decoder.push(byte('x')), "\xEF\xBF\xBDx");
  EXPECT_EQ(decoder.push(byte(0xC3)), "");
  EXPECT_EQ(decoder.finish(), "\xEF\xBF\xBD");
  decoder.reset();
  EXPECT_EQ(decoder.push(byte('y')), "y");
}

}  // namespace
}  // namespace linnet::text
