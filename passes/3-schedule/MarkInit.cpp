// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mark-init: finds the kernels that depend on weights and constants only, and says that they run once, at load.
//
// Needs: kernels with schedules, and `tiny.target`. Leaves: `tiny.init` on each such kernel of a function's own block,
// the hash of what its results follow from: source and transform. Its results are kept with the weights; every run
// reads them. Refuses: nothing; a kernel whose results are much larger than what it reads stays where it is, since
// memory that stays costs more than computing again what is mostly repetition.
//
//   %w = tiny.param "w" "2f1c.." : tensor<64x64xf16>
//   %r = tiny.kernel "exp_0" shared 2 .. (%w) : (tensor<64x64xf16>) -> tensor<64x64xf32> { .. }
// becomes
//   %r = tiny.kernel "exp_0" shared 2 .. (%w) attributes {tiny.init = "77ab.."} : ..

#include "dialects/Tiny/KernelMarks.h"
#include "passes/3-schedule/Schedules.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

namespace tinyc {
#define GEN_PASS_DEF_MARKINIT
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Results may take this many times the bytes that are read, and this many more.
static constexpr int64_t kMostGrowth = 4, kAlwaysAllowed = 64 << 10;

static int64_t bytesOf(TypeRange types) {
  int64_t bytes = 0;
  for (Type type : types) {
    auto tensor = cast<RankedTensorType>(type);
    bytes += llvm::divideCeil(tensor.getNumElements() * tensor.getElementTypeBitWidth(), 8);
  }
  return bytes;
}

static bool isInit(Operation *op) { return op->hasAttr(kInitAttr); }

static bool dependsOnWeightsOnly(KernelOp kernel) {
  return llvm::all_of(kernel.getInputs(), [](Value input) {
    Operation *source = input.getDefiningOp();
    return source && (isa<ParamOp, ConstOp>(source) || isInit(source));
  });
}

// Everything that tells the results apart from others: bodies, maps and schedule without names and locations, and
// where the operands come from.
static std::string keyOf(KernelOp kernel, StringRef target) {
  llvm::SHA256 hash;
  auto add = [&](StringRef text) {
    hash.update(text);
    hash.update(StringRef("\0", 1));
  };
  add("tinyc init 1");
  add(target);
  for (Value input : kernel.getInputs()) {
    if (auto param = input.getDefiningOp<ParamOp>()) {
      add(param.getHash());
    } else if (auto constant = input.getDefiningOp<ConstOp>()) {
      std::string text;
      llvm::raw_string_ostream(text) << constant.getValue();
      add(text);
    } else {
      add(input.getDefiningOp()->getAttrOfType<StringAttr>(kInitAttr).getValue());
      add(std::to_string(cast<OpResult>(input).getResultNumber()));
    }
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  os << kernel.getShared() << ' ' << kernel.getScheduleAttr() << ' ' << kernel.getWritesAttr();
  for (Type type : llvm::concat<const Type>(SmallVector<Type>(kernel->getOperandTypes()),
                                            SmallVector<Type>(kernel->getResultTypes())))
    os << ' ' << type;
  llvm::DenseMap<Value, size_t> numbers;
  auto number = [&](Value value) { numbers.try_emplace(value, numbers.size()); };
  kernel->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op != kernel) {
      os << '\n' << op->getName() << ' ' << op->getAttrDictionary();
      for (Value operand : op->getOperands())
        os << " %" << numbers.at(operand);
      for (Value result : op->getResults()) {
        os << ' ' << result.getType();
        number(result);
      }
    }
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), number);
  });
  add(text);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

namespace {
struct MarkInit : tinyc::impl::MarkInitBase<MarkInit> {
  void runOnOperation() override {
    const Chip *chip = moduleChip(getOperation());
    if (!chip)
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (KernelOp kernel : function.getOps<KernelOp>()) {
        if (!dependsOnWeightsOnly(kernel))
          continue;
        if (bytesOf(kernel->getResultTypes()) > kMostGrowth * bytesOf(kernel->getOperandTypes()) + kAlwaysAllowed)
          continue;
        kernel->setAttr(kInitAttr, StringAttr::get(&getContext(), keyOf(kernel, chip->name)));
      }
  }
};
} // namespace
