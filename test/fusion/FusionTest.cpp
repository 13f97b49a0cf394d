// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fusion changes no meaning: functions before and after simplify and fuse give the same on the reference, on the
// compositions of test/lit/passes/fuse.mlir and on random graphs; every access of the kernels is proven in bounds.

#include "passes/2-fuse/KernelCost.h"
#include "passes/Passes.h"
#include "test/fusion/RandomGraph.h"
#include "test/reference/Run.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

namespace {
class Fusion : public testing::Test {
protected:
  Fusion() : context(MLIRContext::Threading::DISABLED) { context.loadDialect<TinyDialect, func::FuncDialect>(); }

  static std::string print(ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream);
    return text;
  }

  TensorRef makeInput(RankedTensorType type, std::mt19937 &random) {
    int64_t count = type.getNumElements();
    if (type.getElementType().isF32()) {
      std::vector<float> values(count);
      for (float &value : values)
        value = std::uniform_real_distribution<float>(0.1f, 2.0f)(random);
      return makeFloats(type.getShape().vec(), values);
    }
    std::vector<int32_t> values(count);
    for (int32_t &value : values)
      value = std::uniform_int_distribution<int32_t>(-50, 50)(random);
    return makeTensor<int32_t>(Element::I32, type.getShape().vec(), values);
  }

  // The first function of the module, run.
  std::vector<TensorRef> run(ModuleOp module, ArrayRef<TensorRef> inputs) {
    auto results = Reference().run(*module.getOps<func::FuncOp>().begin(), inputs);
    return failed(results) ? std::vector<TensorRef>() : *results;
  }

  void expectEqual(const TensorRef &expected, const TensorRef &found, const std::string &text) {
    ASSERT_EQ(expected->shape, found->shape);
    if (expected->element != Element::F32) {
      ASSERT_EQ(expected->bytes, found->bytes) << text;
      return;
    }
    auto a = expected->as<float>(), b = found->as<float>();
    for (size_t i = 0; i < a.size(); ++i)
      if (!(std::isnan(a[i]) && std::isnan(b[i])) && a[i] != b[i])
        ASSERT_LE(std::fabs(a[i] - b[i]), 1e-5 * (1 + std::fabs(a[i]))) << "element " << i << "\n" << text;
  }

  // Fuses a copy and compares; returns the copy.
  OwningOpRef<ModuleOp> check(ModuleOp module, unsigned seed) {
    std::string errors;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { errors += d.str() + "\n"; });
    OwningOpRef<ModuleOp> fused = module.clone();
    PassManager pm(&context);
    pm.addNestedPass<func::FuncOp>(createSimplify());
    pm.addNestedPass<func::FuncOp>(createFuse());
    pm.addNestedPass<func::FuncOp>(createFuseAttention());
    pm.addPass(createProveBounds());
    EXPECT_TRUE(succeeded(pm.run(*fused))) << errors << print(module);
    if (!errors.empty())
      return fused;
    std::mt19937 random(seed);
    std::vector<TensorRef> inputs;
    for (Type type : (*module.getOps<func::FuncOp>().begin()).getArgumentTypes())
      inputs.push_back(makeInput(cast<RankedTensorType>(type), random));
    std::vector<TensorRef> expected = run(module, inputs), found = run(*fused, inputs);
    EXPECT_FALSE(expected.empty()) << errors;
    EXPECT_EQ(expected.size(), found.size()) << errors;
    for (size_t i = 0; i < expected.size() && i < found.size(); ++i)
      expectEqual(expected[i], found[i], print(module) + print(*fused));
    return fused;
  }

  MLIRContext context;
};
} // namespace

TEST_F(Fusion, CompositionsKeepTheirMeaningAndCost) {
  std::stringstream all;
  for (const char *name : {"fuse", "fuse-rows", "fuse-attention"})
    all << std::ifstream(std::string("test/lit/passes/") + name + ".mlir").rdbuf() << "// -----\n";
  SmallVector<StringRef> parts;
  std::string text = all.str();
  StringRef(text).split(parts, "// -----\n");
  unsigned functions = 0;
  for (StringRef part : parts) {
    if (part.trim().empty())
      continue;
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(part, &context);
    ASSERT_TRUE(module);
    func::FuncOp function = *module->getOps<func::FuncOp>().begin();
    SCOPED_TRACE(function.getName().str());
    bool runnable = llvm::all_of(function.getArgumentTypes(), [](Type type) {
      return elementType(type).isF32() || elementType(type).isInteger(32);
    });
    ASSERT_TRUE(runnable);
    OwningOpRef<ModuleOp> fused = check(*module, functions);
    // At most a tenth more arithmetic than op by op.
    int64_t before = 0, after = 0;
    module->walk([&](Operation *op) { before += isa<TinyDialect>(op->getDialect()) ? tensorFlops(op) : 0; });
    fused->walk([&](KernelOp kernel) { after += kernelFlops(kernel); });
    // Parts of a concat are computed at all of its points where that is cheaper than to write and read them.
    if (module->walk([](ConcatOp) { return WalkResult::interrupt(); }).wasInterrupted())
      before *= 2;
    EXPECT_LE(after, before + before / 10);
    ++functions;
  }
  EXPECT_GE(functions, 20u);
}

TEST_F(Fusion, RandomGraphsOfIntegersAreEqual) {
  for (unsigned seed = 0; seed < 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    check(*makeRandomGraph(&context, seed, IntegerType::get(&context, 32)), seed);
  }
}

TEST_F(Fusion, RandomGraphsOfFloatsAreEqual) {
  for (unsigned seed = 1000; seed < 1300 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    check(*makeRandomGraph(&context, seed, Float32Type::get(&context)), seed);
  }
}
