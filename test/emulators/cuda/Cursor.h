// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A reading position in PTX text: white space, comments, words and numbers.
#pragma once

#include "test/emulators/cuda/Ptx.h"

namespace tinyc::emulator::ptx {

class Cursor {
public:
  explicit Cursor(std::string_view Text) : Text(Text) { skipSpace(); }

  bool atEnd() const { return At >= Text.size(); }
  unsigned line() const { return Line; }
  size_t position() const { return At; }
  char peek() const { return At < Text.size() ? Text[At] : '\0'; }
  /// From a position to here, with runs of white space made one blank.
  std::string since(size_t Position) const;

  /// Consumes Ch (and the space after it) if it is next.
  bool accept(char Ch);
  void expect(char Ch);
  /// An identifier, with the component of a special register (%tid.x); empty when none is next.
  std::string identifier();
  std::string requireIdentifier(const char *What);
  /// A dotted word such as ld.global.L2::128B.v4.f32 or .reg.
  std::string dottedWord();
  /// A quoted string's contents.
  std::string quoted();
  bool atNumber() const { return (peek() >= '0' && peek() <= '9') || peek() == '-'; }
  /// A number in any of PTX's forms; Kind tells which.
  Argument number();
  uint64_t requireInteger(const char *What);
  void skipLine();
  [[noreturn]] void fail(const std::string &Message) const { throw PtxError{Line, Message}; }

private:
  void skipSpace();
  void advance() {
    if (Text[At++] == '\n')
      ++Line;
  }
  std::string_view Text;
  size_t At = 0;
  unsigned Line = 1;
};

} // namespace tinyc::emulator::ptx
