// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens, and what takes their place.

#include "test/fuzz/TextMutation.h"

using namespace tinyc::fuzz;

namespace {

enum class Kind { Number, Word, Value, Other };

struct Token {
  Kind kind;
  size_t begin, size;
};

// Numbers with their dot and exponent, words with dots ("tiny.add"), values ("%x"), else single characters. `x` between
// digits ends a number, so that each size of a shape is one.
std::vector<Token> tokensOf(std::string_view text) {
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  auto isWord = [&](char c) {
    return (c | 32) >= 'a' ? (c | 32) <= 'z' : c == '_' || c == '.' || c == '$' || isDigit(c);
  };
  std::vector<Token> tokens;
  for (size_t i = 0; i < text.size();) {
    size_t begin = i++;
    Kind kind = Kind::Other;
    if (isDigit(text[begin])) {
      kind = Kind::Number;
      while (i < text.size() && (isDigit(text[i]) || text[i] == '.'))
        ++i;
    } else if (text[begin] == 'x' && i < text.size() && isDigit(text[i])) {
      // between the sizes of a shape
    } else if (isWord(text[begin]) || text[begin] == '%') {
      kind = text[begin] == '%' ? Kind::Value : Kind::Word;
      while (i < text.size() && isWord(text[i]))
        ++i;
    } else if (text[begin] == ' ' || text[begin] == '\n') {
      continue;
    }
    tokens.push_back({kind, begin, i - begin});
  }
  return tokens;
}

std::vector<std::pair<size_t, size_t>> linesOf(const std::string &text) {
  std::vector<std::pair<size_t, size_t>> lines;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    lines.emplace_back(begin, end - begin);
    begin = end;
  }
  return lines;
}

std::string numberText(const std::string &old, Choice &choose) {
  static const char *const floats[] = {"0.0", "-0.0", "1.0e38", "1.0e-45", "0x7FC00000", "0x7F800000", "3.4e39", "0.5"};
  if (old.find('.') != std::string::npos)
    return choose.among(floats);
  int64_t value = 0;
  for (char c : old.substr(0, 18))
    value = value * 10 + (c - '0');
  return choose.oneIn(3) ? std::to_string(choose.below(9)) : std::to_string(choose.number(value));
}

} // namespace

std::string tinyc::fuzz::mutateText(std::string text, std::string_view other, Choice &choose) {
  auto lines = linesOf(text);
  if (lines.empty())
    return std::string(other);
  switch (choose.below(12)) {
  case 0: // a line goes
  {
    auto [begin, size] = choose.among(lines);
    return text.erase(begin, size);
  }
  case 1: // a line twice
  {
    auto [begin, size] = choose.among(lines);
    return text.insert(choose.among(lines).first, text.substr(begin, size));
  }
  case 2: // a line of the other text
  {
    std::string from(other);
    auto theirs = linesOf(from);
    if (theirs.empty())
      return text;
    auto [begin, size] = choose.among(theirs);
    return text.insert(choose.among(lines).first, from.substr(begin, size));
  }
  case 3: // two lines change places
  {
    auto a = choose.among(lines), b = choose.among(lines);
    if (a.first > b.first)
      std::swap(a, b);
    if (a.first == b.first)
      return text;
    std::string first = text.substr(a.first, a.second), second = text.substr(b.first, b.second);
    text.replace(b.first, b.second, first);
    return text.replace(a.first, a.second, second);
  }
  default:
    break;
  }
  std::vector<Token> tokens = tokensOf(text);
  if (tokens.empty())
    return text;
  Token token = choose.among(tokens);
  std::string old = text.substr(token.begin, token.size);
  if (token.kind == Kind::Number && !choose.oneIn(4))
    return text.replace(token.begin, token.size, numberText(old, choose));
  std::vector<Token> same;
  for (const Token &candidate : tokensOf(other))
    if (candidate.kind == token.kind)
      same.push_back(candidate);
  if (!same.empty() && !choose.oneIn(10)) {
    Token with = choose.among(same);
    std::string replacement(other.substr(with.begin, with.size));
    // Everywhere, now and then: a type or a value renamed.
    if (choose.oneIn(4) && token.kind != Kind::Other && old.size() > 1) {
      std::string all;
      size_t done = 0;
      for (const Token &each : tokens)
        if (text.compare(each.begin, each.size, old) == 0) {
          all.append(text, done, each.begin - done).append(replacement);
          done = each.begin + each.size;
        }
      return all.append(text, done);
    }
    return text.replace(token.begin, token.size, replacement);
  }
  if (choose.oneIn(2))
    return text.erase(token.begin, token.size);
  return text.insert(token.begin, old + " ");
}
