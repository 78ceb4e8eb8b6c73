// What a template computes with: Python's plain values, as far as chat templates see them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace linnet::templates {

class Budget;
class Dict;
class Object;
class Value;
struct StringData;
struct SequenceData;
struct DictData;

// Gives a data node's bytes back to the budget of the render that made it; nodes made outside of one carry none.
class Charge {
 public:
  Charge() = default;
  Charge(Budget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
  Charge(Charge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&&) = delete;
  ~Charge();

 private:
  Budget* budget_ = nullptr;
  std::size_t bytes_ = 0;
};

// What an undefined value knows of itself, for messages.
struct UndefinedDetail {
  enum class Form : std::uint8_t { kMissing, kUnsafe, kHint };

  std::shared_ptr<const StringData> name;
  const char* text = nullptr;  // The owner's type, or the whole hint.
  Form form = Form::kMissing;
};

// Kinds in the order of the variant below.
enum class Kind : std::uint8_t {
  kUndefined,  // A name or attribute that is not there: prints nothing, is false, most else is an error.
  kNone,
  kBoolean,
  kInteger,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kObject,  // Lives only while rendering: namespaces, macros, loops, methods, generators.
};

// Immutable and cheap to copy: strings, lists and dictionaries are shared. Safe to read from several threads, except
// kObject, which never leaves the render that made it.
class Value {
 public:
  Value() = default;  // Undefined.

  [[nodiscard]] static Value none() { return Value(Storage(None{})); }
  [[nodiscard]] static Value boolean(bool value) { return Value(Storage(value)); }
  [[nodiscard]] static Value integer(std::int64_t value) { return Value(Storage(value)); }
  [[nodiscard]] static Value floating(double value) { return Value(Storage(value)); }
  [[nodiscard]] static Value string(std::string text);  // UTF-8; bytes that are not pass through untouched.
  [[nodiscard]] static Value list(std::vector<Value> items);
  [[nodiscard]] static Value tuple(std::vector<Value> items);
  [[nodiscard]] static Value dict(Dict entries);

  // An undefined value that knows what was looked for, for the message: `name` is a string; `owner` the Python type
  // that lacked it, null for a variable. `unsafe`: it exists, but the sandbox hides it.
  [[nodiscard]] static Value undefined(Value name, const char* owner = nullptr, bool unsafe = false);
  // An undefined value whose whole message is `hint` (static storage).
  [[nodiscard]] static Value undefined_because(const char* hint);

  [[nodiscard]] Kind kind() const { return static_cast<Kind>(storage_.index()); }
  [[nodiscard]] bool is(Kind kind) const { return this->kind() == kind; }
  [[nodiscard]] bool is_number() const {
    return kind() == Kind::kBoolean || kind() == Kind::kInteger || kind() == Kind::kFloat;
  }
  [[nodiscard]] bool is_sequence() const { return kind() == Kind::kList || kind() == Kind::kTuple; }

  // Each asserts its kind.
  [[nodiscard]] bool as_boolean() const { return std::get<bool>(storage_); }
  [[nodiscard]] std::int64_t as_integer() const { return std::get<std::int64_t>(storage_); }
  [[nodiscard]] double as_float() const { return std::get<double>(storage_); }
  [[nodiscard]] const std::string& as_string() const;
  [[nodiscard]] const std::vector<Value>& items() const;  // Of a list or a tuple.
  [[nodiscard]] const Dict& as_dict() const;
  [[nodiscard]] Object* as_object() const { return std::get<Object*>(storage_); }

  [[nodiscard]] std::size_t code_points() const;  // Of a string: what Python calls its length.
  [[nodiscard]] bool is_markup() const;           // A string from `safe` or `escape`: adding to it escapes.
  [[nodiscard]] std::size_t depth() const;        // 0 for a scalar, 1 for [1], 2 for [[1]].
  // What a walk over the whole value costs: one a node, shared ones each time, and one for every 64 bytes of text.
  [[nodiscard]] std::size_t weight() const;
  [[nodiscard]] bool is_nameless() const;               // Of an undefined value: made by Value().
  [[nodiscard]] std::string undefined_message() const;  // "'x' is undefined", as Jinja2 words it.

  // Whether two values share one node, or are the same scalar.
  [[nodiscard]] bool is_same(const Value& other) const;

 private:
  friend class Workspace;

  struct None {};
  struct ListNode {
    std::shared_ptr<const SequenceData> data;
  };
  struct TupleNode {
    std::shared_ptr<const SequenceData> data;
  };
  using Storage = std::variant<UndefinedDetail, None, bool, std::int64_t, double, std::shared_ptr<const StringData>,
                               ListNode, TupleNode, std::shared_ptr<const DictData>, Object*>;

  explicit Value(Storage storage) : storage_(std::move(storage)) {}
  [[nodiscard]] const SequenceData& sequence() const;

  Storage storage_;
};

// Whether Python's `==` holds. Bounded by the depth of the values.
[[nodiscard]] bool equal(const Value& a, const Value& b);

// Whether a value may be a key: everything but lists and dictionaries, alone or in a tuple.
[[nodiscard]] bool is_hashable(const Value& value);

// A dictionary while it is being built, and the content of one: insertion-ordered, keys equal as in Python (1, 1.0 and
// true are one key). Keys must be hashable.
class Dict {
 public:
  struct Entry {
    Value key;
    Value value;
  };

  Dict() = default;

  // Overwrites the value of an equal key, in its place, or appends.
  void set(Value key, Value value);
  void set(std::string_view key, Value value) { set(Value::string(std::string(key)), std::move(value)); }

  [[nodiscard]] const Value* find(const Value& key) const;      // Null if absent.
  [[nodiscard]] const Value* find(std::string_view key) const;  // Null if absent.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  static constexpr std::size_t kIndexed = 12;  // Up to here a scan is faster than hashing.

  template <class Matches>
  [[nodiscard]] std::size_t position(std::size_t hash, Matches matches) const;
  void build_index();

  std::vector<Entry> entries_;
  std::unordered_multimap<std::size_t, std::size_t> index_;  // Hash of a key to its place, once there are many.
};

struct StringData {
  std::string text;
  std::size_t code_points;
  bool markup = false;
  Charge charge;
};

// Kept with each list and dictionary, so that a walk can be refused before it starts.
struct Shape {
  std::size_t depth = 0;   // Of the deepest child.
  std::size_t weight = 0;  // Of all children; saturates.

  void add(const Value& child);
};

[[nodiscard]] Shape shape_of(const std::vector<Value>& items);
[[nodiscard]] Shape shape_of(const Dict& dict);

struct SequenceData {
  std::vector<Value> items;
  Shape shape;
  Charge charge;
};

struct DictData {
  Dict dict;
  Shape shape;
  Charge charge;
};

}  // namespace linnet::templates
