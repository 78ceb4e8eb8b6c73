#include "runtime/text/template/template.h"

#include <utility>

#include "runtime/text/template/evaluator.h"
#include "runtime/text/template/parser.h"
#include "runtime/text/template/scope.h"

namespace linnet::templates {

Template::Template(std::unique_ptr<const ParsedTemplate> parsed, const Limits& limits)
    : parsed_(std::move(parsed)), limits_(limits) {}

Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view text, const Limits& limits) {
  LINNET_TRY(ParsedTemplate parsed, parse_template(text, limits));
  LINNET_CHECK(resolve_names(parsed));
  return Template(std::make_unique<const ParsedTemplate>(std::move(parsed)), limits);
}

Result<std::string> Template::render(const Value& context, const RenderOptions& options) const {
  if (!context.is(Kind::kDict)) return fail(ErrorKind::kUsage, "a template's context must be a dictionary");
  if (context.depth() > limits_.value_depth) {
    return fail(ErrorKind::kUnsupported,
                "the template's context nests deeper than " + std::to_string(limits_.value_depth));
  }
  return Evaluator(*parsed_, context.as_dict(), limits_, options.now).run();
}

}  // namespace linnet::templates
