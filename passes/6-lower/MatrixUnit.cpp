// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// AMX and VNNI through LLVM's intrinsics. LLVM configures the tile registers: the intrinsics carry the shapes.

#include "passes/6-lower/MatrixUnit.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tinyc;

// Every row of a tile register is as long as a vector register; so is VNNI's fragment of B or C.
static constexpr int64_t kRowBytes = 64;

MatrixUnit::MatrixUnit(const TensorCoreRow &row) : row_(&row), inTiles(row.registers != 0) {}

std::optional<MatrixUnit> MatrixUnit::of(StringRef instruction) {
  const TensorCoreRow *row = findTensorCoreRow(instruction);
  if (!row || row->cycles == 0)
    return std::nullopt;
  return MatrixUnit(*row);
}

static Value number(OpBuilder &b, Location loc, unsigned width, int64_t value) {
  Type type = b.getIntegerType(width);
  return LLVM::ConstantOp::create(b, loc, type, b.getIntegerAttr(type, value));
}

static Value call(OpBuilder &b, Location loc, const std::string &name, Type type, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name), operands).getResult(0);
}

static Type wordsType(OpBuilder &b) { return VectorType::get({kRowBytes / 4}, b.getI32Type()); }

Value MatrixUnit::loadTile(OpBuilder &b, Location loc, Value pointer, int64_t stride, int64_t rows) const {
  return call(b, loc, "llvm.x86.tileloadd64.internal", LLVM::LLVMX86AMXType::get(b.getContext()),
              {number(b, loc, 16, rows), number(b, loc, 16, kRowBytes), pointer, number(b, loc, 64, stride)});
}

Value MatrixUnit::loadA(OpBuilder &b, Location loc, Value pointer, int64_t stride) const {
  if (inTiles)
    return loadTile(b, loc, pointer, stride, row_->m);
  // One group of k, for all columns.
  Value one = LLVM::LoadOp::create(b, loc, b.getI32Type(), pointer, 1);
  return vector::BroadcastOp::create(b, loc, wordsType(b), one);
}

Value MatrixUnit::loadB(OpBuilder &b, Location loc, Value pointer, int64_t stride) const {
  if (inTiles)
    return loadTile(b, loc, pointer, stride, row_->k / group());
  return LLVM::LoadOp::create(b, loc, wordsType(b), pointer, 1);
}

Value MatrixUnit::loadC(OpBuilder &b, Location loc, Value pointer, int64_t stride) const {
  if (inTiles)
    return loadTile(b, loc, pointer, stride, row_->m);
  return LLVM::LoadOp::create(b, loc, wordsType(b), pointer, 4);
}

void MatrixUnit::storeC(OpBuilder &b, Location loc, Value c, Value pointer, int64_t stride) const {
  if (inTiles)
    LLVM::CallIntrinsicOp::create(
        b, loc, b.getStringAttr("llvm.x86.tilestored64.internal"),
        {number(b, loc, 16, row_->m), number(b, loc, 16, kRowBytes), pointer, number(b, loc, 64, stride), c});
  else
    LLVM::StoreOp::create(b, loc, c, pointer, 4);
}

Value MatrixUnit::zero(OpBuilder &b, Location loc) const {
  if (!inTiles)
    return LLVM::ZeroOp::create(b, loc, wordsType(b));
  return call(b, loc, "llvm.x86.tilezero.internal", LLVM::LLVMX86AMXType::get(b.getContext()),
              {number(b, loc, 16, row_->m), number(b, loc, 16, kRowBytes)});
}

Value MatrixUnit::multiply(OpBuilder &b, Location loc, Value a, Value bs, Value c) const {
  // "amx.tdpbssd", "avx512vnni.vpdpbusd.ui8.i8": the instruction is the second word.
  std::string instruction = StringRef(row_->name).split('.').second.split('.').first.str();
  if (inTiles)
    return call(b, loc, "llvm.x86." + instruction + ".internal", c.getType(),
                {number(b, loc, 16, row_->m), number(b, loc, 16, kRowBytes), number(b, loc, 16, kRowBytes), c, a, bs});
  // Of vpdpbusd's factors the first has no sign.
  if (row_->left == "i8")
    std::swap(a, bs);
  int64_t bits = 32 / group();
  auto type = VectorType::get({kRowBytes * 8 / bits}, b.getIntegerType(bits));
  return call(b, loc, "llvm.x86.avx512." + instruction + ".512", c.getType(),
              {c, LLVM::BitcastOp::create(b, loc, type, a), LLVM::BitcastOp::create(b, loc, type, bs)});
}
