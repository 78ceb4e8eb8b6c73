// Prints what a schema costs of decoding: a mask over a real vocabulary, and choosing under it, beside a step of a
// model.
//
// mask_bench MODEL.gguf VOCABULARY.gguf: the model has at least as many tokens as the vocabulary, and is packed. Each
// token of a text is decoded, masked and chosen by turns, with one thread and in processor time.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "hal/cpu.h"
#include "models/gguf/reader.h"
#include "runtime/base/mapped_file.h"
#include "runtime/engine/engine.h"
#include "runtime/text/grammar/constraint.h"
#include "runtime/text/grammar/json_schema.h"
#include "runtime/text/tokenizer.h"

namespace linnet {
namespace {

struct Case {
  const char* name;
  const char* schema;
  const char* text;  // What the schema accepts.
};

constexpr Case kCases[] = {
    {"a command",
     R"({"type":"object","properties":{"action":{"enum":["on","off","dim"]},"room":{"type":"string","maxLength":40},)"
     R"("level":{"type":"integer","minimum":0,"maximum":100},"after_minutes":{"type":"integer","minimum":0}},)"
     R"("required":["action","room"]})",
     R"({"action": "dim", "room": "the living room upstairs", "level": 35, "after_minutes": 15})"},
    {"a report",
     R"({"type":"object","properties":{"title":{"type":"string"},"summary":{"type":"string"},"readings":{"type":"array",)"
     R"("items":{"type":"object","properties":{"sensor":{"type":"string"},"value":{"type":"number"},"ok":{"type":"boolean"}},)"
     R"("required":["sensor","value","ok"]}}},"required":["title","summary","readings"]})",
     R"({"title": "Night shift", "summary": "All lines ran; the second pump was stopped twice because of its bearing, )"
     R"(which grew warm after two hours. A new one is ordered.", "readings": [{"sensor": "pump 1", "value": 41.5, "ok": true}, )"
     R"({"sensor": "pump 2", "value": 78.25, "ok": false}, {"sensor": "hall", "value": -3, "ok": true}]})"},
    {"any JSON", "true",
     R"({"name": "a sentence of some words, not short", "n": [1, -20.5e3, true], "o": {"k": null, "ü": "naïve"}})"},
};

template <class T>
T need(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "mask_bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// Microseconds of each part, a token each.
struct Times {
  std::vector<double> step;
  std::vector<double> plain;   // Choosing from all tokens.
  std::vector<double> mask;    // The mask, and going on with the token that was chosen.
  std::vector<double> masked;  // Choosing under it.
};

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

double mean(const std::vector<double>& values) { return sum(values) / static_cast<double>(values.size()); }

std::vector<text::TokenId> ids_of(const text::Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::byte> scratch(tokenizer.scratch_bytes(text::Tokenizer::most_bytes(text.size())));
  std::vector<text::TokenId> ids(text::Tokenizer::most_tokens(text.size()));
  ids.resize(need(tokenizer.encode(text, {.add_special = false}, ids, scratch)));
  return ids;
}

Times run(engine::Engine& engine, const text::Tokenizer& tokenizer, const Case& one) {
  const text::TokenTrie trie = text::TokenTrie::build(tokenizer);
  const text::Grammar grammar = need(text::Grammar::compile(need(text::grammar_of_json_schema(one.schema))));
  text::Constraint constraint(trie);
  std::vector<std::uint64_t> mask(constraint.mask_words());
  need(constraint.reset(grammar));
  engine::Sampler sampler({.temperature = 0});
  const auto sequence = need(engine.begin_sequence());
  Times times;
  const auto timed = [](std::vector<double>& into, const auto& work) {
    const double start = cpu_us();
    work();
    into.push_back(cpu_us() - start);
  };
  for (const text::TokenId id : ids_of(tokenizer, one.text)) {
    const engine::BatchRow row{id, sequence, static_cast<std::uint32_t>(engine.length(sequence)), true};
    std::span<const float> logits;
    timed(times.step, [&] { logits = need(engine.step({&row, 1})).row(0); });
    timed(times.plain, [&] { (void)need(sampler.sample(logits, {}, engine.sampler_scratch())); });
    timed(times.mask, [&] { (void)need(constraint.mask(mask)); });
    timed(times.masked, [&] { (void)need(sampler.sample(logits, mask, engine.sampler_scratch())); });
    const double start = cpu_us();
    if (!constraint.accept(id))
      need<void>(fail(ErrorKind::kUsage, std::string(one.name) + ": not what its schema accepts"));
    times.mask.back() += cpu_us() - start;
  }
  engine.end_sequence(sequence);
  return times;
}

void report(const Case& one, const Times& times) {
  const double without = sum(times.step) + sum(times.plain);
  const double extra = sum(times.mask) + sum(times.masked) - sum(times.plain);
  std::printf(
      "%-10s %3zu tokens: step %.0f us, choosing %.0f us; mask %.0f us (slowest %.0f), choosing under it %.0f us: "
      "%.2f %% of decoding\n",
      one.name, times.step.size(), mean(times.step), mean(times.plain), mean(times.mask),
      *std::ranges::max_element(times.mask), mean(times.masked), 100 * extra / without);
}

int run_all(const char* model, const char* vocabulary) {
  auto engine = need(engine::Engine::open(model, {.context = 512, .threads = 1, .cpu = hal::detect_cpu_features()}));
  const auto file = need(MappedFile::open(vocabulary));
  const auto reader = need(gguf::Reader::open(file.bytes()));
  const auto tokenizer = need(text::Tokenizer::load(reader));
  std::printf("vocabulary of %zu tokens\n", tokenizer.token_count());
  for (int round = 0; round < 3; ++round) {
    for (const Case& one : kCases) report(one, run(engine, tokenizer, one));
  }
  return 0;
}

}  // namespace
}  // namespace linnet

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: mask_bench MODEL.gguf VOCABULARY.gguf\n");
    return 2;
  }
  return linnet::run_all(argv[1], argv[2]);
}
