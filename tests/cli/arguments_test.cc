#include "runtime/cli/arguments.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace linnet::cli {
namespace {

Result<Command> parse(std::initializer_list<const char*> words) {
  std::vector<const char*> values{"linnet"};
  values.insert(values.end(), words);
  return parse_arguments(static_cast<int>(values.size()), values.data());
}

template <class Options>
Options parsed(std::initializer_list<const char*> words) {
  auto command = parse(words);
  EXPECT_TRUE(command) << command.error().message;
  return std::get<Options>(*command);
}

// The message of a refusal; every one is a usage error on one line.
std::string refused(std::initializer_list<const char*> words) {
  const auto command = parse(words);
  if (command) return "accepted";
  EXPECT_EQ(command.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(command.error().message.find('\n'), std::string::npos);
  return command.error().message;
}

TEST(Arguments, RunHasTheDocumentedDefaults) {
  const auto run = parsed<RunOptions>({"run", "-m", "x.gguf"});
  EXPECT_EQ(run.model.path, "x.gguf");
  EXPECT_FALSE(run.prompt);
  EXPECT_EQ(run.maximum_tokens, 512U);
  EXPECT_EQ(run.sampling.temperature, 0.0F);
  EXPECT_TRUE(run.grammar && run.model.cache && !run.raw && !run.json && !run.model.memory_budget);
  EXPECT_EQ(run.model.device, engine::DeviceChoice::kAuto);
}

TEST(Arguments, RunTakesEveryOption) {
  const auto run = parsed<RunOptions>({"run",
                                       "-m",
                                       "x",
                                       "-p",
                                       "hello",
                                       "-n",
                                       "7",
                                       "--ctx",
                                       "99",
                                       "--temp",
                                       "0.5",
                                       "--top-k",
                                       "3",
                                       "--top-p",
                                       "0.25",
                                       "--min-p",
                                       "0.125",
                                       "--repeat-penalty",
                                       "1.5",
                                       "--seed",
                                       "18446744073709551615",
                                       "--raw",
                                       "--threads",
                                       "2",
                                       "--mem-budget",
                                       "1.5G",
                                       "--device",
                                       "cuda",
                                       "--kv-cache",
                                       "q8",
                                       "--mlock",
                                       "--huge-pages",
                                       "--read-ahead",
                                       "--json",
                                       "--no-cache",
                                       "--no-grammar",
                                       "--system",
                                       "s"});
  EXPECT_EQ(*run.prompt, "hello");
  EXPECT_EQ(run.maximum_tokens, 7U);
  EXPECT_EQ(*run.model.context, 99U);
  EXPECT_EQ(run.sampling.temperature, 0.5F);
  EXPECT_EQ(run.sampling.top_k, 3U);
  EXPECT_EQ(run.sampling.top_p, 0.25F);
  EXPECT_EQ(run.sampling.min_p, 0.125F);
  EXPECT_EQ(run.sampling.repetition_penalty, 1.5F);
  EXPECT_EQ(run.sampling.seed, 18446744073709551615U);
  EXPECT_EQ(run.model.threads, 2U);
  EXPECT_EQ(run.model.device, engine::DeviceChoice::kCuda);
  EXPECT_EQ(run.model.cache_format, kernels::CacheFormat::kQ8);
  EXPECT_EQ(run.model.memory_budget->count, 1536U << 20);
  EXPECT_EQ(*run.system, "s");
  EXPECT_TRUE(run.model.memory.lock && run.model.memory.huge_pages && run.model.memory.read_ahead);
  EXPECT_TRUE(run.raw && run.json && !run.model.cache && !run.grammar);
}

TEST(Arguments, TextIsTakenAsItIs) {
  for (const char* text : {"-x", "--json", "[a,b]", "a\nb", "\"quoted\"", "%x"}) {
    EXPECT_EQ(*parsed<RunOptions>({"run", "-m", "x", (std::string("--prompt=") + text).c_str()}).prompt, text);
  }
  EXPECT_EQ(*parsed<RunOptions>({"run", "-m", "x", "-p", "[a,b]"}).prompt, "[a,b]");
  EXPECT_EQ(*parsed<RunOptions>({"run", "-m", "x", "-p", ""}).prompt, "");
}

TEST(Arguments, WithoutASeedRunsDiffer) {
  const auto first = parsed<RunOptions>({"run", "-m", "x"}).sampling.seed;
  const auto second = parsed<RunOptions>({"run", "-m", "x"}).sampling.seed;
  const auto third = parsed<RunOptions>({"run", "-m", "x"}).sampling.seed;
  EXPECT_FALSE(first == second && second == third);
}

TEST(Arguments, TokensAreIds) {
  EXPECT_EQ(parsed<LogitsOptions>({"logits", "-m", "x", "--tokens", "1,20,300", "-o", "f"}).tokens,
            (std::vector<engine::TokenId>{1, 20, 300}));
  for (const char* bad : {"", "1,", "1,a", "-1", "1 2", "2147483648", "1;2"}) {
    EXPECT_NE(refused({"logits", "-m", "x", "--tokens", bad, "-o", "f"}).find("--tokens"), std::string::npos) << bad;
  }
}

TEST(Arguments, EveryNumberHasItsRange) {
  const std::initializer_list<std::pair<const char*, const char*>> cases = {{"-n", "-1"},
                                                                            {"-n", "3x"},
                                                                            {"-n", "99999999999"},
                                                                            {"--ctx", "0"},
                                                                            {"--device", "gpu"},
                                                                            {"--threads", "0"},
                                                                            {"--threads", "257"},
                                                                            {"--temp", "nan"},
                                                                            {"--temp", "-0.1"},
                                                                            {"--temp", "x"},
                                                                            {"--top-p", "1.5"},
                                                                            {"--min-p", "inf"},
                                                                            {"--top-k", "-2"},
                                                                            {"--seed", "-4"},
                                                                            {"--seed", "1e3"},
                                                                            {"--mem-budget", "5Q"},
                                                                            {"--mem-budget", "-1"},
                                                                            {"--repeat-penalty", "0"},
                                                                            {"--seed", "18446744073709551616"}};
  for (const auto& [option, value] : cases) {
    const auto message = refused({"run", "-m", "x", option, value});
    EXPECT_NE(message.find("see linnet run --help"), std::string::npos) << option << " " << value << ": " << message;
  }
}

TEST(Arguments, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(refused({}), "no command given (see linnet --help)");
  EXPECT_EQ(refused({"fly"}), "there is no command 'fly' (see linnet --help)");
  EXPECT_EQ(refused({"run"}), "--model is required (see linnet run --help)");
  EXPECT_NE(refused({"run", "-m", "x", "--speed"}).find("--speed"), std::string::npos);
  EXPECT_NE(refused({"run", "-m", "x", "stray"}).find("stray"), std::string::npos);
  EXPECT_NE(refused({"run", "-m", "x", "--raw=maybe"}).find("raw"), std::string::npos);
  EXPECT_NE(refused({"quantize", "a", "-o", "b", "--type", "q9"}).find("q9"), std::string::npos);
  EXPECT_NE(refused({"eval", "-m", "x", "--data", "d", "--metric", "bleu"}).find("bleu"), std::string::npos);
}

TEST(Arguments, EveryCommandExplainsItselfAndNoOtherIsListed) {
  const std::string overview = parsed<ShowText>({"--help"}).text;
  for (const char* name : {"run", "chat", "tokenize", "template", "logits", "quantize", "pack", "unpack", "make-model",
                           "info", "bench", "eval", "doctor", "embed"}) {
    EXPECT_NE(overview.find(std::string("\n  ") + name + " "), std::string::npos) << name;
    const std::string page = parsed<ShowText>({name, "--help"}).text;
    EXPECT_NE(page.find(std::string("Usage: linnet ") + name), std::string::npos) << page;
    EXPECT_NE(page.find("Example"), std::string::npos) << page;
    EXPECT_EQ(page.find("{false}"), std::string::npos) << "CLI11's own notation shows: " << page;
    EXPECT_EQ(page.find(" in ["), std::string::npos) << "CLI11's own notation shows: " << page;
  }
  EXPECT_NE(overview.find("\n  ctl "), std::string::npos);  // Its own pages: ctl_test.py.
  EXPECT_EQ(parsed<ShowText>({"--version"}).text.rfind("linnet ", 0), 0U);
}

}  // namespace
}  // namespace linnet::cli
