// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decodes the text section once. LLVM's disassembler says what each instruction is (its opcode numbers are not part of
// its installed interface, its printed form is); the tables of operations say what it does.

#include "CodeObject.h"
#include "Operands.h"
#include "VectorEval.h"
#include "Wave.h"
#include "llvm-c/Disassembler.h"
#include "llvm-c/Target.h"
#include <cstring>
#include <memory>

using namespace tinyc::emulator::amd;

namespace {

void runUnknown(Wave &wave, const Instruction &instruction) {
  fault(-1, "the emulator does not know this instruction: " + wave.program->texts[instruction.immediate]);
}

class Decoder {
public:
  Decoder(Program &program) : program(program) {}
  /// Fills `instruction` from its text; on failure says why.
  bool decode(const std::string &text, Instruction &instruction, std::string &why);

private:
  bool decodeVector(const VectorOp &row, const Printed &printed, Instruction &instruction, std::string &why);
  bool decodeScalar(const ScalarOp &row, const Printed &printed, Instruction &instruction, std::string &why);
  bool decodeSpecial(const SpecialOp &row, const Printed &printed, Instruction &instruction, std::string &why);
  bool decodeDual(const std::string &text, size_t split, Instruction &instruction, std::string &why);
  void spread(Operand &operand);
  void addRange(Instruction &instruction, const Operand &operand);
  void addRanges(Instruction &instruction);
  bool operand(const std::string &text, Type type, Operand &out, std::string &why);

  Program &program;
};

bool Decoder::operand(const std::string &text, Type type, Operand &out, std::string &why) {
  auto parsed = parseOperand(text, type);
  if (!parsed) {
    why = "operand '" + text + "' is not understood";
    return false;
  }
  out = *parsed;
  return true;
}

/// The halves of a register that an operand names.
uint8_t halvesUsed(const Operand &operand) {
  if (operand.type == Type::B16 || operand.type == Type::F16)
    return operand.high ? 2 : 1;
  if (operand.type == Type::Mix && operand.selectHigh)
    return operand.high ? 2 : 1;
  if (operand.type == Type::Packed || operand.type == Type::PackedFloat)
    return uint8_t((operand.high ? 2 : 1) | (operand.selectHigh ? 2 : 1));
  return 3;
}

void noteLimit(Instruction &instruction, const Operand &operand) {
  if (operand.kind == OperandKind::Vector)
    instruction.vectorLimit = std::max<uint16_t>(instruction.vectorLimit, operand.reg + operand.words);
}

/// Lays a constant out over the lanes, its sign modifiers applied, so that executing costs nothing.
void Decoder::spread(Operand &operand) {
  if (operand.kind != OperandKind::Constant)
    return;
  bool half = operand.type == Type::B16 || operand.type == Type::F16;
  bool packed = operand.type == Type::Packed || operand.type == Type::PackedFloat || operand.type == Type::Mix;
  if (!packed) {
    if (half && operand.high)
      operand.value >>= 16;
    uint64_t sign = half ? 0x8000 : operand.words > 1 ? uint64_t(1) << 63 : 0x80000000;
    if (operand.absolute)
      operand.value &= ~sign;
    if (operand.negate)
      operand.value ^= sign;
    operand.negate = operand.absolute = operand.high = false;
  }
  auto &words = program.constants[operand.value];
  if (!words) {
    words = std::make_unique<uint32_t[]>(2 * kLanes);
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      words[lane] = uint32_t(operand.value);
      words[lane + kLanes] = uint32_t(operand.value >> 32);
    }
  }
  operand.spread = words.get();
}

void Decoder::addRange(Instruction &instruction, const Operand &operand) {
  noteLimit(instruction, operand);
  if (instruction.rangeCount >= std::size(instruction.ranges))
    return;
  if (operand.kind == OperandKind::Vector)
    instruction.ranges[instruction.rangeCount++] = {uint16_t(ScalarCount + operand.reg), operand.words,
                                                    halvesUsed(operand)};
  else if (operand.kind == OperandKind::Scalar && operand.reg < TTMP0)
    instruction.ranges[instruction.rangeCount++] = {operand.reg, operand.words};
}

void Decoder::addRanges(Instruction &instruction) {
  for (const Operand &operand : instruction.s)
    addRange(instruction, operand);
  for (const Operand &operand : instruction.d)
    addRange(instruction, operand);
}

Operand maskRegister() {
  Operand operand;
  operand.kind = OperandKind::Scalar;
  operand.type = Type::Mask;
  operand.reg = VCC;
  return operand;
}

bool Decoder::decodeVector(const VectorOp &row, const Printed &printed, Instruction &instruction, std::string &why) {
  instruction.run = runVector;
  instruction.vector = row.eval;
  instruction.cls = row.flags & VectorOp::Transcendental ? Class::Transcendental : Class::Vector;
  instruction.clamp = printed.has("clamp");
  if (printed.has("mul"))
    instruction.outputScale = int8_t(printed.number("mul", 1) == 4 ? 2 : 1);
  if (printed.has("div"))
    instruction.outputScale = -1;
  size_t next = 0;
  auto left = [&] { return printed.operands.size() - next; };
  auto take = [&](Type type, Operand &out) { return operand(printed.operands[next++], type, out, why); };
  bool compareExec = printed.mnemonic.rfind("v_cmpx", 0) == 0;
  size_t expected = (row.result != Type::None) + row.sources;
  if (left() + (row.flags & VectorOp::Tied ? 1 : 0) < expected)
    return why = "too few operands", false;
  if (row.result != Type::None && !take(row.result, instruction.d[0]))
    return false;
  if (row.resultMask && !compareExec) {
    instruction.d[1] = maskRegister();
    if (left() > row.sources - (row.flags & VectorOp::Tied ? 1u : 0u) && !take(Type::Mask, instruction.d[1]))
      return false;
  }
  for (unsigned i = 0; i < row.sources; ++i) {
    Operand &source = instruction.s[i];
    if (next == printed.operands.size() && (row.flags & VectorOp::Tied)) {
      source = instruction.d[0];
      source.type = row.source[i];
    } else if (next == printed.operands.size()) {
      return why = "too few operands", false;
    } else if (!take(row.source[i], source)) {
      return false;
    }
  }
  instruction.sources = row.sources;
  if (row.sourceMask) {
    instruction.s[3] = maskRegister();
    if (left() && !take(Type::Mask, instruction.s[3]))
      return false;
  }
  if (left())
    return why = "more operands than expected", false;

  std::vector<int> select = printed.list("op_sel"), selectHigh = printed.list("op_sel_hi");
  std::vector<int> negateLow = printed.list("neg_lo"), negateHigh = printed.list("neg_hi");
  for (unsigned i = 0; i < row.sources; ++i) {
    Operand &source = instruction.s[i];
    if (i < select.size() && select[i])
      source.high = true;
    source.selectHigh = source.type != Type::Mix;
    if (i < selectHigh.size())
      source.selectHigh = selectHigh[i];
    if (i < negateLow.size() && negateLow[i])
      source.negate = true;
    if (i < negateHigh.size() && negateHigh[i]) {
      if (source.type == Type::Mix)
        source.absolute = true;
      source.negateHigh = true;
    }
    // A constant beside a half-precision selection of v_fma_mix is a half.
    if (source.type == Type::Mix && source.selectHigh && source.kind == OperandKind::Constant) {
      if (!operand(printed.operands[i + 1], Type::F16, source, why))
        return false;
      source.type = Type::Mix;
      source.selectHigh = true;
    }
    spread(source);
  }
  if (select.size() > row.sources && select[row.sources])
    instruction.d[0].high = true;
  if (row.flags & VectorOp::HighResult)
    instruction.d[0].high = true;
  if (row.flags & VectorOp::Tied && instruction.d[0].high)
    instruction.s[row.sources - 1].high = true;
  if (instruction.clamp && row.result != Type::F32 && row.result != Type::F16 && row.result != Type::F64 &&
      row.result != Type::PackedFloat && printed.mnemonic.find("/clamp") == std::string::npos)
    return why = "integer clamping of this operation is not implemented", false;
  if (row.result != Type::F32 && row.result != Type::F16 && row.result != Type::F64 && row.result != Type::PackedFloat)
    instruction.clamp = false; // done by the operation itself
  std::optional<Dpp> dpp;
  if (!parseDpp(printed, dpp, why))
    return false;
  if (dpp) {
    program.dpps.push_back(*dpp);
    instruction.dpp = &program.dpps.back();
  }
  if (compareExec)
    instruction.run = runVectorCompareExec;
  return true;
}

bool Decoder::decodeScalar(const ScalarOp &row, const Printed &printed, Instruction &instruction, std::string &why) {
  instruction.run = row.flags & ScalarOp::SavesExec ? runSaveExec : runScalar;
  instruction.scalar = row.eval;
  instruction.cls = Class::Scalar;
  size_t next = 0;
  bool tiedOnly = (row.flags & ScalarOp::Tied) && row.resultWords;
  if (row.resultWords) {
    if (printed.operands.empty() || !operand(printed.operands[next++], Type::B32, instruction.d[0], why))
      return false;
    instruction.d[0].words = row.resultWords;
  }
  const unsigned sources = row.flags & ScalarOp::SavesExec ? 1 : row.sources; // EXEC is the second
  for (unsigned i = 0; i < sources; ++i) {
    Type type = row.sourceWords[i] > 1 ? Type::B64 : Type::B32;
    if (next < printed.operands.size()) {
      if (!operand(printed.operands[next++], type, instruction.s[i], why))
        return false;
      if (row.flags & ScalarOp::Signed16 && instruction.s[i].kind == OperandKind::Constant)
        instruction.s[i].value = uint32_t(int16_t(instruction.s[i].value));
    } else if (tiedOnly) {
      instruction.s[i] = instruction.d[0];
    } else {
      return why = "too few operands", false;
    }
    instruction.s[i].words = row.sourceWords[i];
  }
  instruction.sources = uint8_t(sources);
  return next == printed.operands.size() ? true : (why = "more operands than expected", false);
}

bool Decoder::decodeSpecial(const SpecialOp &row, const Printed &printed, Instruction &instruction, std::string &why) {
  instruction.run = row.run;
  instruction.cls = row.cls;
  instruction.bytes = row.bytes;
  instruction.element = row.element;
  instruction.offset = printed.number("offset", 0);
  if (printed.has("offset0") || printed.has("offset1"))
    instruction.offset = printed.number("offset0", 0), instruction.offset1 = printed.number("offset1", 0);
  instruction.returns = printed.has("glc");
  for (const char *unsupported : {"lds", "gds", "tfe", "swz"})
    if (printed.has(unsupported))
      return why = std::string("modifier ") + unsupported + " is not implemented", false;
  std::string letters = row.operands;
  if (letters == "-") // program flow: the operand is in the encoding
    return true;
  if (letters[0] == 'A') // atomics return the old value when glc is set
    letters = instruction.returns ? "D" + letters.substr(1) : letters.substr(1);
  if (letters.size() < printed.operands.size())
    return why = "more operands than expected", false;
  for (size_t i = 0; i < printed.operands.size(); ++i) {
    if (letters[i] == 'o') // read from the encoding instead
      continue;
    Operand &place =
        letters[i] == 'D' ? instruction.d[instruction.destinations++] : instruction.s[instruction.sources++];
    if (!operand(printed.operands[i], Type::B32, place, why))
      return false;
  }
  std::vector<int> select = printed.list("op_sel"), negateLow = printed.list("neg_lo"),
                   negateHigh = printed.list("neg_hi");
  for (unsigned i = 0; i < instruction.sources; ++i) {
    instruction.s[i].high |= i < select.size() && select[i];
    instruction.s[i].negate |= i < negateLow.size() && negateLow[i];
    instruction.s[i].negateHigh |= i < negateHigh.size() && negateHigh[i];
    if (instruction.s[i].kind == OperandKind::Constant) {
      Operand plain = instruction.s[i];
      plain.high = plain.negate = false;
      spread(plain);
      instruction.s[i].spread = plain.spread;
    }
  }
  instruction.clamp = printed.has("clamp");
  // A store of 16 or 8 bits reads one half of its register: seen as an operand of 16 bits.
  bool stores = row.cls == Class::Global || row.cls == Class::Lds || row.cls == Class::Scratch;
  if (stores && !instruction.destinations && row.bytes && row.bytes < 4) {
    instruction.s[1].type = Type::B16;
    instruction.s[1].high = row.element & 32; // StoreHigh
  }
  if (row.cls == Class::Vector && printed.mnemonic == "v_swap_b16")
    instruction.d[0].type = instruction.d[1].type = Type::B16;
  return true;
}

bool Decoder::decodeDual(const std::string &text, size_t split, Instruction &instruction, std::string &why) {
  auto half = [&](std::string part, Instruction &out) {
    Printed printed = takeApart(part);
    const std::string prefix = "v_dual_";
    if (printed.mnemonic.rfind(prefix, 0) != 0)
      return why = "half of a dual instruction is not v_dual_*", false;
    printed.mnemonic = "v_" + printed.mnemonic.substr(prefix.size());
    const VectorOp *row = findVectorOp(printed.mnemonic);
    if (!row)
      return why = "operation " + printed.mnemonic + " is not implemented", false;
    return decodeVector(*row, printed, out, why);
  };
  program.duals.emplace_back();
  Instruction &second = program.duals.back();
  if (!half(text.substr(0, split), instruction) || !half(text.substr(split + 2), second))
    return false;
  instruction.run = runDual;
  instruction.dual = &second;
  addRanges(instruction);
  for (const Operand &operand : second.s)
    addRange(instruction, operand);
  addRange(instruction, second.d[0]);
  return true;
}

bool Decoder::decode(const std::string &text, Instruction &instruction, std::string &why) {
  if (size_t split = text.find("::"); split != std::string::npos)
    return decodeDual(text, split, instruction, why);
  Printed printed = takeApart(text);
  bool ok;
  if (printed.mnemonic == "v_dot4_i32_iu8") { // neg_lo says which factors are signed
    std::vector<int> isSigned = printed.list("neg_lo");
    isSigned.resize(2);
    printed.mnemonic += std::string("/") + (isSigned[0] ? "i" : "u") + (isSigned[1] ? "i" : "u");
    printed.modifiers.erase("neg_lo");
  }
  if (printed.has("clamp"))
    if (const VectorOp *row = findVectorOp(printed.mnemonic + "/clamp")) {
      printed.mnemonic += "/clamp";
      ok = decodeVector(*row, printed, instruction, why);
      addRanges(instruction);
      return ok;
    }
  if (const VectorOp *row = findVectorOp(printed.mnemonic))
    ok = decodeVector(*row, printed, instruction, why);
  else if (const ScalarOp *row = findScalarOp(printed.mnemonic))
    ok = decodeScalar(*row, printed, instruction, why);
  else if (const SpecialOp *row = findSpecialOp(printed.mnemonic))
    ok = decodeSpecial(*row, printed, instruction, why);
  else
    return why = "operation " + printed.mnemonic + " is not implemented", false;
  bool loads =
      instruction.destinations && (instruction.cls == Class::Global || instruction.cls == Class::Lds ||
                                   instruction.cls == Class::Scratch || instruction.cls == Class::ScalarMemory);
  if (loads) { // their results may replace one another while outstanding; see markPending
    for (const Operand &operand : instruction.s)
      addRange(instruction, operand);
    for (const Operand &operand : instruction.d)
      noteLimit(instruction, operand);
  } else {
    addRanges(instruction);
  }
  return ok;
}

} // namespace

bool tinyc::emulator::amd::decodeProgram(const CodeObject &object, const char *chip, uint32_t dropSync,
                                         Program &program, std::string &error) {
  static const bool initialised = [] {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTarget();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUDisassembler();
    return true;
  }();
  (void)initialised;
  std::unique_ptr<void, void (*)(void *)> disassembler(
      LLVMCreateDisasmCPU("amdgcn-amd-amdhsa", chip, nullptr, 0, nullptr, nullptr), LLVMDisasmDispose);
  if (!disassembler) {
    error = std::string("LLVM has no disassembler for ") + chip;
    return false;
  }
  Decoder decoder(program);
  program.textBegin = object.textBegin;
  program.indexOfWord.assign(object.textSize / 4, ~0u);
  std::vector<uint8_t> code(object.image.begin() + object.textBegin,
                            object.image.begin() + object.textBegin + object.textSize);
  for (uint64_t at = 0; at + 4 <= code.size();) {
    char text[256];
    size_t size = LLVMDisasmInstruction(disassembler.get(), code.data() + at, code.size() - at, object.textBegin + at,
                                        text, sizeof text);
    Instruction instruction;
    instruction.address = uint32_t(object.textBegin + at);
    std::memcpy(&instruction.immediate, code.data() + at, 4);
    instruction.immediate &= 0xffff;
    std::string printed = size ? text : "bytes that are no instruction", why;
    printed = printed.substr(std::min(printed.size(), printed.find_first_not_of(" \t")));
    instruction.text = uint32_t(program.texts.size());
    program.texts.push_back(printed);
    if (!size || !decoder.decode(printed, instruction, why)) {
      Instruction unknown;
      unknown.address = instruction.address;
      unknown.text = instruction.text;
      unknown.run = runUnknown;
      unknown.immediate = uint32_t(program.texts.size());
      program.texts.push_back(size ? why : "no encoding of this chip");
      instruction = unknown;
    }
    if (!size)
      size = 4;
    instruction.size = uint32_t(size);
    if (instruction.cls == Class::Sync) {
      instruction.syncNumber = ++program.syncCount;
      if (dropSync == program.syncCount)
        instruction.run = [](Wave &, const Instruction &) {};
    }
    program.indexOfWord[at / 4] = uint32_t(program.instructions.size());
    program.instructions.push_back(instruction);
    at += size;
  }
  for (Instruction &instruction : program.instructions)
    if (instruction.cls == Class::Branch)
      instruction.target =
          program.indexOf(uint64_t(instruction.address) + 4 + int64_t(int16_t(instruction.immediate)) * 4);
  return true;
}
