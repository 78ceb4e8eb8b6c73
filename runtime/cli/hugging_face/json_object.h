// A JSON object of a model folder, asked for by name: what is absent, null or of another kind is told apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::cli::hugging_face {

// Borrows the value; `file` names it in errors. Errors of all: kMalformed (the field is of another kind, or must be
// there and is not).
class JsonObject {
 public:
  // An empty one where `value` is null or no object.
  JsonObject(std::string file, const templates::Value* value);

  // Null where the field is absent or null.
  [[nodiscard]] const templates::Value* find(std::string_view name) const;
  // An object inside; empty where it is absent.
  [[nodiscard]] JsonObject object(std::string_view name) const { return {file_, find(name)}; }

  [[nodiscard]] Result<std::uint32_t> count(std::string_view name) const;
  [[nodiscard]] Result<std::optional<std::uint32_t>> count_if_there(std::string_view name) const;
  [[nodiscard]] Result<std::optional<float>> number_if_there(std::string_view name) const;
  [[nodiscard]] Result<std::string> text_or(std::string_view name, std::string_view fallback) const;
  [[nodiscard]] Result<bool> flag_or(std::string_view name, bool fallback) const;

  [[nodiscard]] const std::string& file() const { return file_; }
  // "config.json: 'rms_norm_eps' …"
  [[nodiscard]] tl::unexpected<Error> malformed(std::string_view name, std::string_view what) const;
  [[nodiscard]] tl::unexpected<Error> unsupported(std::string_view name, std::string_view what) const;

 private:
  std::string file_;
  const templates::Value* value_;
};

}  // namespace linnet::cli::hugging_face
