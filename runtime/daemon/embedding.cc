#include "runtime/daemon/embedding.h"

#include <array>
#include <cstdio>

#include "runtime/daemon/messages.h"
#include "runtime/language/embedder.h"

namespace linnet::daemon {
namespace {

void append_numbers(std::string& out, std::span<const float> numbers) {
  out.push_back('[');
  for (const float number : numbers) {
    std::array<char, 32> digits{};
    const int count = std::snprintf(digits.data(), digits.size(), "%.9g,", static_cast<double>(number));
    out.append(digits.data(), static_cast<std::size_t>(count));
  }
  out.back() = ']';  // An embedding has at least one number.
}

}  // namespace

Result<std::string> embed(ReadyModel& model, std::span<const std::string> texts, FunctionRef<bool()> stopped) {
  LINNET_TRY(auto embedder, language::Embedder::make(model.engine(), *model.text().tokenizer));
  std::string list;
  for (const std::string& text : texts) {
    if (stopped()) return fail(ErrorKind::kInterrupted, "stopped before all texts were embedded");
    LINNET_TRY(const auto embedding, embedder.embed(text));
    list.push_back(list.empty() ? '[' : ',');
    append_numbers(list, embedding);
  }
  std::string out = "{\"model\":";
  append_json_string(out, model.name());
  out.append(",\"dimensions\":").append(std::to_string(embedder.width()));
  out.append(",\"tokens\":").append(std::to_string(embedder.tokens()));
  return out.append(",\"embeddings\":").append(list).append("]}");
}

}  // namespace linnet::daemon
