// Every text of the reference vocabularies gives the reference's ids.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "models/gguf/reader.h"
#include "runtime/base/mapped_file.h"
#include "runtime/text/stream_decoder.h"
#include "runtime/text/tokenizer.h"
#include "tests/text/shared_data.h"

namespace linnet::text {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> split(const std::string& text, const std::string& mark) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t next; (next = text.find(mark, at)) != std::string::npos; at = next + mark.size()) {
    parts.push_back(text.substr(at, next - at));
  }
  return parts;
}

class ReferenceVocabulary : public testing::TestWithParam<const char*> {};

TEST_P(ReferenceVocabulary, GivesTheIdsOfTheReference) {
  const auto path = shared_data() / "vocab" / ("ggml-vocab-" + std::string(GetParam()) + ".gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there: set LINNET_SHARED_DATA";
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto reader = gguf::Reader::open(file->bytes());
  ASSERT_TRUE(reader) << reader.error().message;
  const auto tokenizer = Tokenizer::load(*reader);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;

  const auto texts = split(read_file(path.string() + ".inp"), "\n__ggml_vocab_test__\n");
  const auto lines = split(read_file(path.string() + ".out"), "\n");
  ASSERT_GT(texts.size(), 40u);
  ASSERT_EQ(texts.size(), lines.size());
  std::vector<std::byte> scratch(tokenizer->scratch_bytes(1 << 16));
  std::vector<TokenId> ids(Tokenizer::most_tokens(1 << 16));
  StreamDecoder decoder(*tokenizer);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto count = tokenizer->encode(texts[i], {.add_special = false}, ids, scratch);
    ASSERT_TRUE(count) << count.error().message;
    std::string got;
    std::string decoded;
    decoder.reset();
    for (const TokenId id : std::span(ids).first(*count)) {
      got += " " + std::to_string(id);
      decoded += decoder.push(id);
    }
    decoded += decoder.finish();
    EXPECT_EQ(got, lines[i]) << "text " << i << ": " << testing::PrintToString(texts[i]);
    if (tokenizer->tables().header().kind != TokenizerKind::kWordPiece) {
      EXPECT_EQ(decoded, texts[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, ReferenceVocabulary,
                         testing::Values("gpt-2", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "llama-spm",
                                         "bert-bge"));

}  // namespace
}  // namespace linnet::text
