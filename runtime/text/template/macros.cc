// Macros and call blocks.
#include <algorithm>

#include "runtime/text/template/activation_scope.h"
#include "runtime/text/template/evaluator.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates {

namespace {

class Macro final : public Object {
 public:
  Macro(Evaluator& evaluator, const MacroParts& parts, Activation* closure)
      : evaluator_(evaluator), parts_(parts), closure_(closure) {}

  [[nodiscard]] const char* type_name() const override { return "Macro"; }
  [[nodiscard]] bool callable() const override { return true; }

  Result<Value> call(Interpreter&, const Arguments& arguments) override {
    return evaluator_.call_macro(parts_, closure_, arguments);
  }

  Result<void> append_repr(Workspace&, std::string& text) const override {
    text += "<Macro " + (parts_.name.empty() ? "anonymous" : quoted(parts_.name)) + ">";
    return {};
  }

  Result<std::optional<Value>> attribute(Interpreter& interpreter, std::string_view name) override {
    if (name == "name") return interpreter.workspace().string(parts_.name);
    return std::nullopt;
  }

 private:
  Evaluator& evaluator_;
  const MacroParts& parts_;
  Activation* closure_;
};

using Named = std::vector<std::pair<std::string, Value>>;

// Moves the argument `name` to `place`, if it is there.
bool take_named(Named& named, std::string_view name, Value& place) {
  const auto found = std::find_if(named.begin(), named.end(), [name](const auto& pair) { return pair.first == name; });
  if (found == named.end()) return false;
  place = std::move(found->second);
  named.erase(found);
  return true;
}

}  // namespace

Result<Evaluator::Flow> Evaluator::run_statement(const MacroDefinition& node) {
  LINNET_TRY(const Value macro, workspace().object<Macro>(*this, node.macro, activation_));
  slot(node.slot) = macro;
  return Flow::kNormal;
}

Result<Evaluator::Flow> Evaluator::run_statement(const CallBlock& node) {
  const int line = line_;
  if (!node.call) {  // {% generation %}
    LINNET_TRY(const Value text, call_macro(node.macro, activation_, {}));
    LINNET_CHECK(write(text));
    return Flow::kNormal;
  }
  LINNET_TRY(const Value caller, workspace().object<Macro>(*this, node.macro, activation_));
  LINNET_TRY(const Value text, call(std::get<Call>(node.call->node), node.call->line, caller));
  line_ = line;
  LINNET_CHECK(write(text));
  return Flow::kNormal;
}

Result<void> Evaluator::bind_special(const MacroParts& macro, const Arguments& arguments, Named named,
                                     Activation& activation) {
  if (macro.caller) {
    Value& caller = activation.slot(*macro.caller);
    const bool given = take_named(named, "caller", caller) && !caller.is(Kind::kNone);
    if (!given) caller = Value::undefined_because("No caller defined");
  }
  if (macro.kwargs) {
    Dict rest;
    for (auto& [name, value] : named) rest.set(name, std::move(value));
    LINNET_TRY(activation.slot(*macro.kwargs), workspace().dict(std::move(rest)));
  } else if (!named.empty()) {
    return python_error("macro " + quoted(macro.name) + " takes no keyword argument " + quoted(named[0].first));
  }
  const std::size_t taken = std::min(arguments.positional.size(), macro.parameters.size());
  if (macro.varargs) {
    std::vector<Value> rest(arguments.positional.begin() + static_cast<std::ptrdiff_t>(taken),
                            arguments.positional.end());
    LINNET_TRY(activation.slot(*macro.varargs), workspace().tuple(std::move(rest)));
  } else if (arguments.positional.size() > taken) {
    return python_error("macro " + quoted(macro.name) + " takes not more than " +
                        std::to_string(macro.parameters.size()) + " argument(s)");
  }
  return {};
}

Result<void> Evaluator::bind_macro(const MacroParts& macro, const Arguments& arguments, Activation& activation,
                                   std::vector<bool>& given) {
  Named named = arguments.named;
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const MacroParts::Parameter& parameter = macro.parameters[i];
    given[i] = i < arguments.positional.size() ||
               take_named(named, parameter.name.as_string(), activation.slot(parameter.slot));
    if (i < arguments.positional.size()) activation.slot(parameter.slot) = arguments.positional[i];
  }
  return bind_special(macro, arguments, std::move(named), activation);
}

Result<void> Evaluator::run_macro_body(const MacroParts& macro, const std::vector<bool>& given) {
  LINNET_CHECK(enter_scope(macro.scope));
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    if (given[i]) continue;
    const MacroParts::Parameter& parameter = macro.parameters[i];
    Value value = Value::undefined(parameter.name);
    if (parameter.otherwise) {
      LINNET_TRY(value, evaluate(*parameter.otherwise));
    }
    activation_->slot(parameter.slot) = std::move(value);
  }
  LINNET_CHECK(execute(macro.body));
  return {};
}

Result<Value> Evaluator::call_macro(const MacroParts& macro, Activation* closure, const Arguments& arguments) {
  // A captured activation lives as long as the render; others end with the call.
  std::optional<Activation> own;
  Activation* activation = nullptr;
  if (macro.function.is_captured) {
    LINNET_TRY(activation, workspace().make<Activation>(closure, macro.function.slot_count));
  } else {
    activation = &own.emplace(closure, macro.function.slot_count);
  }
  std::vector<bool> given(macro.parameters.size());
  LINNET_CHECK(bind_macro(macro, arguments, *activation, given));
  std::string text;
  {
    const ActivationScope scope(*this, activation, &text);
    LINNET_CHECK(run_macro_body(macro, given));
  }
  return workspace().string(std::move(text));
}

}  // namespace linnet::templates
