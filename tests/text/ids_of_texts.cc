// Token ids of texts from standard input, for the scripts that compare them with other implementations.
//
// ids_of_texts VOCABULARY.gguf [--special]: each text is a line with its length in bytes, then its bytes; each answer
// is one line of ids. With --round-trip it is 1 where the ids decode to the text again, 0 where not, - where the text
// is no valid UTF-8. --time FILE [REPEATS] prints the median seconds that the file takes instead.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>

#include "models/gguf/reader.h"
#include "runtime/base/clock.h"
#include "runtime/base/mapped_file.h"
#include "runtime/text/stream_decoder.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::size_t kLongest = std::size_t{64} << 20;

int stop(const std::string& message) {
  std::fprintf(stderr, "ids_of_texts: %s\n", message.c_str());
  return 1;
}

struct Memory {
  explicit Memory(const Tokenizer& tokenizer, std::size_t size)
      : scratch(tokenizer.scratch_bytes(size)), ids(Tokenizer::most_tokens(size)) {}
  std::vector<std::byte> scratch;
  std::vector<TokenId> ids;
};

int time_file(const Tokenizer& tokenizer, const char* path, int repeats) {
  const auto file = MappedFile::open(path);
  if (!file) return stop(file.error().message);
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  Memory memory(tokenizer, 3 * text.size());
  std::vector<double> seconds;
  std::size_t count = 0;
  for (int i = 0; i < repeats; ++i) {
    const std::clock_t start = std::clock();  // Processor time: the machine may be shared.
    const auto got = tokenizer.encode(text, {.add_special = false}, memory.ids, memory.scratch);
    if (!got) return stop(got.error().message);
    count = *got;
    seconds.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("%.6f %zu\n", seconds[seconds.size() / 2], count);
  return 0;
}

std::string written(std::span<const TokenId> ids) {
  std::string out;
  for (const TokenId id : ids) out += (out.empty() ? "" : " ") + std::to_string(id);
  return out;
}

const char* round_trip(const Tokenizer& tokenizer, std::string_view text, std::span<const TokenId> ids) {
  if (valid_prefix(text) != text.size()) return "-";
  StreamDecoder decoder(tokenizer);
  std::string decoded;
  for (const TokenId id : ids) decoded += decoder.push(id);
  decoded += decoder.finish();
  return decoded == text ? "1" : "0";
}

int answer_texts(const Tokenizer& tokenizer, const std::string& option) {
  const bool special = option == "--special";
  std::string line;
  std::string text;
  while (std::getline(std::cin, line)) {
    const auto size = static_cast<std::size_t>(std::strtoul(line.c_str(), nullptr, 10));
    if (size > kLongest) return stop("a text is too long");
    text.resize(size);
    std::cin.read(text.data(), static_cast<std::streamsize>(size));
    Memory memory(tokenizer, 3 * size + 16);
    const auto count =
        tokenizer.encode(text, {.add_special = special, .parse_special = special}, memory.ids, memory.scratch);
    if (!count) return stop(count.error().message);
    const auto ids = std::span<const TokenId>(memory.ids).first(*count);
    std::puts(option == "--round-trip" ? round_trip(tokenizer, text, ids) : written(ids).c_str());
  }
  return 0;
}

int run(int argc, char** argv) {
  if (argc < 2) return stop("usage: ids_of_texts VOCABULARY.gguf [--special | --round-trip | --time FILE [REPEATS]]");
  const auto file = MappedFile::open(argv[1]);
  if (!file) return stop(file.error().message);
  const auto reader = gguf::Reader::open(file->bytes());
  if (!reader) return stop(reader.error().message);
  const auto start = Clock::now();
  const auto tokenizer = Tokenizer::load(*reader);
  if (!tokenizer) return stop(tokenizer.error().message);
  if (std::getenv("LINNET_PRINT_LOAD") != nullptr) {
    std::fprintf(stderr, "load %.2f ms\n", milliseconds_between(start, Clock::now()));
  }
  const std::string option = argc > 2 ? argv[2] : "";
  if (option == "--time" && argc > 3) return time_file(*tokenizer, argv[3], argc > 4 ? std::atoi(argv[4]) : 5);
  return answer_texts(*tokenizer, option);
}

}  // namespace
}  // namespace linnet::text

int main(int argc, char** argv) { return linnet::text::run(argc, argv); }
