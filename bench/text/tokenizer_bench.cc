// Prints, in processor time, what a vocabulary costs at start (built and mapped), the doubling table of tokenising, and
// what masks cost.
//
// tokenizer_bench VOCABULARY.gguf [TEXT-FILE]
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "models/gguf/atomic_file.h"
#include "models/gguf/reader.h"
#include "models/gguf/writer.h"
#include "runtime/base/mapped_file.h"
#include "runtime/text/grammar/constraint.h"
#include "runtime/text/tokenizer.h"

namespace linnet::text {
namespace {

constexpr int kRepeats = 7;

// An error ends a benchmark.
template <class T>
T need(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "tokenizer_bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Of this thread's processor: the machine may be shared.
double cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double median_ms(const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < kRepeats; ++i) {
    const double start = cpu_ms();
    work();
    times.push_back(cpu_ms() - start);
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

// The vocabulary's file with its tables, as a packed model carries them.
void write_packed(const gguf::Reader& file, const std::string& path) {
  const TablesBlock block = need(build_tables(file));
  gguf::Writer writer;
  for (const auto& entry : file.entries()) writer.copy(entry);
  const std::uint64_t size = block.bytes().size();
  const std::size_t index = need(writer.add_tensor(kTablesTensor, gguf::TensorType::kI8, std::span(&size, 1)));
  auto sink = need(gguf::AtomicFile::create(path));
  need(writer.begin(sink));
  need(writer.write(sink, index, 0, block.bytes()));
  need(sink.commit());
}

void time_start(const std::string& path) {
  const std::string packed_path = path.substr(path.rfind('/') + 1) + ".packed";
  const auto file = need(MappedFile::open(path));
  const auto reader = need(gguf::Reader::open(file.bytes()));
  write_packed(reader, packed_path);
  const auto packed = need(MappedFile::open(packed_path));
  const auto packed_reader = need(gguf::Reader::open(packed.bytes()));
  const double built = median_ms([&] { (void)need(Tokenizer::load(reader)); });
  const double mapped = median_ms([&] { (void)need(Tokenizer::load(packed_reader)); });
  std::printf("start: %zu tokens; built %.1f ms, mapped %.1f ms, ratio %.0f; tables %zu KiB\n",
              need(Tokenizer::load(packed_reader)).token_count(), built, mapped, built / mapped,
              packed_reader.find_tensor(kTablesTensor)->data.size() / 1024);
  std::remove(packed_path.c_str());
}

void time_doubling(const Tokenizer& tokenizer, const char* name, const std::function<std::string(std::size_t)>& make) {
  std::printf("%-24s", name);
  for (std::size_t size = 16 << 10; size <= (1 << 20); size *= 2) {
    const std::string text = make(size);
    std::vector<std::byte> scratch(tokenizer.scratch_bytes(Tokenizer::most_bytes(text.size())));
    std::vector<TokenId> ids(Tokenizer::most_tokens(text.size()));
    const double ms = median_ms([&] { (void)need(tokenizer.encode(text, {}, ids, scratch)); });
    std::printf(" %8.2f", ms);
  }
  std::printf("  ms\n");
}

void time_tokenising(const Tokenizer& tokenizer, const std::string& text) {
  std::printf("%-24s %8s %8s %8s %8s %8s %8s %8s\n", "KiB", "16", "32", "64", "128", "256", "512", "1024");
  const auto repeat = [](std::string_view unit) {
    return [unit](std::size_t size) {
      std::string out;
      while (out.size() < size) out += unit;
      out.resize(size);
      return out;
    };
  };
  time_doubling(tokenizer, "one letter", repeat("a"));
  time_doubling(tokenizer, "one space", repeat(" "));
  time_doubling(tokenizer, "one newline", repeat("\n"));
  time_doubling(tokenizer, "one ideograph", repeat("\xE5\xAD\x97"));
  time_doubling(tokenizer, "one combining mark", repeat("\xCC\x81\xCC\xA3"));
  time_doubling(tokenizer, "one digit", repeat("7"));
  time_doubling(tokenizer, "one punctuation mark", repeat("!"));
  if (!text.empty()) time_doubling(tokenizer, "text", repeat(text));
}

constexpr std::string_view kJson = R"g(
root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws
array ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" ([^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws ::= [ \t\n]*
)g";

// The longest token that `text` starts with.
TokenId longest_start(const Tokenizer& tokenizer, std::string_view text) {
  TokenId best = kNoToken;
  for (TokenId id = 0; static_cast<std::size_t>(id) < tokenizer.token_count(); ++id) {
    const std::string_view piece = tokenizer.piece(id);
    if (text.starts_with(piece) && piece.size() > (best == kNoToken ? 0 : tokenizer.piece(best).size())) best = id;
  }
  return best;
}

// Masks along a JSON text: the first time each place is met, and again.
void time_masks(const Tokenizer& tokenizer) {
  const TokenTrie trie = TokenTrie::build(tokenizer);
  const Grammar grammar = need(Grammar::compile(kJson));
  Constraint constraint(trie);
  const std::string text =
      R"({"name": "a sentence of some words, not short", "n": [1, -20.5e3, true], "o": {"k": null}})";
  std::vector<std::uint64_t> mask(constraint.mask_words());
  need(constraint.reset(grammar));
  std::vector<double> times;
  for (std::string_view rest = text; !rest.empty();) {
    const double start = cpu_ms();
    (void)need(constraint.mask(mask));
    times.push_back((cpu_ms() - start) * 1000);
    const TokenId next = longest_start(tokenizer, rest);
    if (!constraint.accept(next)) {
      std::printf("masks: the grammar refuses its own language\n");
      return;
    }
    rest.remove_prefix(tokenizer.piece(next).size());
  }
  const std::size_t count = times.size();
  double sum = 0;
  for (const double time : times) sum += time;
  std::ranges::sort(times);
  std::printf("masks: %zu tokens of JSON, mean %.0f us, median %.0f us, slowest %.0f us; constraint %zu KiB\n", count,
              sum / static_cast<double>(count), times[count / 2], times.back(), Constraint::bytes_for(trie) / 1024);
}

std::string read_text(const char* path) {
  const auto file = need(MappedFile::open(path));
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace
}  // namespace linnet::text

int main(int argc, char** argv) {
  using namespace linnet;
  if (argc < 2) {
    std::fprintf(stderr, "usage: tokenizer_bench VOCABULARY.gguf [TEXT-FILE]\n");
    return 2;
  }
  text::time_start(argv[1]);
  const auto file = text::need(MappedFile::open(argv[1]));
  const auto reader = text::need(gguf::Reader::open(file.bytes()));
  const auto tokenizer = text::need(text::Tokenizer::load(reader));
  text::time_tokenising(tokenizer, argc > 2 ? text::read_text(argv[2]) : std::string());
  text::time_masks(tokenizer);
  return 0;
}
