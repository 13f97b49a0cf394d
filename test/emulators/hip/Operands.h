// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The printed form of one instruction, taken apart: mnemonic, operand texts, modifiers. Used while decoding only.

#ifndef TINYC_TEST_EMULATORS_HIP_OPERANDS_H
#define TINYC_TEST_EMULATORS_HIP_OPERANDS_H

#include "Instruction.h"
#include <optional>

namespace tinyc::emulator::amd {

struct Printed {
  std::string mnemonic; // without _e32, _e64, _dpp
  std::vector<std::string> operands;
  std::map<std::string, std::string> modifiers; // "offset" -> "16", "glc" -> ""
  bool has(const std::string &name) const { return modifiers.count(name) != 0; }
  int number(const std::string &name, int otherwise) const;
  /// "[1,0,1]" as bits, or otherwise.
  std::vector<int> list(const std::string &name) const;
};

Printed takeApart(const std::string &text);

/// Reads a register, constant or "off"; `type` says what a floating-point constant means. Nothing if it is none of
/// them.
std::optional<Operand> parseOperand(const std::string &text, Type type);

/// DPP controls among the modifiers, if there are any. False with `error` when one is unknown.
bool parseDpp(const Printed &printed, std::optional<Dpp> &dpp, std::string &error);

} // namespace tinyc::emulator::amd

#endif
