#include "runtime/text/template/evaluator.h"

#include "runtime/text/template/activation_scope.h"
#include "runtime/text/template/globals.h"
#include "runtime/text/template/lexer.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates {

Result<std::string> Evaluator::run() {
  Activation root(nullptr, parsed_.function.slot_count);
  std::string out;
  Result<void> result;
  {
    const ActivationScope scope(*this, &root, &out);
    result = enter_scope(parsed_.scope);
    if (result) {
      const auto flow = execute(parsed_.body);
      if (!flow) result = tl::unexpected<Error>(flow.error());
    }
  }
  if (!result) return fail_at(line_, result.error().kind, result.error().message);
  return out;
}

Value& Evaluator::slot(SlotReference reference) {
  Activation* activation = activation_;
  for (std::uint32_t i = 0; i < reference.depth; ++i) activation = activation->outer();
  return activation->slot(reference.index);
}

Result<Value> Evaluator::lookup(const Value& name) {
  if (const Value* found = context_.find(name)) return *found;
  if (const auto function = find_global(name.as_string())) {
    return workspace().object<Callable>(function, Value::none());
  }
  return Value();
}

Result<void> Evaluator::enter_scope(const Scope& scope) {
  LINNET_CHECK(workspace().spend(scope.size()));
  for (const SlotLoad& load : scope) {
    Value& place = activation_->slot(load.index);
    switch (load.from) {
      case SlotLoad::From::kGiven: break;
      case SlotLoad::From::kNothing: place = Value(); break;
      case SlotLoad::From::kOuter: place = slot(load.outer); break;
      case SlotLoad::From::kContext: {
        LINNET_TRY(Value found, lookup(load.name));
        place = std::move(found);
        break;
      }
    }
  }
  return {};
}

void Evaluator::leave_scope(const Scope& scope) {
  for (const SlotLoad& load : scope) activation_->slot(load.index) = Value();
}

Result<Evaluator::Flow> Evaluator::execute(const Block& block) {
  for (const Statement& statement : block) {
    LINNET_TRY(const Flow flow, execute(statement));
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Result<Evaluator::Flow> Evaluator::execute(const Statement& statement) {
  line_ = statement.line;
  LINNET_CHECK(workspace().spend(1));
  LINNET_CHECK(workspace().enter());
  const DepthGuard guard(workspace());
  return std::visit([this](const auto& node) { return run_statement(node); }, statement.node);
}

Result<void> Evaluator::write(const Value& value) {
  const std::size_t before = out_->size();
  LINNET_CHECK(append_str(workspace(), *out_, value));
  LINNET_CHECK(workspace().spend_bytes(out_->size() - before));
  if (out_->size() <= workspace().limits().output_bytes) return {};
  return fail(ErrorKind::kUnsupported,
              "the output is beyond the limit of " + std::to_string(workspace().limits().output_bytes) + " bytes");
}

Result<Evaluator::Flow> Evaluator::run_statement(const Output& node) {
  for (const ExpressionPointer& part : node.parts) {
    LINNET_TRY(const Value value, evaluate(*part));
    line_ = part->line;
    LINNET_CHECK(write(value));
  }
  return Flow::kNormal;
}

Result<void> Evaluator::check_namespaces(const Target& target) {
  for (const Target& item : target.items) LINNET_CHECK(check_namespaces(item));
  if (target.form != Target::Form::kNamespaceAttribute) return {};
  const Value& object = slot(target.slot);
  const bool is_namespace = object.is(Kind::kObject) && dynamic_cast<const Namespace*>(object.as_object()) != nullptr;
  if (!is_namespace) return python_error("cannot assign attribute on non-namespace object");
  if (!target.attribute.as_string().starts_with('_')) return {};
  return python_error("a namespace cannot have the attribute " + quoted(target.attribute.as_string()));
}

Result<void> Evaluator::assign(const Target& target, const Value& value) {
  if (target.form == Target::Form::kName) {
    slot(target.slot) = value;
    return {};
  }
  if (target.form == Target::Form::kNamespaceAttribute) {
    // check_namespaces has seen that it is one.
    static_cast<Namespace*>(slot(target.slot).as_object())->set(target.attribute, value);
    return {};
  }
  LINNET_TRY(const std::vector<Value> parts, interpreter_.elements(value));
  if (parts.size() != target.items.size()) {
    return python_error("cannot unpack " + std::to_string(parts.size()) + " values into " +
                        std::to_string(target.items.size()));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) LINNET_CHECK(assign(target.items[i], parts[i]));
  return {};
}

Result<Evaluator::Flow> Evaluator::run_statement(const Assign& node) {
  const int line = line_;
  LINNET_CHECK(check_namespaces(node.target));
  LINNET_TRY(const Value value, evaluate(*node.value));
  line_ = line;
  LINNET_CHECK(assign(node.target, value));
  return Flow::kNormal;
}

Result<Evaluator::Flow> Evaluator::run_statement(const Capture& node) {
  if (node.target) LINNET_CHECK(check_namespaces(*node.target));
  LINNET_CHECK(enter_scope(node.scope));
  std::string text;
  Flow flow = Flow::kNormal;
  {
    const ActivationScope scope(*this, activation_, &text);
    LINNET_TRY(flow, execute(node.body));
  }
  // `break` leaves the block before its text goes anywhere.
  if (flow != Flow::kNormal) return flow;
  LINNET_TRY(Value value, workspace().string(std::move(text)));
  if (node.filter) {
    const Value outer = std::exchange(captured_, value);
    LINNET_TRY(value, evaluate(*node.filter));
    captured_ = outer;
  }
  if (node.target) {
    LINNET_CHECK(assign(*node.target, value));
  } else {
    LINNET_CHECK(write(value));
  }
  leave_scope(node.scope);
  return Flow::kNormal;
}

Result<Evaluator::Flow> Evaluator::run_statement(const If& node) {
  for (const If::Branch& branch : node.branches) {
    LINNET_TRY(const Value test, evaluate(*branch.test));
    if (truth_of(test)) return execute(branch.body);
  }
  return execute(node.otherwise);
}

Result<Evaluator::Flow> Evaluator::run_statement(const With& node) {
  LINNET_CHECK(enter_scope(node.scope));
  for (const auto& [target, expression] : node.assignments) {
    LINNET_TRY(const Value value, evaluate(*expression));
    LINNET_CHECK(assign(target, value));
  }
  LINNET_TRY(const Flow flow, execute(node.body));
  if (flow == Flow::kNormal) leave_scope(node.scope);
  return flow;
}

}  // namespace linnet::templates
