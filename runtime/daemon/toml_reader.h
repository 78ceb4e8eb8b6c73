// Reads a TOML document strictly: each value by its type and range, each unknown key refused, every fault kept.
//
// toml++ is heavy to compile: only config.cc includes this.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace linnet::daemon {

class TomlFaults {
 public:
  explicit TomlFaults(std::string_view file) : file_(file) {}

  void add(const toml::source_region& place, const std::string& what) {
    const std::string file = place.path ? *place.path : std::string(file_);
    faults_.push_back(file + ":" + std::to_string(place.begin.line) + ": " + what);
  }
  [[nodiscard]] std::vector<std::string>& list() { return faults_; }

 private:
  std::string_view file_;
  std::vector<std::string> faults_;
};

// One table. Every key that is asked for is known; finish() refuses the others.
class TomlTable {
 public:
  TomlTable(const toml::table* table, std::string path, TomlFaults& faults)
      : table_(table), path_(std::move(path)), faults_(faults) {}

  [[nodiscard]] bool present() const { return table_ != nullptr; }

  // The value at `key`, or what `otherwise` is.
  std::string text(std::string_view key, std::string otherwise = {}) {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    const auto value = node->value_exact<std::string>();
    if (!value) reject(*node, key, "a text in quotes");
    return value.value_or(otherwise);
  }

  bool boolean(std::string_view key, bool otherwise = false) {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    if (!node->is_boolean()) reject(*node, key, "true or false");
    return node->value<bool>().value_or(otherwise);
  }

  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    const auto value = node->value_exact<std::int64_t>();
    if (value && *value >= least && *value <= most) return *value;
    reject(*node, key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return otherwise;
  }

  double number(std::string_view key, double otherwise, double least, double most) {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    const auto value = node->is_number() ? node->value<double>() : std::nullopt;
    if (value && *value >= least && *value <= most) return *value;
    reject(*node, key, "a number from " + shortened(least) + " to " + shortened(most));
    return otherwise;
  }

  // The position of the text at `key` among `names`.
  std::size_t one_of(std::string_view key, std::initializer_list<std::string_view> names, std::size_t otherwise) {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    const auto value = node->value_or(std::string{});
    const auto* found = std::find(names.begin(), names.end(), value);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    std::string list;
    for (const auto name : names) list += (list.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    reject(*node, key, "one of " + list);
    return otherwise;
  }

  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> values;
    const toml::node* node = find(key);
    if (node == nullptr) return values;
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_homogeneous<std::string>()) {
      if (array == nullptr || !array->empty()) reject(*node, key, "a list of texts");
      return values;
    }
    for (const toml::node& entry : *array) values.push_back(entry.value_or(std::string{}));
    return values;
  }

  TomlTable table(std::string_view key) {
    const toml::node* node = find(key);
    if (node != nullptr && !node->is_table()) reject(*node, key, "a table");
    return {node == nullptr ? nullptr : node->as_table(), nested(key), faults_};
  }

  // Calls `read(name, table)` for each entry of a table of tables.
  template <class F>
  void each_named(std::string_view key, F read) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_table()) return reject(*node, key, "tables with names");
    for (const auto& [name, entry] : *node->as_table()) {
      TomlTable inner(entry.as_table(), nested(key) + "." + std::string(name.str()), faults_);
      if (!inner.present()) {
        reject(entry, name.str(), "a table");
        continue;
      }
      read(std::string(name.str()), inner);
      inner.finish();
    }
  }

  // Calls `read(table)` for each entry of an array of tables.
  template <class F>
  void each(std::string_view key, F read) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array_of_tables()) return reject(*node, key, "an array of tables ([[" + nested(key) + "]])");
    for (const toml::node& entry : *node->as_array()) {
      TomlTable inner(entry.as_table(), nested(key), faults_);
      read(inner);
      inner.finish();
    }
  }

  // Names and texts of a table whose keys are free.
  template <class F>
  void each_text(std::string_view key, F read) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_table()) return reject(*node, key, "a table of texts");
    for (const auto& [name, entry] : *node->as_table()) {
      if (!entry.is_string()) reject(entry, name.str(), "a text in quotes");
      read(std::string(name.str()), entry.value_or(std::string{}));
    }
  }

  // A fault of the whole table, or of one key of it.
  void fault(const std::string& what) {
    faults_.add(table_ == nullptr ? toml::source_region{} : table_->source(), what);
  }
  void fault_at(std::string_view key, const std::string& what) {
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    if (node == nullptr) return fault(what);
    faults_.add(node->source(), what);
  }

  void finish() {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_) {
      if (asked_.contains(std::string(key.str()))) continue;
      faults_.add(key.source(), "unknown key '" + nested(key.str()) + "'; accepted here: " + known_keys());
    }
  }

 private:
  const toml::node* find(std::string_view key) {
    asked_.insert(std::string(key));
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  void reject(const toml::node& node, std::string_view key, const std::string& wanted) {
    faults_.add(node.source(), "'" + nested(key) + "' must be " + wanted);
  }
  [[nodiscard]] std::string nested(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  [[nodiscard]] std::string known_keys() const {
    std::string list;
    for (const std::string& key : asked_) list += (list.empty() ? "" : ", ") + key;
    return list;
  }
  static std::string shortened(double value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  }

  const toml::table* table_;
  std::string path_;
  TomlFaults& faults_;
  std::set<std::string> asked_;
};

}  // namespace linnet::daemon
