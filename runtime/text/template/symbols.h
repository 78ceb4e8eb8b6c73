// The names of one scope of a template, and where each comes from: Jinja2's `Symbols`.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/text/template/ast.h"

namespace linnet::templates {

// A variable of the compiled function: Jinja2's `l_{level}_{name}`.
struct Variable {
  int level;
  std::string name;

  friend auto operator<=>(const Variable&, const Variable&) = default;
};

struct VariableLoad {
  SlotLoad::From from;
  Variable outer;  // For kOuter.
};

// Borrows its parent.
class Symbols {
 public:
  explicit Symbols(const Symbols* parent) : level_(parent == nullptr ? 0 : parent->level_ + 1), parent_(parent) {}

  [[nodiscard]] int level() const { return level_; }
  [[nodiscard]] const Variable* find(const std::string& name) const;  // Here or further out; null if nowhere.
  [[nodiscard]] std::size_t size() const { return variables_.size(); }

  // The variables that the scope loads, in the order in which they were first met.
  [[nodiscard]] std::vector<std::pair<Variable, VariableLoad>> loads() const;

  void load(const std::string& name);
  void store(const std::string& name);
  void declare_parameter(const std::string& name);

  // Takes in what the branches of an `if` learned; they are copies of this.
  void merge_branches(const std::vector<Symbols>& branches);

 private:
  void define(const std::string& name, VariableLoad load);

  int level_;
  const Symbols* parent_;
  std::map<std::string, Variable> variables_;
  std::map<Variable, VariableLoad> loads_;
  std::vector<Variable> order_;  // Of the keys of loads_.
  std::set<std::string> stores_;
};

// Meets every name that a scope's own statements use, in Jinja2's order; does not enter the scopes inside.
class NameCollector {
 public:
  // `work` counts copies of symbols, which hostile templates can make quadratic.
  NameCollector(Symbols& symbols, std::size_t& work) : symbols_(&symbols), work_(work) {}

  enum class Storing : bool { kStore, kParameter };
  void visit(Target& target, Storing storing = Storing::kStore);
  void visit(Expression& expression);
  void visit(Block& block);
  void visit(MacroParts& macro);  // Parameters, defaults, body.

 private:
  void visit(Statement& statement);
  void visit_if(If& node, std::size_t first_branch, bool is_elif);
  Symbols collect_branch(const Symbols& base, Block& block);

  Symbols* symbols_;
  std::size_t& work_;
};

// Which of `names` the block reads before it stores them, scopes inside included.
[[nodiscard]] std::set<std::string> find_undeclared(Block& block, std::set<std::string> names);

// Whether a target, or a target anywhere in a block, is `name`.
[[nodiscard]] bool stores_name(const Target& target, std::string_view name);
[[nodiscard]] bool stores_name(const Block& block, std::string_view name);

}  // namespace linnet::templates
