// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The NPU's commands as text, for --emit asm.

#include "Emitter.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace npu;

static void print(const Command &c, llvm::raw_ostream &os) {
  static const char *const types[] = {"i1", "i8", "i32", "f32"};
  static const char *const kinds[] = {"sum", "prod", "max"};
  static const char *const functions[] = {"add",  "mul",        "div",         "max",        "cmplt",       "cmpeq",
                                          "and",  "or",         "xor",         "where",      "sqrt",        "exp",
                                          "exp2", "round.even", "round.floor", "round.ceil", "round.trunc", "cast"};
  auto at = [](uint32_t address) { return llvm::format("[0x%x]", address); };
  std::string argument = c.argument == kConstants ? "constants" : "arg" + std::to_string(c.argument);
  switch (c.op) {
  case Op::Load:
    os << "load   ch" << unsigned(c.code) << " " << at(c.a) << " = " << argument << " + " << c.far << ", " << c.rows
       << " x " << c.run << " bytes";
    break;
  case Op::Store:
    os << "store  ch" << unsigned(c.code) << " " << argument << " + " << c.far << " = " << at(c.a) << ", " << c.rows
       << " x " << c.run << " bytes";
    break;
  case Op::Wait:
    os << "wait   ch" << unsigned(c.code);
    break;
  case Op::MatMul:
    os << "matmul " << at(c.a) << " += " << at(c.b) << " * " << at(c.c);
    break;
  case Op::Map:
    os << functions[c.code] << "." << types[unsigned(c.type)] << "." << types[unsigned(c.to)] << " " << at(c.a) << " = "
       << at(c.b) << ", " << at(c.c) << ", " << at(c.d) << ", " << c.run << " elements";
    break;
  case Op::Reduce:
    os << "reduce." << kinds[c.code] << "." << types[unsigned(c.type)] << " " << at(c.a) << " = " << at(c.b) << ", "
       << c.run << " x " << c.rows << " x " << c.nearStride;
    break;
  case Op::Move:
    os << "move   " << at(c.a) << " = " << at(c.b) << ", " << c.rows << " x " << c.run << " bytes";
    break;
  case Op::Fill:
    os << "fill." << types[unsigned(c.type)] << " " << at(c.a) << " = " << llvm::format("0x%llx", (long long)c.far)
       << ", " << c.run << " elements";
    break;
  case Op::Symbol:
    os << "symbol " << at(c.a) << " = sym" << unsigned(c.code) << ", " << c.run << " elements";
    break;
  case Op::Trap:
    os << "trap";
    break;
  }
  os << "\n";
}

std::string npu::disassemble(const Module &module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const Kernel &kernel : module.kernels)
    for (size_t unit = 0; unit < kernel.units.size(); ++unit) {
      os << kernel.symbol << " unit " << unit << ":\n";
      for (const Command &command : kernel.units[unit])
        print(command, os << "  ");
    }
  return text;
}
