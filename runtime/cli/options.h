// What was asked for on the command line: one plain struct a subcommand, filled by arguments.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/units.h"
#include "runtime/cli/ctl/options.h"
#include "runtime/engine/sampler.h"
#include "runtime/language/model_options.h"

namespace linnet::cli {

using language::ModelOptions;

// What becomes of a model's reasoning.
enum class Reasoning : std::uint8_t {
  kShow,  // On standard error, so that standard output is the answer alone.
  kHide,  // Generated and left out.
  kOff,   // Not generated.
};

struct ReasoningOptions {
  Reasoning reasoning = Reasoning::kShow;
  std::optional<std::size_t> most_tokens;
};

struct RunOptions {
  ModelOptions model;
  engine::SamplerOptions sampling;
  std::optional<std::string> prompt;  // Absent: standard input.
  std::optional<std::string> system;
  std::size_t maximum_tokens = 512;
  ReasoningOptions reasoning;
  std::string template_name;          // Of a built-in template; empty: the file's own.
  std::optional<std::string> schema;  // A file: the answer is JSON that this schema accepts.
  bool raw = false;                   // No chat template.
  bool grammar = true;                // The file's own grammar forces the answer's form.
  bool json = false;
};

struct ChatOptions {
  ModelOptions model;
  engine::SamplerOptions sampling;
  std::optional<std::string> system;
  std::size_t maximum_tokens = 0;  // 0: until the model ends or the context is full.
  ReasoningOptions reasoning;
  std::string template_name;
};

struct TokenizeOptions {
  std::string model;
  std::optional<std::string> text;  // Absent: standard input.
  bool lines = false;
  bool special = true;
  bool json = false;
};

struct TemplateOptions {
  std::optional<std::string> model;  // One of model and file is given.
  std::optional<std::string> file;
  std::string name;  // Of a built-in template, in place of both.
  std::string messages;
  std::optional<std::string> tools;
  bool generation_prompt = true;
  std::optional<std::string> bos;
  std::optional<std::string> eos;
  std::optional<std::string> now;  // ISO 8601.
};

struct LogitsOptions {
  ModelOptions model;
  std::vector<engine::TokenId> tokens;
  std::string output;
};

struct EmbedOptions {
  ModelOptions model;
  std::optional<std::string> text;    // Absent: standard input.
  std::optional<std::string> output;  // A NumPy file; absent: standard output.
  bool lines = false;
  bool json = false;
};

struct QuantizeOptions {
  std::vector<std::string> arguments;  // The whole command line, for the program that does it.
  std::string input;
  std::string output;
  std::string type;
  std::string embeddings = "q8_0";
  std::optional<std::string> method;  // Absent: rtn.
  std::optional<std::string> calibration;
  std::size_t calibration_tokens = 32768;
  Bytes calibration_memory{std::uint64_t{1} << 30};
  double prune = 0;
  std::optional<Bytes> target_size;
  std::size_t threads = 0;
  bool json = false;
};

struct PackOptions {
  std::string input;
  std::string output;
  bool json = false;
};

struct UnpackOptions {
  std::string input;
  std::string output;
};

struct MakeModelOptions {
  std::string like;
  std::string type;
  std::string output;
  std::uint64_t seed = 1;
};

struct InfoOptions {
  ModelOptions model;
  bool plan = false;
  bool verify = false;
  bool json = false;
};

struct BenchOptions {
  ModelOptions model;
  std::size_t prompt = 512;
  std::size_t generate = 128;
  std::size_t depth = 0;
  std::size_t batch = 1;
  std::size_t repeats = 5;
  bool limits = true;  // Whether the machine's limits are measured too.
  bool profile = false;
  bool json = false;
};

struct DoctorOptions {
  std::string board;   // "sim:FILE.toml" or a recorded folder; empty: this machine.
  std::string record;  // The folder to copy this board's files to; empty: a report.
  std::string config;  // Of linnetd, for the broker.
  bool quick = false;
  bool json = false;
};

enum class Metric : std::uint8_t { kIntent, kPerplexity };

struct EvalOptions {
  ModelOptions model;
  std::string data;
  Metric metric = Metric::kIntent;
  std::size_t limit = 0;  // 0: all of the data.
  bool grammar = true;
  bool json = false;
};

// Text to print and nothing else: --help, --version.
struct ShowText {
  std::string text;
};

using Command = std::variant<ShowText, RunOptions, ChatOptions, TokenizeOptions, TemplateOptions, LogitsOptions,
                             EmbedOptions, QuantizeOptions, PackOptions, UnpackOptions, MakeModelOptions, InfoOptions,
                             BenchOptions, EvalOptions, DoctorOptions, CtlOptions>;

}  // namespace linnet::cli
