#include "runtime/text/grammar/checks.h"

#include <algorithm>
#include <numeric>

namespace linnet::text {
namespace {

using Kind = Expression::Kind;

class Checker {
 public:
  explicit Checker(const Syntax& syntax)
      : syntax_(syntax),
        users_(syntax.rules.size()),
        empty_(syntax.rules.size()),
        ends_(syntax.rules.size()),
        marks_(syntax.rules.size()) {
    for (std::uint32_t rule = 0; rule < syntax.rules.size(); ++rule) {
      std::vector<std::uint32_t> used;
      collect_rules(expression(syntax.rules[rule].body), used);
      for (const std::uint32_t other : used) {
        if (users_[other].empty() || users_[other].back() != rule) users_[other].push_back(rule);
      }
    }
  }

  Result<void> check() {
    settle(empty_, [&](const Expression& e) { return may_be_empty(e); });
    settle(ends_, [&](const Expression& e) { return can_end(e); });
    LINNET_CHECK(check_reached());
    for (std::size_t i = 0; i < syntax_.rules.size(); ++i) {
      if (!ends_[i]) return at(i, "can never end: it always needs itself again");
    }
    for (std::uint32_t i = 0; i < syntax_.rules.size(); ++i) LINNET_CHECK(check_left(i));
    return {};
  }

 private:
  enum class Mark : std::uint8_t { kNew, kOpen, kDone };

  [[nodiscard]] tl::unexpected<Error> at(std::size_t rule, const std::string& what) const {
    return grammar_error(syntax_.rules[rule].place, "rule '" + syntax_.rules[rule].name + "' " + what);
  }
  [[nodiscard]] const Expression& expression(std::uint32_t index) const { return syntax_.expressions[index]; }

  // Sets facts about rules until none changes any more; `holds` reads the facts. A rule is looked at again when one
  // that it uses has changed.
  template <class Holds>
  void settle(std::vector<bool>& facts, Holds holds) {
    std::vector<std::uint32_t> open(facts.size());
    std::iota(open.begin(), open.end(), 0);
    while (!open.empty()) {
      const std::uint32_t rule = open.back();
      open.pop_back();
      if (facts[rule] || !holds(expression(syntax_.rules[rule].body))) continue;
      facts[rule] = true;
      open.insert(open.end(), users_[rule].begin(), users_[rule].end());
    }
  }

  // Expressions nest no deeper than the parser's limit on parentheses, a few levels each.
  [[nodiscard]] bool may_be_empty(const Expression& e) const {
    const auto child = [&](std::uint32_t index) { return may_be_empty(expression(index)); };
    switch (e.kind) {
      case Kind::kLiteral: return e.text.empty();
      case Kind::kOnce: return true;
      case Kind::kClass:
      case Kind::kCopyWords: return false;
      case Kind::kSequence: return std::ranges::all_of(e.children, child);
      case Kind::kChoice: return std::ranges::any_of(e.children, child);
      case Kind::kRepeat: return e.least == 0 || child(e.children[0]);
      case Kind::kRule: return empty_[e.target];
    }
    return false;
  }

  [[nodiscard]] bool can_end(const Expression& e) const {
    const auto child = [&](std::uint32_t index) { return can_end(expression(index)); };
    switch (e.kind) {
      case Kind::kLiteral:
      case Kind::kClass:
      case Kind::kOnce:
      case Kind::kCopyWords: return true;
      case Kind::kSequence: return std::ranges::all_of(e.children, child);
      case Kind::kChoice: return std::ranges::any_of(e.children, child);
      case Kind::kRepeat: return e.least == 0 || child(e.children[0]);
      case Kind::kRule: return ends_[e.target];
    }
    return false;
  }

  void collect_rules(const Expression& e, std::vector<std::uint32_t>& out) const {
    if (e.kind == Kind::kRule) out.push_back(e.target);
    for (const std::uint32_t index : e.children) collect_rules(expression(index), out);
  }

  Result<void> check_reached() const {
    std::vector<bool> reached(syntax_.rules.size());
    std::vector<std::uint32_t> open{syntax_.root};
    while (!open.empty()) {
      const std::uint32_t rule = open.back();
      open.pop_back();
      if (reached[rule]) continue;
      reached[rule] = true;
      collect_rules(expression(syntax_.rules[rule].body), open);
    }
    const auto missed = std::ranges::find(reached, false);
    if (missed == reached.end()) return {};
    return at(static_cast<std::size_t>(missed - reached.begin()), "is never reached from root");
  }

  // The rules that `e` may enter before it takes anything.
  void collect_first(const Expression& e, std::vector<std::uint32_t>& out) const {
    if (e.kind == Kind::kRule) out.push_back(e.target);
    for (const std::uint32_t index : e.children) {
      collect_first(expression(index), out);
      if (e.kind == Kind::kSequence && !may_be_empty(expression(index))) break;
    }
  }

  Result<void> check_left(std::uint32_t start) {
    struct Visit {
      std::uint32_t rule;
      std::vector<std::uint32_t> next;
    };
    std::vector<Visit> open;  // A path of rules, each of which may start with the next.
    const auto enter = [&](std::uint32_t rule) {
      marks_[rule] = Mark::kOpen;
      open.push_back({rule, {}});
      collect_first(expression(syntax_.rules[rule].body), open.back().next);
    };
    if (marks_[start] == Mark::kNew) enter(start);
    while (!open.empty()) {
      Visit& visit = open.back();
      if (visit.next.empty()) {
        marks_[visit.rule] = Mark::kDone;
        open.pop_back();
        continue;
      }
      const std::uint32_t next = visit.next.back();
      visit.next.pop_back();
      if (marks_[next] == Mark::kOpen) return at(next, "is left-recursive: it may start with itself");
      if (marks_[next] == Mark::kNew) enter(next);
    }
    return {};
  }

  const Syntax& syntax_;
  std::vector<std::vector<std::uint32_t>> users_;  // [rules] Which rules name each.
  std::vector<bool> empty_;                        // Whether a rule may take nothing.
  std::vector<bool> ends_;                         // Whether a rule can end at all.
  std::vector<Mark> marks_;
};

}  // namespace

Result<void> check_grammar(const Syntax& syntax) { return Checker(syntax).check(); }

}  // namespace linnet::text
