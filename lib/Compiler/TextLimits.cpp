// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the characters, with a stack of brackets that is a number and a table of aliases.

#include "lib/Compiler/TextLimits.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

using namespace tinyc;
using llvm::StringRef;

/// Parsing, verifying and printing recurse a few times a level.
constexpr unsigned kMostNesting = 1000;
/// Signs before a value: each is a level too.
constexpr unsigned kMostSigns = 1000;
/// Digits of a number; reading them takes time in proportion to their square. The longest f64 has 767.
constexpr size_t kMostDigits = 4096;
/// Dimensions and symbols of an affine map, of which each is compared with all others.
constexpr unsigned kMostDims = 4096;
/// Dimensions of a shape, which are read in time in proportion to the square of their number.
constexpr size_t kMostSizes = 1024;
/// Characters of an alias that is written out.
constexpr uint64_t kMostCharacters = 100'000'000;

namespace {

class TextReader {
public:
  explicit TextReader(StringRef text) : text(text) {}

  std::optional<TextLimit> run() {
    for (; at < text.size() && !found; ++at)
      read();
    return std::move(found);
  }

private:
  struct Alias {
    unsigned depth = 0;
    uint64_t characters = 0;
    bool isLocation = false;
  };

  void fail(const llvm::Twine &message) { found = TextLimit{line, message.str()}; }

  void read() {
    char c = text[at];
    signs = c == '-' && !text.substr(at).starts_with("->") ? signs + 1 : c == ' ' || c == '\n' ? signs : 0;
    if (signs > kMostSigns)
      return fail("more than " + llvm::Twine(kMostSigns) + " signs in a row");
    if (c != '?' && !llvm::isAlnum(c))
      sizes = 0;
    if (!llvm::isSpace(c) && !text.substr(at).starts_with("//"))
      lastContent = at;
    switch (c) {
    case '\n':
      ++line;
      if (depth == 0 && lastContent > begin)
        endDefinition();
      return;
    case ' ':
    case '\t':
    case '\r':
      return;
    case '"':
      for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at)
        at += text[at] == '\\';
      line += at < text.size() && text[at] == '\n';
      return;
    case '/':
      if (text.substr(at).starts_with("//"))
        at = std::min(text.find('\n', at), text.size()) - 1;
      return;
    case '(':
    case '[':
    case '{':
    case '<':
      return nest(++depth);
    case '>':
      if (at > 0 && text[at - 1] == '-') { // an arrow
        dims = 0;
        return;
      }
      if (text.substr(at).starts_with(">="))
        return;
      [[fallthrough]];
    case ')':
    case ']':
    case '}':
      depth -= depth > 0;
      return;
    case ':':
      dims = 0;
      return;
    case ',':
      if (dims && ++dims > kMostDims)
        fail("an affine map or set has more than " + llvm::Twine(kMostDims) + " dimensions and symbols");
      return;
    case '?':
      return shape(1);
    case '#':
    case '!':
      return alias();
    default:
      if (llvm::isAlnum(c) || c == '_')
        word();
    }
  }

  // The bracket before, and all that an alias holds, in `levels` of brackets.
  void nest(unsigned levels) {
    deepest = std::max(deepest, levels);
    if (deepest > kMostNesting)
      fail("brackets are nested more than " + llvm::Twine(kMostNesting) + " deep");
  }

  StringRef takeWord() {
    size_t begin = at;
    while (at + 1 < text.size() &&
           (llvm::isAlnum(text[at + 1]) || text[at + 1] == '_' || text[at + 1] == '.' || text[at + 1] == '$'))
      ++at;
    return text.slice(begin, at + 1);
  }

  void shape(size_t more) {
    sizes += more;
    if (sizes > kMostSizes)
      fail("a shape has more than " + llvm::Twine(kMostSizes) + " dimensions");
  }

  // A shape without open dimensions is one word: "4x16xf32".
  void word() {
    StringRef word = takeWord();
    if (word == "affine_map" || word == "affine_set")
      dims = 1;
    if (word == "array")
      array();
    shape(word.count('x'));
    if (word.size() <= kMostDigits || word.starts_with("0x"))
      return;
    size_t digits = 0;
    for (char c : word) {
      digits = llvm::isDigit(c) ? digits + 1 : 0;
      if (digits > kMostDigits)
        return fail("a number has more than " + llvm::Twine(kMostDigits) + " digits");
    }
  }

  // `rest` without the blanks and comments that it begins with.
  static StringRef skipBlanks(StringRef rest) {
    while (true) {
      rest = rest.ltrim();
      if (!rest.starts_with("//"))
        return rest;
      rest = rest.drop_until([](char c) { return c == '\n'; });
    }
  }

  // MLIR 22 takes `array<index: 1>` for one of floats, and crashes. An alias may stand for index.
  void array() {
    StringRef rest = skipBlanks(text.substr(at + 1));
    if (!rest.consume_front("<"))
      return;
    rest = skipBlanks(rest);
    StringRef element = rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '!' || c == '.'; });
    if (element == "index" || element.starts_with("!"))
      fail("expected an array of i1, i8, i16, i32, i64, f32 or f64, found one of " + element);
  }

  // "#name = .." begins a definition, up to the end of a line outside of brackets; "#name" elsewhere stands for one.
  void alias() {
    StringRef name = takeWord();
    StringRef rest = text.substr(at + 1).ltrim(" ");
    if (depth == 0 && rest.consume_front("=") && !rest.starts_with("=")) {
      endDefinition();
      defined = name;
      at = lastContent = begin = text.size() - rest.size() - 1;
      own = {0, 0, rest.ltrim(" ").starts_with("loc(")};
      deepest = 0;
      return;
    }
    auto known = aliases.find(name);
    if (known == aliases.end())
      return;
    nest(depth + known->second.depth);
    if (defined.empty())
      return;
    own.characters = llvm::SaturatingAdd(own.characters, known->second.characters);
    // Locations are written out only where they are asked for.
    if (!own.isLocation && own.characters > kMostCharacters)
      fail("an alias would have more than " + llvm::Twine(kMostCharacters) + " characters, written out");
  }

  void endDefinition() {
    if (!defined.empty())
      aliases[defined] = {deepest, llvm::SaturatingAdd(own.characters, uint64_t(at - begin)), own.isLocation};
    defined = {};
  }

  StringRef text;
  size_t at = 0;
  unsigned line = 1, depth = 0, signs = 0;
  unsigned dims = 0; ///< one more than the commas since the map began; 0 outside of its lists
  size_t sizes = 0;  ///< of the shape so far
  unsigned deepest = 0;
  llvm::StringMap<Alias> aliases;
  StringRef defined;                 ///< the alias that is being defined; empty outside of definitions
  size_t begin = 0, lastContent = 0; ///< of it the "=", and the last character that says something
  Alias own;
  std::optional<TextLimit> found;
};

} // namespace

std::optional<TextLimit> tinyc::textBeyondLimits(StringRef text) { return TextReader(text).run(); }
