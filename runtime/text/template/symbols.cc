#include "runtime/text/template/symbols.h"

#include <algorithm>

namespace linnet::templates {

const Variable* Symbols::find(const std::string& name) const {
  for (const Symbols* symbols = this; symbols != nullptr; symbols = symbols->parent_) {
    const auto found = symbols->variables_.find(name);
    if (found != symbols->variables_.end()) return &found->second;
  }
  return nullptr;
}

std::vector<std::pair<Variable, VariableLoad>> Symbols::loads() const {
  std::vector<std::pair<Variable, VariableLoad>> result;
  for (const Variable& variable : order_) result.emplace_back(variable, loads_.at(variable));
  return result;
}

void Symbols::define(const std::string& name, VariableLoad load) {
  const Variable variable{level_, name};
  variables_.insert_or_assign(name, variable);
  if (loads_.insert_or_assign(variable, std::move(load)).second) order_.push_back(variable);
}

void Symbols::load(const std::string& name) {
  if (find(name) == nullptr) define(name, {SlotLoad::From::kContext, {}});
}

void Symbols::store(const std::string& name) {
  stores_.insert(name);
  if (variables_.contains(name)) return;
  const Variable* outer = parent_ == nullptr ? nullptr : parent_->find(name);
  if (outer != nullptr) {
    define(name, {SlotLoad::From::kOuter, *outer});
  } else {
    define(name, {SlotLoad::From::kNothing, {}});
  }
}

void Symbols::declare_parameter(const std::string& name) {
  stores_.insert(name);
  define(name, {SlotLoad::From::kGiven, {}});
}

void Symbols::merge_branches(const std::vector<Symbols>& branches) {
  std::set<std::string> stored;
  for (const Symbols& branch : branches) stored.insert(branch.stores_.begin(), branch.stores_.end());
  for (const std::string& name : stores_) stored.erase(name);
  for (const Symbols& branch : branches) {
    for (const auto& [name, variable] : branch.variables_) variables_.insert_or_assign(name, variable);
    for (const Variable& variable : branch.order_) {
      if (loads_.insert_or_assign(variable, branch.loads_.at(variable)).second) order_.push_back(variable);
    }
    stores_.insert(branch.stores_.begin(), branch.stores_.end());
  }
  // A name that only some branches store keeps what it had before where they are not taken.
  for (const std::string& name : stored) {
    const Variable* outer = parent_ == nullptr ? nullptr : parent_->find(name);
    loads_[variables_.at(name)] =
        outer != nullptr ? VariableLoad{SlotLoad::From::kOuter, *outer} : VariableLoad{SlotLoad::From::kContext, {}};
  }
}

void NameCollector::visit(Target& target, Storing storing) {
  switch (target.form) {
    case Target::Form::kTuple:
      for (Target& item : target.items) visit(item, storing);
      break;
    case Target::Form::kNamespaceAttribute: symbols_->load(target.name.as_string()); break;
    case Target::Form::kName:
      if (storing == Storing::kParameter) {
        symbols_->declare_parameter(target.name.as_string());
      } else {
        symbols_->store(target.name.as_string());
      }
      break;
  }
}

void NameCollector::visit(Expression& expression) {
  if (auto* name = std::get_if<Name>(&expression.node)) {
    symbols_->load(name->name.as_string());
  } else {
    for_each_child(expression, [this](Expression& child) { visit(child); });
  }
}

void NameCollector::visit(Block& block) {
  for (Statement& statement : block) visit(statement);
}

void NameCollector::visit(MacroParts& macro) {
  for (MacroParts::Parameter& parameter : macro.parameters) symbols_->declare_parameter(parameter.name.as_string());
  for (MacroParts::Parameter& parameter : macro.parameters) {
    if (parameter.otherwise) visit(*parameter.otherwise);
  }
  visit(macro.body);
}

void NameCollector::visit(Statement& statement) {
  if (auto* output = std::get_if<Output>(&statement.node)) {
    for (ExpressionPointer& part : output->parts) visit(*part);
  } else if (auto* assign = std::get_if<Assign>(&statement.node)) {
    visit(*assign->value);
    visit(assign->target);
  } else if (auto* capture = std::get_if<Capture>(&statement.node)) {
    if (capture->target) {
      visit(*capture->target);
    } else {
      visit(*capture->filter);
    }
  } else if (auto* loop = std::get_if<For>(&statement.node)) {
    visit(*loop->iterable);
  } else if (auto* branches = std::get_if<If>(&statement.node)) {
    visit_if(*branches, 0, false);
  } else if (auto* definition = std::get_if<MacroDefinition>(&statement.node)) {
    symbols_->store(definition->macro.name);
  } else if (auto* call = std::get_if<CallBlock>(&statement.node)) {
    if (call->call) visit(*call->call);
  } else if (auto* with = std::get_if<With>(&statement.node)) {
    for (auto& [target, value] : with->assignments) visit(*value);
  }
}

Symbols NameCollector::collect_branch(const Symbols& base, Block& block) {
  work_ += base.size();
  Symbols branch = base;
  NameCollector(branch, work_).visit(block);
  return branch;
}

void NameCollector::visit_if(If& node, std::size_t first_branch, bool is_elif) {
  visit(*node.branches[first_branch].test);
  std::vector<Symbols> branches;
  branches.push_back(collect_branch(*symbols_, node.branches[first_branch].body));
  if (!is_elif) {
    // Jinja2 keeps the `elif` parts as a list of plain `if`s, which learn from one another.
    work_ += symbols_->size();
    Symbols elifs = *symbols_;
    NameCollector collector(elifs, work_);
    for (std::size_t i = 1; i < node.branches.size(); ++i) collector.visit_if(node, i, true);
    branches.push_back(std::move(elifs));
    branches.push_back(collect_branch(*symbols_, node.otherwise));
  }
  symbols_->merge_branches(branches);
}

namespace {

// Jinja2's UndeclaredNameVisitor: a store before a read hides the name from then on.
class UndeclaredFinder {
 public:
  explicit UndeclaredFinder(std::set<std::string> names) : names_(std::move(names)) {}

  void visit(Block& block) {
    for (Statement& statement : block) std::visit(*this, statement.node);
  }

  void operator()(Output& node) {
    for (ExpressionPointer& part : node.parts) visit(*part);
  }
  void operator()(Assign& node) {
    visit(node.target);
    visit(*node.value);
  }
  void operator()(Capture& node) {
    if (node.target) visit(*node.target);
    if (node.target && node.filter) visit(*node.filter);
    visit(node.body);
    if (!node.target) visit(*node.filter);
  }
  void operator()(For& node) {
    visit(node.target);
    visit(*node.iterable);
    visit(node.body);
    visit(node.otherwise);
    if (node.test) visit(*node.test);
  }
  void operator()(If& node) {
    for (If::Branch& branch : node.branches) {
      visit(*branch.test);
      visit(branch.body);
    }
    visit(node.otherwise);
  }
  void operator()(MacroDefinition& node) { visit(node.macro); }
  void operator()(CallBlock& node) {
    if (node.call) visit(*node.call);
    visit(node.macro);
  }
  void operator()(With& node) {
    for (auto& [target, value] : node.assignments) visit(target);
    for (auto& [target, value] : node.assignments) visit(*value);
    visit(node.body);
  }
  void operator()(Break&) {}
  void operator()(Continue&) {}

  [[nodiscard]] std::set<std::string> found() && { return std::move(found_); }

 private:
  void visit(Expression& expression) {
    if (auto* name = std::get_if<Name>(&expression.node)) {
      if (names_.contains(name->name.as_string())) found_.insert(name->name.as_string());
    } else {
      for_each_child(expression, [this](Expression& child) { visit(child); });
    }
  }
  void visit(Target& target) {
    if (target.form == Target::Form::kName) names_.erase(target.name.as_string());
    for (Target& item : target.items) visit(item);
  }
  void visit(MacroParts& macro) {
    for (MacroParts::Parameter& parameter : macro.parameters) names_.erase(parameter.name.as_string());
    for (MacroParts::Parameter& parameter : macro.parameters) {
      if (parameter.otherwise) visit(*parameter.otherwise);
    }
    visit(macro.body);
  }

  std::set<std::string> names_;
  std::set<std::string> found_;
};

}  // namespace

std::set<std::string> find_undeclared(Block& block, std::set<std::string> names) {
  UndeclaredFinder finder(std::move(names));
  finder.visit(block);
  return std::move(finder).found();
}

bool stores_name(const Target& target, std::string_view name) {
  if (target.form == Target::Form::kName) return target.name.as_string() == name;
  return std::any_of(target.items.begin(), target.items.end(),
                     [name](const Target& item) { return stores_name(item, name); });
}

namespace {

struct StoreFinder {
  std::string_view name;

  bool operator()(const Output&) const { return false; }
  bool operator()(const Assign& node) const { return stores_name(node.target, name); }
  bool operator()(const Capture& node) const {
    return (node.target && stores_name(*node.target, name)) || stores_name(node.body, name);
  }
  bool operator()(const For& node) const {
    return stores_name(node.target, name) || stores_name(node.body, name) || stores_name(node.otherwise, name);
  }
  bool operator()(const If& node) const {
    return stores_name(node.otherwise, name) ||
           std::any_of(node.branches.begin(), node.branches.end(),
                       [this](const If::Branch& branch) { return stores_name(branch.body, name); });
  }
  bool operator()(const MacroDefinition& node) const { return stores_name(node.macro.body, name); }
  bool operator()(const CallBlock& node) const { return stores_name(node.macro.body, name); }
  bool operator()(const With& node) const { return stores_name(node.body, name); }
  bool operator()(const Break&) const { return false; }
  bool operator()(const Continue&) const { return false; }
};

}  // namespace

bool stores_name(const Block& block, std::string_view name) {
  return std::any_of(block.begin(), block.end(),
                     [name](const Statement& statement) { return std::visit(StoreFinder{name}, statement.node); });
}

}  // namespace linnet::templates
