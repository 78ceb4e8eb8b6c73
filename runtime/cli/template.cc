// `linnet template`: a conversation to the prompt that a model sees.
#include "runtime/cli/commands.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/text_file.h"
#include "runtime/text/template/json_read.h"

namespace linnet::cli {
namespace {

using templates::ChatTemplate;
using templates::Value;

Result<Value> read_json(const std::string& path, const Console& console) {
  LINNET_TRY(const std::string text, path == "-" ? console.read_input() : read_text_file(path));
  auto value = templates::parse_json(text);
  // What a person hands in is usage; a model file is not involved.
  if (!value) return fail(ErrorKind::kUsage, (path == "-" ? "standard input" : path) + ": " + value.error().message);
  return value;
}

struct TemplateSource {
  std::string text;
  templates::SpecialTokens tokens;
};

Result<TemplateSource> read_source(const TemplateOptions& options, const Console& console) {
  TemplateSource source;
  if (options.file) {
    LINNET_TRY(source.text, read_text_file(*options.file));
  } else if (options.model) {
    LINNET_TRY(const ModelFile model, open_source(*options.model, console));
    auto text = model.header->string("tokenizer.chat_template");
    if (!text && options.name.empty()) return tl::unexpected(content_error(*options.model, text.error()));
    auto tokenizer = text::Tokenizer::load(*model.header);
    if (!tokenizer) return tl::unexpected(content_error(*options.model, tokenizer.error()));
    source = {std::string(text.value_or("")), language::special_token_texts(*tokenizer)};
  }
  if (options.bos) source.tokens.bos = options.bos;
  if (options.eos) source.tokens.eos = options.eos;
  return source;
}

Result<templates::ChatRequest> read_request(const TemplateOptions& options, const Console& console) {
  templates::ChatRequest request;
  LINNET_TRY(request.messages, read_json(options.messages, console));
  if (options.tools) {
    LINNET_TRY(request.tools, read_json(*options.tools, console));
  }
  if (options.now) {
    LINNET_TRY(request.now, templates::parse_iso8601(*options.now));
  }
  request.add_generation_prompt = options.generation_prompt;
  return request;
}

}  // namespace

Result<void> execute(const TemplateOptions& options, Console& console) {
  if (!options.model && !options.file && options.name.empty()) {
    return fail(ErrorKind::kUsage, "--model, --file or --template is required (see linnet template --help)");
  }
  LINNET_TRY(TemplateSource source, read_source(options, console));
  LINNET_TRY(const auto request, read_request(options, console));
  const std::string origin = options.name.empty() ? options.file.value_or(options.model.value_or("")) : options.name;
  auto chat_template = options.name.empty() ? ChatTemplate::parse(source.text, std::move(source.tokens))
                                            : ChatTemplate::built_in(options.name, std::move(source.tokens));
  if (!chat_template) return tl::unexpected(with_context(origin, chat_template.error()));
  auto prompt = chat_template->render_chat(request);
  if (!prompt) return tl::unexpected(with_context(origin, prompt.error()));
  return console.print(*prompt);
}

}  // namespace linnet::cli
