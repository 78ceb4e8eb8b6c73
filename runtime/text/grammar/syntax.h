// A grammar as it is written, in memory: what the parser gives to the compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace linnet::text {

struct GrammarLimits {
  std::size_t text_bytes = 1 << 20;
  std::size_t rules = 16'384;
  std::size_t states = 1 << 18;              // Of the compiled automaton; repetition multiplies them.
  std::uint32_t repeats = 65'536;            // The greatest number in {m,n}.
  std::size_t nesting = 64;                  // Of parentheses.
  static constexpr std::size_t kOnces = 64;  // Names of %once-NAME: 64 bits hold which of them a text went through.
};

// Where something stands in a grammar's text: for messages.
struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

// "line 3, column 7: …" with kind kMalformed.
[[nodiscard]] tl::unexpected<Error> grammar_error(Place place, const std::string& what);

// One expression; children are indices into Syntax::expressions.
struct Expression {
  enum class Kind : std::uint8_t {
    kLiteral,    // `text`, bytes.
    kClass,      // One character of `ranges`.
    kSequence,   // The children in order; none is the empty text.
    kChoice,     // One of the children.
    kRepeat,     // children[0], `least` to `most` times.
    kRule,       // rules[target].
    kCopyWords,  // Words of the source text.
    kOnce        // Nothing; a text goes through it at most once.
  };
  static constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;

  Kind kind = Kind::kSequence;
  bool escaped = false;  // kCopyWords: as in a JSON string.
  Place place;
  std::string text;
  std::vector<std::pair<char32_t, char32_t>> ranges;  // Ascending, apart.
  std::vector<std::uint32_t> children;
  std::uint32_t least = 0;
  std::uint32_t most = kUnbounded;
  std::uint32_t target = 0;
};

struct Rule {
  std::string name;
  Place place;  // Of its definition, or of its first use while it has none.
  bool defined = false;
  std::uint32_t body = 0;
};

struct Syntax {
  std::vector<Expression> expressions;
  std::vector<Rule> rules;
  std::uint32_t root = 0;  // The rule named "root".
};

// Reads a grammar:
//
//   # comment to the end of the line
//   name ::= "literal" | [a-z0-9_] | [^"\\] | . | other-name | ( … ) | …? …* …+ …{2} …{2,} …{2,5}
//   %copy-words      words of the source text, one after another as they stand there, escaped as in a JSON string
//   %copy-words-raw  the same without escapes
//   %once-NAME       takes nothing; a text goes through all %once-NAME of one name together at most once. Keys of an
//                    object in any order, none twice: a ::= %once-x "x" | %once-y "y", then
//                    b ::= %once-x ",x" | %once-y ",y" and root ::= ( a b* )?, which allows a comma only before a key
//
// Escapes: \n \r \t \\ \" \' \[ \] \^ \- \xHH \uHHHH \UHHHHHHHH (code points). A rule goes on until the next `name
// ::=`. Errors: kMalformed with line and column.
[[nodiscard]] Result<Syntax> parse_grammar(std::string_view text, const GrammarLimits& limits);

}  // namespace linnet::text
