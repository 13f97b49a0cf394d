// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plug-in whose pass goes wrong as a bug in a pass would: TINYC_TEST_CRASH="POINT KIND" says at which insertion point
// and how (null, fatal, overflow, throw, thread, hang, silent, complain, invalid; wild: kernels write to null; command:
// waits for the shell's command in TINYC_TEST_COMMAND).

#include "lib/Plugins/Plugin.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/ErrorHandling.h"
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

using namespace mlir;

// A sanitizer would end the program before the crash that is wanted.
__attribute__((no_sanitize("undefined", "address"))) static void writeToNull() {
  int *volatile nowhere = nullptr;
  *nowhere = 1;
}

__attribute__((noinline, no_sanitize("undefined", "address"))) static int recurse(volatile int *depth) {
  volatile int frame[256];
  frame[*depth % 256] = *depth;
  *depth = *depth + 1;
  return recurse(depth) + frame[*depth % 256];
}

static void runCommand(ModuleOp module) {
  const char *command = std::getenv("TINYC_TEST_COMMAND");
  if (!command || std::system(command) != 0)
    module.emitError("the command failed");
}

namespace {
struct CrashPass : PassWrapper<CrashPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CrashPass)

  explicit CrashPass(llvm::StringRef kind) : kind(kind) {}
  StringRef getArgument() const override { return "crash"; }
  StringRef getDescription() const override { return "Goes wrong"; }

  void runOnOperation() override {
    volatile int depth = 0;
    if (kind == "null")
      writeToNull();
    else if (kind == "fatal")
      llvm::report_fatal_error("the pass gave up");
    else if (kind == "overflow")
      depth = recurse(&depth);
    else if (kind == "throw")
      throw std::runtime_error("nobody catches this");
    else if (kind == "thread")
      std::thread(writeToNull).join();
    else if (kind == "silent")
      signalPassFailure();
    else if (kind == "complain")
      getOperation().emitError("the pass found something wrong");
    else if (kind == "invalid") // a function that does not end in a return
      getOperation().walk([](func::ReturnOp op) { op->erase(); });
    else if (kind == "wild")
      getOperation().walk([](LLVM::LLVMFuncOp function) {
        if (!function->hasAttr("tiny.kernel"))
          return;
        OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
        Value nowhere = LLVM::ZeroOp::create(b, function.getLoc(), LLVM::LLVMPointerType::get(b.getContext()));
        LLVM::StoreOp::create(b, function.getLoc(), nowhere, nowhere, /*alignment=*/8, /*isVolatile=*/true);
      });
    else if (kind == "command")
      runCommand(getOperation());
    else if (kind == "hang")
      while (true)
        std::this_thread::sleep_for(std::chrono::seconds(1));
    else
      getOperation().emitError("no kind of crash: ") << kind;
  }

  std::string kind;
};
} // namespace

TINYC_PLUGIN("crash-pass", [](tinyc::PluginRegistry &registry) {
  // An operator whose import gives no result, and no reason.
  registry.addOnnxOperator(
      {"Silent", 1, 1, 1, tinyc::onnx::Narrow::Keep, [](tinyc::onnx::NodeImport &) { return Value(); }, "com.example"});
  const char *value = std::getenv("TINYC_TEST_CRASH");
  auto [point, kind] = llvm::StringRef(value ? value : "").split(' ');
  std::string chosen = kind.str();
  registry.addPassAt(point, [chosen](OpPassManager &pm) { pm.addPass(std::make_unique<CrashPass>(chosen)); });
})
