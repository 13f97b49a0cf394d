// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plug-in that plants a fault into a kernel, for test/lit/tools/diff.test: TINYC_TEST_FAULT="KIND NODE" says which,
// and in the kernel of which node of the user's file (*: in every kernel).

#include "lib/Plugins/Plugin.h"

#include "dialects/Tiny/TinyOps.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringSwitch.h"
#include <cstdlib>

using namespace mlir;
using namespace tinyc;

// Whether the location speaks of the node, or any will do.
static bool mentions(Location loc, StringRef node) {
  bool found = node == "*";
  loc->walk([&](Location inner) {
    auto name = dyn_cast<NameLoc>(inner);
    found |= name && name.getName().getValue() == node;
    return WalkResult::advance();
  });
  return found;
}

// Turns coordinate `result` of read `read` around: d becomes size - 1 - d.
static void mirror(tiny::StageOp stage, unsigned read, unsigned result) {
  AffineMap map = stage.getMap(read);
  int64_t size = cast<ShapedType>(stage.getOperands()[read].getType()).getDimSize(result);
  SmallVector<AffineExpr> results(map.getResults());
  results[result] = size - 1 - results[result];
  SmallVector<Attribute> maps(stage.getMaps().getValue());
  maps[read] = AffineMapAttr::get(AffineMap::get(map.getNumDims(), 0, results, map.getContext()));
  stage.setMapsAttr(ArrayAttr::get(stage.getContext(), maps));
}

// Each returns whether there was something to spoil.
static bool wrongMap(tiny::StageOp stage) {
  for (unsigned read = 0; read < stage.getOperands().size(); ++read)
    if (AffineMap map = stage.getMap(read); !stage.getMask(read) && map.getNumResults() > 0)
      return mirror(stage, read, map.getNumResults() - 1), true;
  return false;
}

// All reads of a sum run backwards over the first reduced dimension: the same terms in another order.
static bool wrongOrder(tiny::StageOp stage) {
  if (stage.getReduce().empty())
    return false;
  unsigned dim = stage.getNumParallel();
  int64_t size = stage.getReduce().front();
  MLIRContext *context = stage.getContext();
  SmallVector<Attribute> maps;
  for (unsigned read = 0; read < stage.getOperands().size(); ++read) {
    AffineExpr d = getAffineDimExpr(dim, context);
    maps.push_back(AffineMapAttr::get(stage.getMap(read).replace(d, size - 1 - d, stage.getMap(read).getNumDims(), 0)));
  }
  stage.setMapsAttr(ArrayAttr::get(context, maps));
  return true;
}

// The padding ends a row too late: points of the mask whose first coordinate is 0 are taken for padding.
static bool wrongMask(tiny::StageOp stage) {
  SmallVector<Attribute> masks(stage.getMasks().getValue());
  for (unsigned read = 0; read < masks.size(); ++read) {
    IntegerSet mask = stage.getMask(read);
    if (!mask)
      continue;
    SmallVector<AffineExpr> constraints(mask.getConstraints());
    constraints.front() = constraints.front() - 1;
    masks[read] = IntegerSetAttr::get(IntegerSet::get(mask.getNumDims(), 0, constraints, mask.getEqFlags()));
    stage.setMasksAttr(ArrayAttr::get(stage.getContext(), masks));
    return true;
  }
  return false;
}

static bool wrongFill(tiny::StageOp stage) {
  SmallVector<Attribute> fills(stage.getFills().getValue());
  for (Attribute &fill : fills)
    if (auto number = dyn_cast<FloatAttr>(fill)) {
      fill = FloatAttr::get(number.getType(), 1.0);
      stage.setFillsAttr(ArrayAttr::get(stage.getContext(), fills));
      return true;
    }
  return false;
}

static bool wrongKind(tiny::StageOp stage) {
  SmallVector<Attribute> kinds(stage.getKinds().getValue());
  for (auto [i, kind] : llvm::enumerate(kinds))
    if (stage.getKind(i) == tiny::ReduceKind::Max) {
      kind = tiny::ReduceKindAttr::get(stage.getContext(), tiny::ReduceKind::Sum);
      stage.setKindsAttr(ArrayAttr::get(stage.getContext(), kinds));
      return true;
    }
  return false;
}

static bool wrongConstant(tiny::StageOp stage) {
  for (auto constant : stage.getBody().front().getOps<tiny::ConstOp>())
    if (auto number = dyn_cast<FloatAttr>(constant.getValue())) {
      constant.setValueAttr(FloatAttr::get(number.getType(), number.getValueAsDouble() + 0.5));
      return true;
    }
  return false;
}

static bool swappedOperands(tiny::StageOp stage) {
  for (auto division : stage.getBody().front().getOps<tiny::DivOp>()) {
    Value first = division->getOperand(0);
    division->setOperand(0, division->getOperand(1));
    division->setOperand(1, first);
    return true;
  }
  return false;
}

static bool droppedOp(tiny::StageOp stage) {
  for (auto maximum : stage.getBody().front().getOps<tiny::MaxOp>()) {
    maximum->getResult(0).replaceAllUsesWith(maximum->getOperand(0));
    return true;
  }
  return false;
}

// Terms of the sum lose their last bits before they are added.
static bool narrowSum(tiny::StageOp stage) {
  tiny::YieldOp yield = stage.getYield();
  OpBuilder b(yield);
  for (auto [i, kind] : llvm::enumerate(stage.getKinds())) {
    Value term = yield.getOperand(i);
    if (stage.getKind(i) != tiny::ReduceKind::Sum || !term.getType().isF32())
      continue;
    Value narrow = tiny::CastOp::create(b, yield.getLoc(), b.getBF16Type(), term);
    yield->setOperand(i, tiny::CastOp::create(b, yield.getLoc(), term.getType(), narrow));
    return true;
  }
  return false;
}

// In machine-level code: the first addition of floats subtracts.
static bool wrongInstruction(LLVM::LLVMFuncOp function) {
  bool done = false;
  function.walk([&](LLVM::FAddOp add) {
    if (done)
      return;
    OpBuilder b(add);
    add.replaceAllUsesWith(LLVM::FSubOp::create(b, add.getLoc(), add.getLhs(), add.getRhs()).getResult());
    done = true;
  });
  return done;
}

namespace {
struct FaultPass : PassWrapper<FaultPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FaultPass)

  FaultPass(StringRef kind, StringRef node) : kind(kind), node(node) {}
  StringRef getArgument() const override { return "fault"; }
  StringRef getDescription() const override { return "Plants a fault"; }

  void runOnOperation() override {
    bool done = false;
    if (kind == "instruction") {
      getOperation().walk([&](LLVM::LLVMFuncOp function) {
        bool ours = false; // fusing puts the nodes into the ops, not always into the function
        function.walk([&](Operation *op) { ours |= mentions(op->getLoc(), node); });
        done = done || (ours && wrongInstruction(function));
      });
      return;
    }
    auto spoil = llvm::StringSwitch<bool (*)(tiny::StageOp)>(kind)
                     .Case("map", wrongMap)
                     .Case("mask", wrongMask)
                     .Case("fill", wrongFill)
                     .Case("kind", wrongKind)
                     .Case("constant", wrongConstant)
                     .Case("operands", swappedOperands)
                     .Case("dropped", droppedOp)
                     .Case("order", wrongOrder)
                     .Case("narrow", narrowSum)
                     .Default(nullptr);
    if (!spoil) {
      getOperation().emitError("no kind of fault: ") << kind;
      return signalPassFailure();
    }
    getOperation().walk([&](tiny::KernelOp kernel) {
      if (mentions(kernel.getLoc(), node))
        for (tiny::StageOp stage : kernel.getStages())
          done = done || spoil(stage);
    });
  }

  std::string kind, node;
};
} // namespace

TINYC_PLUGIN("fault-pass", [](tinyc::PluginRegistry &registry) {
  const char *value = std::getenv("TINYC_TEST_FAULT");
  auto [kind, node] = llvm::StringRef(value ? value : "").split(' ');
  // Faults of fusion, of scheduling, of code generation.
  const char *point = kind == "instruction"                 ? "before-emit"
                      : kind == "order" || kind == "narrow" ? "after-schedule"
                                                            : "after-fuse";
  registry.addPassAt(point, [kind = kind.str(), node = node.str()](OpPassManager &pm) {
    pm.addPass(std::make_unique<FaultPass>(kind, node));
  });
})
