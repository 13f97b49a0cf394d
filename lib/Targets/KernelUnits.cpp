// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads take kernels in their order. MLIR is read and translated by one thread at a time, since its context knows of
// no others; LLVM's optimiser and code generator, nine tenths of the time, run beside each other, each unit in an
// LLVMContext of its own.

#include "lib/Targets/KernelUnits.h"

#include "lib/Cache/ContentCache.h"
#include "lib/Targets/ThreadStack.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/thread.h"
#include <mutex>
#include <thread>

using namespace mlir;
using namespace tinyc;

/// LLVM's code generator recurses over what it compiles. Pages are taken only when they are used.
static constexpr unsigned kStackBytes = 64u << 20;

namespace {
class Units {
public:
  Units(Operation *module, llvm::function_ref<bool(Operation *)> isKernel, CreateUnitCompiler createCompiler,
        StringRef salt, const EmitOptions &options)
      : module(module), symbols(module), createCompiler(createCompiler), salt(salt), options(options) {
    for (Operation &op : module->getRegion(0).front())
      if (isKernel(&op))
        kernels.push_back(&op);
    objects.resize(kernels.size());
  }

  FailureOr<std::vector<std::vector<char>>> run();

private:
  void work();
  std::unique_ptr<llvm::Module> translate(Operation *kernel, llvm::LLVMContext &context);
  bool compile(llvm::Module &unit, UnitCompiler &compiler, std::vector<char> &object);

  Operation *module;
  SymbolTable symbols;
  CreateUnitCompiler createCompiler;
  StringRef salt;
  const EmitOptions &options;
  SmallVector<Operation *> kernels;
  std::vector<std::vector<char>> objects;
  std::mutex mutex; // what follows, and all of MLIR
  size_t next = 0;
  bool failed = false;
};
} // namespace

// A kernel and all it refers to, in a module like the whole one.
std::unique_ptr<llvm::Module> Units::translate(Operation *kernel, llvm::LLVMContext &context) {
  llvm::SetVector<Operation *> needed;
  needed.insert(kernel);
  for (size_t i = 0; i < needed.size(); ++i)
    if (auto uses = SymbolTable::getSymbolUses(needed[i]))
      for (SymbolTable::SymbolUse use : *uses)
        if (Operation *symbol = symbols.lookup(use.getSymbolRef().getRootReference()))
          needed.insert(symbol);
  OwningOpRef<Operation *> unit = module->cloneWithoutRegions();
  OpBuilder b(module->getContext());
  b.createBlock(&(*unit)->getRegion(0));
  // In the order of the whole module, whatever refers to what first.
  SmallVector<Operation *> ordered = needed.takeVector();
  llvm::sort(ordered, [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  for (Operation *op : ordered) {
    Operation *copy = b.clone(*op);
    bool isDefined = llvm::any_of(copy->getRegions(), [](Region &region) { return !region.empty(); });
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(copy); function && op != kernel && isDefined)
      function.setLinkage(LLVM::Linkage::Internal);
  }
  return translateModuleToLLVMIR(*unit, context, "kernel");
}

bool Units::compile(llvm::Module &unit, UnitCompiler &compiler, std::vector<char> &object) {
  compiler.prepare(unit);
  if (!options.cache)
    return compiler.compile(unit, object);
  llvm::SmallString<0> bitcode;
  llvm::raw_svector_ostream stream(bitcode);
  llvm::WriteBitcodeToFile(unit, stream);
  std::string key = ContentCache::key({options.compilerIdentity, salt, bitcode});
  if (options.cache->find("kernels", key, object))
    return true;
  if (!compiler.compile(unit, object))
    return false;
  options.cache->store("kernels", key, object);
  return true;
}

void Units::work() {
  std::unique_ptr<UnitCompiler> compiler;
  for (;;) {
    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> unit;
    size_t index;
    {
      std::lock_guard lock(mutex);
      if (failed || next == kernels.size())
        return;
      index = next++;
      if (!compiler && !(compiler = createCompiler())) {
        failed = true;
        return;
      }
      unit = translate(kernels[index], context);
      if (!unit) {
        kernels[index]->emitError("kernel does not translate to LLVM IR");
        failed = true;
        return;
      }
    }
    if (compile(*unit, *compiler, objects[index]))
      continue;
    std::lock_guard lock(mutex);
    kernels[index]->emitError("LLVM cannot emit code for this kernel");
    failed = true;
  }
}

FailureOr<std::vector<std::vector<char>>> Units::run() {
  size_t threads = std::min<size_t>(options.threads, kernels.size());
  std::vector<llvm::thread> others;
  for (size_t i = 1; i < threads; ++i)
    others.emplace_back(std::optional<unsigned>(stackBytes(kStackBytes)), [this] { work(); });
  work();
  for (llvm::thread &other : others)
    other.join();
  if (failed)
    return failure();
  return std::move(objects);
}

FailureOr<std::vector<std::vector<char>>> tinyc::compileUnits(Operation *kernels,
                                                              llvm::function_ref<bool(Operation *)> isKernel,
                                                              CreateUnitCompiler createCompiler, StringRef salt,
                                                              const EmitOptions &options) {
  return Units(kernels, isKernel, createCompiler, salt, options).run();
}
