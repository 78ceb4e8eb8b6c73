// `linnet embed`: texts to embeddings, for search and comparison.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "models/gguf/atomic_file.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/npy.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/text_file.h"
#include "runtime/language/embedder.h"

namespace linnet::cli {
namespace {

using Embedding = std::vector<float>;

// One text, or one a line; a last line may lack its newline.
std::vector<std::string_view> texts_of(std::string_view input, bool lines) {
  if (!lines) return {input};
  std::vector<std::string_view> texts;
  while (!input.empty()) {
    texts.push_back(input.substr(0, input.find('\n')));
    input.remove_prefix(std::min(input.size(), texts.back().size() + 1));
  }
  return texts;
}

Result<void> write_array(const std::string& path, const std::vector<Embedding>& embeddings, std::size_t width) {
  LINNET_TRY(auto output, gguf::AtomicFile::create(path));
  const std::string header = npy_header(embeddings.size(), width);
  const std::size_t row_bytes = width * sizeof(float);
  LINNET_CHECK(output.reserve(header.size() + embeddings.size() * row_bytes));
  LINNET_CHECK(output.write_at(0, std::as_bytes(std::span(header))));
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    LINNET_CHECK(output.write_at(header.size() + i * row_bytes, std::as_bytes(std::span(embeddings[i]))));
  }
  return output.commit();
}

// Nine digits: enough to read back the same float.
std::string line_of(const Embedding& embedding) {
  std::string line;
  for (const float x : embedding) {
    std::array<char, 32> digits{};
    std::snprintf(digits.data(), digits.size(), "%.9g", static_cast<double>(x));
    if (!line.empty()) line += ' ';
    line += digits.data();
  }
  return line + "\n";
}

Result<void> print(const EmbedOptions& options, const std::vector<Embedding>& embeddings, std::size_t tokens,
                   std::size_t width, Console& console) {
  if (options.json) {
    JsonWriter json;
    json.begin_object().member("texts", embeddings.size()).member("tokens", tokens).member("dimensions", width);
    if (!options.output) {
      json.key("embeddings").begin_array();
      for (const Embedding& embedding : embeddings) {
        json.begin_array();
        for (const float x : embedding) json.value(static_cast<double>(x));
        json.end_array();
      }
      json.end_array();
    }
    return console.print(json.end_object().line());
  }
  if (options.output) return {};
  for (const Embedding& embedding : embeddings) LINNET_CHECK(console.print(line_of(embedding)));
  return {};
}

}  // namespace

Result<void> execute(const EmbedOptions& options, Console& console) {
  std::string input = options.text.value_or("");
  if (!options.text) {
    LINNET_TRY(input, console.read_input());
  }
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(const ModelFile file, open_model(options.model, machine, console));
  auto tokenizer = text::Tokenizer::load(*file.header);
  if (!tokenizer) return tl::unexpected(content_error(file.path, tokenizer.error()));
  LINNET_TRY(auto engine,
             open_engine(file, options.model, machine, language::needs_of_embedding(options.model), console));
  auto embedder = language::Embedder::make(engine, *tokenizer);
  if (!embedder) return tl::unexpected(content_error(file.path, embedder.error()));
  std::vector<Embedding> embeddings;
  for (const std::string_view text : texts_of(input, options.lines)) {
    LINNET_TRY(const auto embedding, embedder->embed(text));
    embeddings.emplace_back(embedding.begin(), embedding.end());
    if (console.stop_requested()) return interrupted();
  }
  if (options.output) LINNET_CHECK(write_array(*options.output, embeddings, embedder->width()));
  return print(options, embeddings, embedder->tokens(), embedder->width(), console);
}

}  // namespace linnet::cli
