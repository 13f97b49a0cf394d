// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random graphs, compiled and run on every device, against the reference. A graph that fails is reported by its seed
// and by the shortest beginning of it that still fails.

#include "test/devices/Device.h"
#include "test/fusion/RandomGraph.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace tinyc::test {
namespace {

class RandomGraphs : public OnDevice {
protected:
  // Sums in another order: inputs are near 1, products clamped, chains short.
  static constexpr Tolerance kSums{4, 2e-4, 2e-4};

  void run(Type element, unsigned firstSeed, bool known = false) {
    areKnown = known;
    runSeeds(element, firstSeed, runsAll() ? (isGpu() ? 250 : 5000) : (isGpu() ? 6 : 60));
  }

  void runSeeds(Type element, unsigned firstSeed, unsigned count) {
    for (unsigned seed = firstSeed; seed < firstSeed + count; ++seed) {
      int64_t scale = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 4 : 9;
      if (agrees(seed, element, scale, 100))
        continue;
      std::string whole = why; // after a fault a GPU fails at whatever comes next
      int64_t steps = 1;
      while (agrees(seed, element, scale, steps))
        ++steps;
      OwningOpRef<ModuleOp> module = makeRandomGraph(context.get(), seed, element, scale, steps);
      std::string text;
      llvm::raw_string_ostream(text) << *module;
      FAIL() << "seed " << seed << ", scale " << scale << ": " << whole << "\nits first " << steps << " steps: " << why
             << "\n"
             << text;
    }
  }

private:
  static std::vector<TensorRef> inputsOf(ModuleOp module, unsigned seed) {
    std::vector<TensorRef> inputs;
    for (Type type : module.lookupSymbol<func::FuncOp>("main").getArgumentTypes()) {
      auto tensorType = cast<RankedTensorType>(type);
      bool isFloat = isa<FloatType>(tensorType.getElementType());
      uint64_t state = seed * 977 + inputs.size();
      inputs.push_back(tensor(isFloat ? Element::F32 : Element::I32, tensorType.getShape().vec(), [&](size_t) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        auto bits = static_cast<int64_t>(state >> 40 & 0xffff);
        return isFloat ? Lane{.f = 0.1 + 1.9 * static_cast<double>(bits) / 0xffff} : Lane{.i = bits % 101 - 50};
      }));
    }
    return inputs;
  }

  // Makes constants of every second input: what depends on those alone runs at load.
  static void fixInputs(ModuleOp module, std::vector<TensorRef> &inputs) {
    auto main = module.lookupSymbol<func::FuncOp>("main");
    Block &entry = main.getBody().front();
    OpBuilder b = OpBuilder::atBlockBegin(&entry);
    for (unsigned i = inputs.size(); i-- > 0;) {
      if (i % 2 == 0)
        continue;
      BlockArgument argument = entry.getArgument(i);
      argument.replaceAllUsesWith(
          tiny::ConstOp::create(b, argument.getLoc(), constantOf(*inputs[i], cast<ShapedType>(argument.getType()))));
      entry.eraseArgument(i);
      inputs.erase(inputs.begin() + i);
    }
    main.setFunctionType(b.getFunctionType(entry.getArgumentTypes(), main.getResultTypes()));
  }

  // Whether device and reference agree; `why` says where they do not.
  bool agrees(unsigned seed, Type element, int64_t scale, int64_t steps) {
    OwningOpRef<ModuleOp> module = makeRandomGraph(context.get(), seed, element, scale, steps);
    std::vector<TensorRef> inputs = inputsOf(*module, seed);
    if (areKnown)
      fixInputs(*module, inputs);
    std::vector<TensorRef> expected = reference(*module, inputs);
    Compiled compiled(*module, *chip, GetParam());
    std::vector<TensorRef> found = compiled.error.empty() ? compiled.run(inputs) : std::vector<TensorRef>();
    why = compiled.error + "\n" + diagnostics;
    diagnostics.clear();
    if (!compiled.error.empty() || found.size() != expected.size())
      return false;
    for (size_t i = 0; i < found.size(); ++i)
      if (std::string wrong = difference(*expected[i], *found[i], isa<FloatType>(element) ? kSums : exact);
          !wrong.empty()) {
        why = "result " + std::to_string(i) + ": " + wrong;
        return false;
      }
    return true;
  }

  bool areKnown = false;
  std::string why;
};
INSTANTIATE_TEST_SUITE_P(Devices, RandomGraphs, testing::ValuesIn(allDevices), deviceName);

TEST_P(RandomGraphs, OfIntegersAgree) { run(IntegerType::get(context.get(), 32, IntegerType::Signless), 0); }
TEST_P(RandomGraphs, OfFloatsAgree) { run(Float32Type::get(context.get()), 100000); }
TEST_P(RandomGraphs, WithWeightsAgree) { run(Float32Type::get(context.get()), 200000, /*known=*/true); }

// 237: an input whose memory another result of its kernel takes, with its load still under way across a barrier.
TEST_P(RandomGraphs, OnceFoundWrong) { runSeeds(IntegerType::get(context.get(), 32, IntegerType::Signless), 237, 1); }

} // namespace
} // namespace tinyc::test
