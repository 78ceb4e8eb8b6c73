#include "runtime/text/template/json_write.h"

#include <cmath>
#include <cstdio>
#include <vector>

#include "runtime/text/template/repr.h"
#include "runtime/text/template/sort.h"
#include "runtime/text/template/utf8.h"
#include "runtime/text/template/workspace.h"

namespace linnet::templates {

namespace {

class JsonWriter {
 public:
  JsonWriter(Workspace& workspace, const JsonStyle& style) : workspace_(workspace), style_(style) {}

  Result<void> write(const Value& value, std::size_t level) {
    LINNET_CHECK(workspace_.spend(1));
    LINNET_CHECK(workspace_.room_for_string(out_.size()));
    switch (value.kind()) {
      case Kind::kNone: out_ += "null"; return {};
      case Kind::kBoolean: out_ += value.as_boolean() ? "true" : "false"; return {};
      case Kind::kInteger: out_ += std::to_string(value.as_integer()); return {};
      case Kind::kFloat: out_ += float_text(value.as_float()); return {};
      case Kind::kString: write_string(value.as_string()); return {};
      case Kind::kList:
      case Kind::kTuple: return write_list(value.items(), level);
      case Kind::kDict: return write_dict(value.as_dict(), level);
      default: return fail(ErrorKind::kMalformed, unserializable(value));
    }
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  static std::string unserializable(const Value& value) {
    std::string message = std::string("an object of type ") + type_name_of(value) + " is not JSON serializable";
    if (value.is(Kind::kUndefined)) message += " (" + value.undefined_message() + ")";
    return message;
  }

  static std::string float_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  void new_line(std::size_t level) {
    if (!style_.indent) return;
    out_.push_back('\n');
    for (std::size_t i = 0; i < level; ++i) out_ += *style_.indent;
  }

  Result<void> write_list(const std::vector<Value>& items, std::size_t level) {
    if (items.empty()) {
      out_ += "[]";
      return {};
    }
    out_.push_back('[');
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line(level + 1);
      LINNET_CHECK(write(item, level + 1));
    }
    new_line(level);
    out_.push_back(']');
    return {};
  }

  Result<void> write_key(const Value& key) {
    switch (key.kind()) {
      case Kind::kString: write_string(key.as_string()); return {};
      case Kind::kNone: out_ += "\"null\""; return {};
      case Kind::kBoolean: out_ += key.as_boolean() ? "\"true\"" : "\"false\""; return {};
      case Kind::kInteger: out_ += '"' + std::to_string(key.as_integer()) + '"'; return {};
      case Kind::kFloat: out_ += '"' + float_text(key.as_float()) + '"'; return {};
      default: break;
    }
    return fail(ErrorKind::kMalformed,
                std::string("keys must be str, int, float, bool or None, not ") + type_name_of(key));
  }

  Result<void> write_dict(const Dict& dict, std::size_t level) {
    if (dict.size() == 0) {
      out_ += "{}";
      return {};
    }
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) LINNET_CHECK(sort_entries(entries));
    out_.push_back('{');
    bool first = true;
    for (const Dict::Entry* entry : entries) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line(level + 1);
      LINNET_CHECK(write_key(entry->key));
      out_ += style_.key_separator;
      LINNET_CHECK(write(entry->value, level + 1));
    }
    new_line(level);
    out_.push_back('}');
    return {};
  }

  Result<void> sort_entries(std::vector<const Dict::Entry*>& entries) {
    std::vector<Value> keys;
    keys.reserve(entries.size());
    for (const Dict::Entry* entry : entries) keys.push_back(entry->key);
    LINNET_TRY(const std::vector<std::size_t> order, sorted_order(workspace_, keys));
    std::vector<const Dict::Entry*> sorted;
    sorted.reserve(order.size());
    for (const std::size_t index : order) sorted.push_back(entries[index]);
    entries = std::move(sorted);
    return {};
  }

  void write_escape(char32_t unit) {
    char buffer[12];
    std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(unit));
    out_ += buffer;
  }

  void write_non_ascii(char32_t c) {
    if (c < 0x10000) {
      write_escape(c);
    } else {
      write_escape(0xD800 + ((c - 0x10000) >> 10));
      write_escape(0xDC00 + ((c - 0x10000) & 0x3FF));
    }
  }

  void write_string(std::string_view text) {
    out_.push_back('"');
    for (std::size_t position = 0; position < text.size();) {
      const std::size_t start = position;
      const char32_t c = next_code_point(text, position);
      switch (c) {
        case '"': out_ += "\\\""; break;
        case '\\': out_ += "\\\\"; break;
        case '\n': out_ += "\\n"; break;
        case '\r': out_ += "\\r"; break;
        case '\t': out_ += "\\t"; break;
        case '\b': out_ += "\\b"; break;
        case '\f': out_ += "\\f"; break;
        default:
          if (c < 0x20) {
            write_escape(c);
          } else if (c >= 0x80 && style_.ascii) {
            write_non_ascii(c);
          } else {
            out_.append(text.substr(start, position - start));
          }
      }
    }
    out_.push_back('"');
  }

  Workspace& workspace_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

Result<std::string> write_json(Workspace& workspace, const Value& value, const JsonStyle& style) {
  JsonWriter writer(workspace, style);
  LINNET_CHECK(writer.write(value, 0));
  return std::move(writer).take();
}

}  // namespace linnet::templates
