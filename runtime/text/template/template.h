// A chat template, parsed once and rendered many times: the Jinja subset that published templates use.
//
// The reference is Jinja2 3.1 as Hugging Face's `apply_chat_template` sets it up: ImmutableSandboxedEnvironment with
// trim_blocks, lstrip_blocks and loop controls; `raise_exception`, `strftime_now` and `tojson` as defined there;
// `{% generation %}` blocks render their body. Output is equal byte for byte, or it is an error.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/template/civil_time.h"
#include "runtime/text/template/limits.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

struct ParsedTemplate;  // The parsed form, private to this folder.

struct RenderOptions {
  std::optional<CivilTime> now;  // What `strftime_now` formats; without it, the wall clock.
};

// Immutable after parse: may be rendered from several threads at once.
class Template {
 public:
  // Errors, each with line and construct: kMalformed (syntax), kUnsupported (a construct of Jinja that chat templates
  // do not use, or beyond `limits`).
  [[nodiscard]] static Result<Template> parse(std::string_view text, const Limits& limits = {});

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // The text for `context`, a dict of variables. Errors, with the line: kUsage (the template called raise_exception,
  // its message kept), kMalformed (what Python would raise), kUnsupported (beyond the limits, or a result that only
  // Python can have, such as an integer of more than 64 bits).
  [[nodiscard]] Result<std::string> render(const Value& context, const RenderOptions& options = {}) const;

 private:
  Template(std::unique_ptr<const ParsedTemplate> parsed, const Limits& limits);

  std::unique_ptr<const ParsedTemplate> parsed_;
  Limits limits_;
};

}  // namespace linnet::templates
