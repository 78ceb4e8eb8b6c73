#include "runtime/text/tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "models/gguf/writer.h"
#include "runtime/text/tables_builder.h"
#include "runtime/text/tokenizer.h"
#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

TablesBlock small_block() {
  SmallVocabulary vocabulary({"a b", "ab c"});
  vocabulary.add("<|end|>", TokenType::kControl);
  const auto form = form_of(vocabulary.source());
  auto block = build_tables(vocabulary.source(), *form);
  EXPECT_TRUE(block);
  return std::move(*block);
}

TEST(Tables, LooksUpWhatWasBuilt) {
  const TablesBlock block = small_block();
  const auto tables = Tables::view(block.bytes());
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_EQ(tables->token_count(), 259u);
  EXPECT_EQ(tables->find("abc"), 257u);
  EXPECT_EQ(tables->find("abcd"), kNoSymbol);
  EXPECT_EQ(tables->find("<|end|>"), kNoSymbol);  // Only where special tokens are looked for.
  EXPECT_EQ(tables->merge(tables->byte_symbol('a'), tables->byte_symbol('b')).merged, 256u);
  EXPECT_EQ(tables->merge(256, tables->byte_symbol('c')).merged, 257u);
  EXPECT_EQ(tables->merge(tables->byte_symbol('b'), tables->byte_symbol('c')).rank, kNoRank);
  ASSERT_EQ(tables->specials().size(), 1u);
  EXPECT_EQ(tables->piece(tables->specials()[0]), "<|end|>");
}

TEST(Tables, EveryTruncationIsRefused) {
  const TablesBlock block = small_block();
  for (std::size_t size = 0; size + 8 < block.bytes().size(); size += size < 200 ? 1 : 64) {
    EXPECT_FALSE(Tables::view(block.bytes().first(size))) << size;
  }
}

// "<0x-1>" read as a number is an index before the table of bytes; only two hexadecimal digits name a byte.
TEST(Security, NoIdByteTokenTextIsNotANumber) {
  SmallVocabulary vocabulary({});
  VocabularySource& source = vocabulary.source();
  source.model = "llama";
  source.pre = {};
  const std::size_t first = source.token_count;
  const char* const texts[] = {"<0x-1>", "<0x1-1>", "<0x100>", "<0x 1>", "<0xG0>", "<0x>", "<0xFF", "<0x0a>"};
  for (const char* text : texts) vocabulary.add(text, TokenType::kByte);
  const auto good = static_cast<Symbol>(vocabulary.add("<0x0A>", TokenType::kByte));
  source.scores.assign(source.token_count, 0.0F);
  const auto form = form_of(source);
  ASSERT_TRUE(form) << form.error().message;
  const auto block = build_tables(source, *form);
  ASSERT_TRUE(block) << block.error().message;
  const auto tables = Tables::view(block->bytes());
  ASSERT_TRUE(tables) << tables.error().message;
  for (std::size_t i = 0; i < std::size(texts); ++i) EXPECT_EQ(tables->piece(static_cast<Symbol>(first + i)), texts[i]);
  for (unsigned byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(tables->byte_symbol(static_cast<std::uint8_t>(byte)), byte == 0x0A ? good : kNoSymbol) << byte;
  }
}

TEST(Tables, APackedFileGivesTheTokenizerThatItWasPackedFrom) {
  SmallVocabulary vocabulary({"a b", "ab c"});
  vocabulary.add("<|end|>", TokenType::kControl);
  gguf::Writer writer;
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", "gpt-2");
  const auto& source = vocabulary.source();
  writer.set_strings("tokenizer.ggml.tokens", std::vector<std::string>(source.tokens.begin(), source.tokens.end()));
  writer.set_strings("tokenizer.ggml.merges", std::vector<std::string>(source.merges.begin(), source.merges.end()));
  std::vector<std::int32_t> types;
  for (const TokenType type : source.types) types.push_back(static_cast<std::int32_t>(type));
  writer.set_i32s("tokenizer.ggml.token_type", types);
  const TablesBlock block = small_block();
  const std::uint64_t size = block.bytes().size();
  const auto index = writer.add_tensor(kTablesTensor, gguf::TensorType::kI8, std::span(&size, 1));
  gguf::MemorySink sink;
  ASSERT_TRUE(writer.begin(sink));
  ASSERT_TRUE(writer.write(sink, *index, 0, block.bytes()));

  const auto reader = gguf::Reader::open(sink.bytes());
  ASSERT_TRUE(reader) << reader.error().message;
  const auto built = build_tables(*reader);
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_TRUE(std::ranges::equal(built->bytes(), block.bytes()));
  const auto tokenizer = Tokenizer::load(*reader);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto data = reader->find_tensor(kTablesTensor)->data;
  EXPECT_EQ(static_cast<const void*>(&tokenizer->tables().header()), static_cast<const void*>(data.data()));
  EXPECT_EQ(tokenizer->tables().find("abc"), 257u);

  // Tables of another vocabulary are refused.
  SmallVocabulary other({"a b"});
  const auto form = form_of(other.source());
  const auto wrong = build_tables(other.source(), *form);
  std::vector<std::byte> file(sink.bytes().begin(), sink.bytes().end());
  std::memcpy(file.data() + (data.data() - sink.bytes().data()), wrong->bytes().data(), wrong->bytes().size());
  const auto wrong_reader = gguf::Reader::open(file);
  ASSERT_TRUE(wrong_reader);
  EXPECT_FALSE(Tokenizer::load(*wrong_reader));
}

// Users take memory for the longest piece: a number that no piece bears out must not be believed.
TEST(Tables, AWrongLengthOfTheLongestPieceIsRefused) {
  for (const std::int32_t change : {-1, 1, 1'000'000'000}) {
    TablesBlock block = small_block();
    TablesHeader header;
    std::memcpy(&header, block.bytes().data(), sizeof header);
    header.longest_piece += static_cast<std::uint32_t>(change);
    std::memcpy(block.bytes().data(), &header, sizeof header);
    EXPECT_FALSE(Tables::view(block.bytes())) << change;
  }
}

// Damage is refused or harmless: a view that is accepted encodes without reading outside (the sanitizers watch).
TEST(Tables, DamagedBlocksNeverReadOutside) {
  SmallVocabulary vocabulary({"a b", "ab c"});
  std::mt19937 random(7);
  const TablesBlock good = small_block();
  for (int round = 0; round < 3000; ++round) {
    TablesBlock block(good.bytes().size());
    std::memcpy(block.bytes().data(), good.bytes().data(), good.bytes().size());
    for (unsigned hits = random() % 4 + 1; hits > 0; --hits) {
      const std::size_t at = random() % 3 == 0 ? random() % 64 : random() % block.bytes().size();
      block.bytes()[at] = static_cast<std::byte>(random());
    }
    const auto tables = Tables::view(block.bytes());
    if (!tables) continue;
    for (const char* text : {"abc", "", "zz", "<|end|>"}) (void)tables->find(text);
    for (Symbol left = 0; left < tables->header().symbols; left += 7) (void)tables->merge(left, left + 1).merged;
    std::size_t bytes = 0;
    for (Symbol i = 0; i < tables->header().symbols; ++i) {
      for (const char c : tables->piece(i)) bytes += static_cast<unsigned char>(c);
    }
    EXPECT_GE(bytes, 0u);
  }
}

}  // namespace
}  // namespace linnet::text
