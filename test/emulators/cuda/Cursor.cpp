// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words, numbers and comments of PTX.
#include "test/emulators/cuda/Cursor.h"

#include <bit>
#include <cctype>
#include <cstdlib>

namespace tinyc::emulator::ptx {

void Cursor::skipSpace() {
  while (!atEnd()) {
    if (std::isspace(static_cast<unsigned char>(Text[At]))) {
      advance();
    } else if (Text.substr(At, 2) == "//") {
      while (!atEnd() && Text[At] != '\n')
        advance();
    } else if (Text.substr(At, 2) == "/*") {
      while (!atEnd() && Text.substr(At, 2) != "*/")
        advance();
      if (atEnd())
        fail("comment without an end");
      At += 2;
    } else if (Text[At] == '\0') { // the terminator of a C string, counted by its sender
      At = Text.size();
    } else {
      return;
    }
  }
}

std::string Cursor::since(size_t Position) const {
  std::string Out;
  for (char Ch : Text.substr(Position, At - Position)) {
    if (!std::isspace(static_cast<unsigned char>(Ch)))
      Out += Ch;
    else if (!Out.empty() && Out.back() != ' ')
      Out += ' ';
  }
  while (!Out.empty() && Out.back() == ' ')
    Out.pop_back();
  return Out;
}

bool Cursor::accept(char Ch) {
  if (peek() != Ch || atEnd())
    return false;
  advance();
  skipSpace();
  return true;
}

void Cursor::expect(char Ch) {
  if (!accept(Ch))
    fail(std::string("expected '") + Ch + "', found " +
         (atEnd() ? "the end of the text" : "'" + std::string(1, peek()) + "'"));
}

static bool wordStart(char Ch) {
  return std::isalpha(static_cast<unsigned char>(Ch)) || Ch == '_' || Ch == '$' || Ch == '%';
}
static bool wordPart(char Ch) { return wordStart(Ch) || std::isdigit(static_cast<unsigned char>(Ch)); }

std::string Cursor::identifier() {
  std::string Word;
  if (!wordStart(peek()))
    return Word;
  while (!atEnd() && wordPart(peek())) {
    Word += peek();
    advance();
  }
  if (Word[0] == '%' && peek() == '.' && At + 1 < Text.size() &&
      std::isalpha(static_cast<unsigned char>(Text[At + 1]))) {
    Word += '.';
    for (advance(); !atEnd() && wordPart(peek()); advance())
      Word += peek();
  }
  skipSpace();
  return Word;
}

std::string Cursor::requireIdentifier(const char *What) {
  std::string Word = identifier();
  if (Word.empty())
    fail(std::string("expected ") + What + ", found " +
         (atEnd() ? "the end of the text" : "'" + std::string(1, peek()) + "'"));
  return Word;
}

std::string Cursor::dottedWord() {
  std::string Word;
  while (!atEnd() && (wordPart(peek()) || peek() == '.' || (peek() == ':' && Text.substr(At, 2) == "::"))) {
    if (peek() == ':') {
      Word += "::";
      At += 2;
      continue;
    }
    Word += peek();
    advance();
  }
  skipSpace();
  return Word;
}

std::string Cursor::quoted() {
  if (peek() != '"')
    fail("expected a string");
  std::string Out;
  for (advance(); !atEnd() && peek() != '"'; advance())
    Out += peek();
  if (atEnd())
    fail("string without an end");
  advance();
  skipSpace();
  return Out;
}

Argument Cursor::number() {
  Argument A;
  A.Kind = Argument::Integer;
  bool Minus = accept('-');
  size_t Begin = At;
  std::string Word;
  while (!atEnd() && (std::isalnum(static_cast<unsigned char>(peek())) || peek() == '.' ||
                      ((peek() == '-' || peek() == '+') && Word.find('.') != Word.npos &&
                       (Word.back() == 'e' || Word.back() == 'E')))) {
    Word += peek();
    advance();
  }
  char *End = nullptr;
  if (Word.size() > 2 && Word[0] == '0' && (Word[1] == 'f' || Word[1] == 'F')) {
    A.Kind = Argument::Float32;
    A.Value = std::strtoull(Word.c_str() + 2, &End, 16) ^ (Minus ? 1ull << 31 : 0);
  } else if (Word.size() > 2 && Word[0] == '0' && (Word[1] == 'd' || Word[1] == 'D')) {
    A.Kind = Argument::Float64;
    A.Value = std::strtoull(Word.c_str() + 2, &End, 16) ^ (Minus ? 1ull << 63 : 0);
  } else if (Word.find('.') != Word.npos) {
    A.Kind = Argument::Float64;
    double D = std::strtod(Word.c_str(), &End);
    A.Value = std::bit_cast<uint64_t>(Minus ? -D : D);
  } else {
    bool Binary = Word.size() > 2 && Word[0] == '0' && (Word[1] == 'b' || Word[1] == 'B');
    A.Value = std::strtoull(Word.c_str() + (Binary ? 2 : 0), &End, Binary ? 2 : 0);
    if (End && (*End == 'U' || *End == 'u'))
      ++End;
    if (Minus)
      A.Value = -A.Value;
  }
  if (Word.empty() || !End || *End)
    fail("expected a number, found '" + std::string(Text.substr(Begin, std::max<size_t>(1, At - Begin))) + "'");
  skipSpace();
  return A;
}

uint64_t Cursor::requireInteger(const char *What) {
  Argument A = number();
  if (A.Kind != Argument::Integer)
    fail(std::string("expected ") + What + ", an integer");
  return A.Value;
}

void Cursor::skipLine() {
  while (!atEnd() && Text[At] != '\n')
    advance();
  skipSpace();
}

} // namespace tinyc::emulator::ptx
