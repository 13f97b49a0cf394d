// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tensor-core: a warp's product of fragments becomes matrix instructions, or one lane's multiply-adds.
//
// Needs: lane.mma (lanes). Leaves: nvvm.mma.sync, rocdl.wmma or fused multiply-adds on the same registers.
// Refuses: a row of the table that no chip of the module's kind has.
//
//   %d = lane.mma "mma.sync.m16n8k16.f32.f16" [1, 1, 1] %a, %b, %c : vector<8xf16>, vector<4xf16>, vector<4xf32>
// becomes
//   %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%c0, %c1, %c2, %c3] ... shape = #nvvm.shape<m = 16, n = 8, k
//   = 16>

#include "dialects/Layout/LaneOps.h"
#include "dialects/Layout/TensorCoreRows.h"
#include "passes/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace tinyc {
#define GEN_PASS_DEF_TENSORCORE
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

namespace {

// One instruction on the registers of its fragments.
using Emit = function_ref<SmallVector<Value>(OpBuilder &, Location, ArrayRef<Value>, ArrayRef<Value>, ArrayRef<Value>)>;

Value vectorOf(OpBuilder &b, Location loc, ArrayRef<Value> elements) {
  auto type = VectorType::get({static_cast<int64_t>(elements.size())}, elements.front().getType());
  return vector::FromElementsOp::create(b, loc, type, elements);
}

SmallVector<Value> elementsOf(OpBuilder &b, Location loc, Value vector) {
  SmallVector<Value> elements;
  for (int64_t i = 0, e = cast<VectorType>(vector.getType()).getNumElements(); i < e; ++i)
    elements.push_back(vector::ExtractOp::create(b, loc, vector, i));
  return elements;
}

// Operand registers are 32 bits: pairs of f16, or of bf16 as an integer.
SmallVector<Value> mmaSync(OpBuilder &b, Location loc, ArrayRef<Value> a, ArrayRef<Value> bs, ArrayRef<Value> c) {
  bool bf16 = a.front().getType().isBF16();
  auto pairs = [&](ArrayRef<Value> elements) {
    SmallVector<Value> registers;
    for (size_t i = 0; i < elements.size(); i += 2) {
      Value pair = vectorOf(b, loc, elements.slice(i, 2));
      registers.push_back(bf16 ? LLVM::BitcastOp::create(b, loc, b.getI32Type(), pair).getResult() : pair);
    }
    return registers;
  };
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, b.getF32Type()));
  auto kind = bf16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Value d = NVVM::MmaOp::create(b, loc, type, pairs(a), pairs(bs), c, ArrayRef<int64_t>{16, 8, 16}, std::nullopt,
                                std::nullopt, std::array<NVVM::MMATypes, 2>{kind, kind},
                                std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
  SmallVector<Value> results;
  for (int64_t i = 0; i < 4; ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, loc, d, i));
  return results;
}

SmallVector<Value> wmma(OpBuilder &b, Location loc, ArrayRef<Value> a, ArrayRef<Value> bs, ArrayRef<Value> c) {
  Value av = vectorOf(b, loc, a), bv = vectorOf(b, loc, bs), cv = vectorOf(b, loc, c);
  if (!a.front().getType().isBF16())
    return elementsOf(b, loc, ROCDL::wmma_f32_16x16x16_f16::create(b, loc, cv.getType(), av, bv, cv));
  auto raw = VectorType::get({16}, b.getI16Type());
  av = LLVM::BitcastOp::create(b, loc, raw, av);
  bv = LLVM::BitcastOp::create(b, loc, raw, bv);
  return elementsOf(b, loc, ROCDL::wmma_f32_16x16x16_bf16::create(b, loc, cv.getType(), av, bv, cv));
}

SmallVector<Value> fma(OpBuilder &b, Location loc, ArrayRef<Value> a, ArrayRef<Value> bs, ArrayRef<Value> c) {
  auto wide = [&](Value value) -> Value {
    return value.getType().isF32() ? value : tiny::CastOp::create(b, loc, value, b.getF32Type()).getResult();
  };
  SmallVector<Value> results;
  for (size_t m = 0; m < a.size(); ++m)
    for (size_t n = 0; n < bs.size(); ++n)
      results.push_back(math::FmaOp::create(b, loc, wide(a[m]), wide(bs[n]), c[m * bs.size() + n]));
  return results;
}

// A WMMA wants all lanes, and LLVM may move one into a branch that alone uses its result. An empty instruction with
// side effects keeps the sums where all lanes are.
void pinResult(OpBuilder &b, Value sums) {
  Location loc = sums.getLoc();
  constexpr int64_t kTuple = 8;
  auto type = cast<VectorType>(sums.getType());
  auto tuple = VectorType::get({kTuple}, type.getElementType());
  b.setInsertionPointAfterValue(sums);
  SmallVector<Value> elements = elementsOf(b, loc, sums), pinned;
  for (int64_t i = 0; i < type.getNumElements(); i += kTuple) {
    Value part = vectorOf(b, loc, ArrayRef(elements).slice(i, kTuple));
    auto hold = LLVM::InlineAsmOp::create(b, loc, tuple, part, "", "=v,0", /*has_side_effects=*/true,
                                          /*is_align_stack=*/false, LLVM::TailCallKind::None, nullptr, nullptr);
    llvm::append_range(pinned, elementsOf(b, loc, hold.getRes()));
  }
  Value whole = vectorOf(b, loc, pinned);
  llvm::SmallPtrSet<Operation *, 16> own;
  for (Value element : elements)
    own.insert(element.getDefiningOp());
  sums.replaceAllUsesExcept(whole, own);
}

struct ExpandMma : OpRewritePattern<lane::MmaOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(lane::MmaOp op, PatternRewriter &b) const override {
    Location loc = op.getLoc();
    const TensorCoreRow *row = findTensorCoreRow(op.getInstruction());
    Emit emit = row->name == "fma" ? fma : StringRef(row->name).starts_with("wmma") ? wmma : mmaSync;
    SmallVector<Value> as = elementsOf(b, loc, op.getA()), bs = elementsOf(b, loc, op.getB()),
                       cs = elementsOf(b, loc, op.getC());
    size_t na = row->a.size(kRegister), nb = row->b.size(kRegister), nc = row->c.size(kRegister);
    int64_t ms = op.getRepeats()[0], ns = op.getRepeats()[1], ks = op.getRepeats()[2];
    // k outermost: consecutive instructions then have different accumulators and need not wait for each other.
    for (int64_t k = 0; k < ks; ++k)
      for (int64_t m = 0; m < ms; ++m)
        for (int64_t n = 0; n < ns; ++n) {
          size_t at = (m * ns + n) * nc;
          SmallVector<Value> d = emit(b, loc, ArrayRef(as).slice((m * ks + k) * na, na),
                                      ArrayRef(bs).slice((k * ns + n) * nb, nb), ArrayRef(cs).slice(at, nc));
          llvm::copy(d, cs.begin() + at);
        }
    Value sums = vectorOf(b, loc, cs);
    b.replaceOp(op, sums);
    bool goesOn = llvm::all_of(sums.getUsers(), [](Operation *user) { return isa<lane::MmaOp>(user); });
    if (StringRef(row->name).starts_with("wmma") && !goesOn) {
      // Within a loop the next product needs the sums; what leaves the loop is pinned.
      auto loop = sums.hasOneUse() ? dyn_cast<scf::ForOp>(sums.getDefiningOp()->getParentOp()) : scf::ForOp();
      if (loop && isa<scf::YieldOp>(*sums.user_begin()))
        sums = loop.getResult(sums.use_begin()->getOperandNumber());
      pinResult(b, sums);
    }
    return success();
  }
};

struct TensorCore : tinyc::impl::TensorCoreBase<TensorCore> {
  void runOnOperation() override {
    SmallVector<lane::MmaOp> ops;
    getOperation().walk([&](lane::MmaOp op) { ops.push_back(op); });
    PatternRewriter rewriter(&getContext());
    for (lane::MmaOp op : ops) {
      rewriter.setInsertionPoint(op);
      if (failed(ExpandMma(&getContext()).matchAndRewrite(op, rewriter)))
        return signalPassFailure();
    }
  }
};
} // namespace
