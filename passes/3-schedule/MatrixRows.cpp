// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Holds a contraction's operands against the rows of the tensor-core table.

#include "passes/3-schedule/MatrixRows.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static std::string nameOf(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name;
}

// Integers of a row of words may be bytes: widening keeps them.
static bool fits(Type type, StringRef wanted) {
  return nameOf(type) == wanted || (wanted == "i16" && type.isInteger(8));
}

// The type that the kernel reads, if all that happens to it before the product is one cast.
static Type operandType(Contraction &c, unsigned read) {
  auto cast = factorOf(c.stage, read).getDefiningOp<CastOp>();
  return cast && isa<BlockArgument>(cast.getInput()) ? cast.getInput().getType() : Type();
}

static bool isZero(TypedAttr fill) {
  if (auto number = dyn_cast_or_null<FloatAttr>(fill))
    return number.getValue().isPosZero();
  auto integer = dyn_cast_or_null<IntegerAttr>(fill);
  return !fill || (integer && integer.getValue().isZero());
}

static bool isFinite(TypedAttr fill) {
  auto number = dyn_cast_or_null<FloatAttr>(fill);
  return !number || number.getValue().isFinite();
}

std::string tinyc::rowMismatch(Contraction &c, const TensorCoreRow &row) {
  Type left = operandType(c, c.rowsRead), right = operandType(c, c.columnsRead);
  Type sum = elementType(c.stage.getResult(0).getType());
  if (!left || !right || !fits(left, row.left) || !fits(right, row.right) || nameOf(sum) != row.result) {
    auto read = [&](Type type, unsigned index) {
      return nameOf(type ? type : elementType(c.stage.getOperand(index).getType()));
    };
    return "multiplies " + row.left + " by " + row.right + " into " + row.result + "; the kernel has " +
           read(left, c.rowsRead) + " by " + read(right, c.columnsRead) + " into " + nameOf(sum) +
           (left && right ? "" : ", not each by one cast");
  }
  if (c.size(c.k) % row.k == 0)
    return "";
  // What is filled up is what lies beyond an operand's last k; one that does not follow k has no such place.
  for (unsigned read : {c.rowsRead, c.columnsRead})
    if (llvm::none_of(c.k, [&](unsigned dim) {
          return c.stage.getDomain()[dim] > 1 && c.stage.getMap(read).isFunctionOfDim(dim);
        }))
      return "fills up " + std::to_string(c.size(c.k)) + " terms to a multiple of " + std::to_string(row.k) +
             "; an operand does not vary with them";
  TypedAttr ofRows = c.stage.getFill(c.rowsRead), ofColumns = c.stage.getFill(c.columnsRead);
  if (!(isZero(ofRows) && isFinite(ofColumns)) && !(isZero(ofColumns) && isFinite(ofRows)))
    return "fills up " + std::to_string(c.size(c.k)) + " terms to a multiple of " + std::to_string(row.k) +
           "; the masks of both operands have a fill that is not zero";
  return "";
}

int64_t tinyc::fragments(const TensorCoreRow &row, ArrayRef<int64_t> inner) {
  int64_t rows = inner[0] / row.m, columns = inner[1] / row.n;
  return rows * columns + rows + columns;
}

const TensorCoreRow *tinyc::chooseCpuRow(Contraction &c, const Chip &chip) {
  int64_t m = c.size(c.m), n = c.size(c.n), k = c.size(c.k);
  auto cycles = [&](int64_t rows, int64_t columns, int64_t depth, double each) {
    return double(llvm::divideCeil(m, rows)) * llvm::divideCeil(n, columns) * llvm::divideCeil(k, depth) * each;
  };
  // A vector's multiply-add, two of which start in a cycle; of integers it is three operations.
  Type sum = elementType(c.stage.getResult(0).getType());
  double least = cycles(1, chip.vectorBytes / llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8), 1,
                        isa<FloatType>(sum) ? 0.5 : 1.5);
  const TensorCoreRow *best = nullptr;
  for (StringRef name : chip.instructions) {
    const TensorCoreRow *row = findTensorCoreRow(name);
    if (!row || row->cycles == 0)
      continue;
    double needed = cycles(row->m, row->n, row->k, row->cycles);
    if (needed < least && rowMismatch(c, *row).empty()) {
      least = needed;
      best = row;
    }
  }
  return best;
}

std::string tinyc::tensorCoreRow(const Chip &chip, Type element) {
  std::string name = nameOf(element);
  for (StringRef instruction : chip.instructions)
    if (const TensorCoreRow *row = findTensorCoreRow(instruction);
        row && row->left == name && row->right == name && row->result == "f32")
      return row->name;
  return "fma";
}
