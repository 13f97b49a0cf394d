// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc-reduce: MLIR's reducer with tinyc's dialects and passes, and with a reduction of models.
//
//   tinyc-reduce model.mlir --reduce-model="test=tools/tinyc-reduce/diff-fails.sh"
//
// Plug-ins are loaded as by tinyc-opt. The weights that lie beside a model go with it: the script finds their folder in
// $TINYC_REDUCE_WEIGHTS, and those that are left lie beside the file that -o names.
//
// reduce-model needs a model as `tinyc import` writes it, and leaves one for which the script still exits with 1, in
// which no op can be replaced by one of its operands or by zero, and no result of @main be left out. (MLIR's own
// reduction-tree erases ops without regard to their uses, which leaves nothing of a model to verify.)
//
//   %a = tiny.exp e %x                     %z = tiny.const dense<0.0>
//   %m = tiny.reduce max %a [1]      ->    %m = tiny.reduce max %x [1]
//   %s = tiny.sqrt %a                      return %m
//   return %m, %s

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "lib/Compiler/ModelFile.h"
#include "lib/Plugins/PluginFlags.h"
#include "lib/Weights/WeightStore.h"
#include "passes/Passes.h"
#include "tools/output/OutputFile.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Reducer/Passes.h"
#include "mlir/Reducer/Tester.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include <csignal>

using namespace mlir;
using namespace tinyc;

// Ops of @main and weights and constants that nobody reads.
static void eraseUnused(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
}

namespace {
class ReduceModel : public PassWrapper<ReduceModel, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReduceModel)

  ReduceModel() = default;
  ReduceModel(const ReduceModel &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "reduce-model"; }
  StringRef getDescription() const override { return "Makes a model smaller while a script finds it interesting"; }
  void runOnOperation() override;

private:
  /// Applies `change` to a copy of @main, and to the module itself if the script still exits with 1.
  bool attempt(llvm::function_ref<bool(func::FuncOp)> change);
  bool dropResult(unsigned number);
  bool replace(unsigned place);

  Option<std::string> test{*this, "test", llvm::cl::desc("script that exits with 1 if a module is interesting")};
  Tester tester;
};
} // namespace

bool ReduceModel::attempt(llvm::function_ref<bool(func::FuncOp)> change) {
  OwningOpRef<ModuleOp> copy = getOperation().clone();
  auto main = copy->lookupSymbol<func::FuncOp>("main");
  if (!change(main))
    return false;
  eraseUnused(main.getBody().front());
  if (tester.isInteresting(*copy).first != Tester::Interestingness::True)
    return false;
  getOperation().getBodyRegion().takeBody(copy->getBodyRegion());
  return true;
}

bool ReduceModel::dropResult(unsigned number) {
  return attempt([&](func::FuncOp main) {
    if (main.getNumResults() < 2)
      return false;
    main.getBody().front().getTerminator()->eraseOperand(number);
    return succeeded(main.eraseResult(number));
  });
}

// The op at `place` by an operand of its type, or by zero.
bool ReduceModel::replace(unsigned place) {
  auto opOf = [&](func::FuncOp main) { return &*std::next(main.getBody().front().begin(), place); };
  Operation *op = opOf(getOperation().lookupSymbol<func::FuncOp>("main"));
  auto type = op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
  if (!type || isa<tiny::ConstOp>(op))
    return false;
  for (unsigned i = 0, count = op->getNumOperands(); i < count; ++i)
    if (op->getOperand(i).getType() == type && attempt([&](func::FuncOp main) {
          Operation *copy = opOf(main);
          copy->getResult(0).replaceAllUsesWith(copy->getOperand(i));
          return true;
        }))
      return true;
  return attempt([&](func::FuncOp main) {
    Operation *copy = opOf(main);
    OpBuilder b(copy);
    auto zero = cast<TypedAttr>(DenseElementsAttr::get(type, b.getZeroAttr(type.getElementType())));
    copy->getResult(0).replaceAllUsesWith(tiny::ConstOp::create(b, copy->getLoc(), zero));
    return true;
  });
}

void ReduceModel::runOnOperation() {
  // MLIR's tester ends the program where there is no script.
  if (test.empty() || !llvm::sys::fs::can_execute(test))
    return getOperation().emitError("expected test=SCRIPT, a program that can be run, found '") << test << "'",
           signalPassFailure();
  tester.setTestScript(test);
  auto main = getOperation().lookupSymbol<func::FuncOp>("main");
  if (!main || !main.getBody().hasOneBlock())
    return getOperation().emitError("expected a function @main of one block"), signalPassFailure();
  if (tester.isInteresting(getOperation()).first != Tester::Interestingness::True)
    return getOperation().emitError("expected '") << test << "' to exit with 1 for the whole model",
           signalPassFailure();
  // From the end, where most hangs on an op; each change may allow others.
  for (bool changed = true; changed;) {
    changed = false;
    auto mainNow = [&] { return getOperation().lookupSymbol<func::FuncOp>("main"); };
    for (unsigned number = mainNow().getNumResults(); number-- > 0;)
      changed |= dropResult(number);
    for (unsigned place = mainNow().getBody().front().getOperations().size(); place-- > 0;)
      if (place < mainNow().getBody().front().getOperations().size())
        changed |= replace(place);
  }
}

// Writes the weights of `module` that lie beside `input` to their place beside `output`; those that lie in the cache
// are found there.
static bool writeWeights(ModuleOp module, const std::string &input, const std::string &output) {
  std::string from = weightFolderBeside(input), to = weightFolderBeside(output), error;
  bool same = false;
  if (output == "-" || !llvm::sys::fs::exists(from) || (!llvm::sys::fs::equivalent(from, to, same) && same))
    return true;
  WeightStore weights;
  weights.addFolder(from);
  if (weights.writeTo(to, weightsOf(module), error))
    return true;
  llvm::errs() << "tinyc-reduce: " << error << "\n";
  return false;
}

// As MLIR's own main, which would empty the output before it reads the input, and end without a file's name when the
// disk is full.
int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a limit on the size of files is an error of the write
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  std::vector<char *> words(argv, argv + argc);
  if (!loadPlugins(words, registry, "tinyc-reduce"))
    return 1;
  argc = words.size();
  words.push_back(nullptr);
  llvm::cl::opt<std::string> input(llvm::cl::Positional, llvm::cl::Required, llvm::cl::desc("<input file>"));
  llvm::cl::opt<std::string> output("o", llvm::cl::desc("File for the reduced module"), llvm::cl::init("-"));
  registerAllDialects(registry);
  registry.insert<tiny::TinyDialect, lane::LaneDialect>();
  registerAllPasses();
  registerReducerPasses();
  registerTinycPasses();
  PassRegistration<ReduceModel>();
  PassPipelineCLParser passes("", "Reductions:");
  registerAsmPrinterCLOptions();
  llvm::cl::ParseCommandLineOptions(argc, words.data(), "tinyc's reducer\n");

  llvm::SmallString<256> weights(weightFolderBeside(input));
  if (!llvm::sys::fs::make_absolute(weights))
    ::setenv("TINYC_REDUCE_WEIGHTS", weights.c_str(), /*overwrite=*/1);
  MLIRContext context(registry);
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(input, &error);
  if (!file)
    return llvm::errs() << "tinyc-reduce: " << error << "\n", 1;
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  auto module = parseSourceFile<ModuleOp>(sources, &context);
  auto printError = [&](const llvm::Twine &message) {
    emitError(UnknownLoc::get(&context), message);
    return failure();
  };
  PassManager manager(&context);
  if (!module || failed(passes.addToPipeline(manager, printError)) || failed(manager.run(*module)))
    return 1;
  bool written = writeWeights(*module, input, output) &&
                 writeFile(output, [&](llvm::raw_ostream &os) { module->print(os); }, "tinyc-reduce");
  return written && finishStandardOutput("tinyc-reduce") ? 0 : 1;
}
