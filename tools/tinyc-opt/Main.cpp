// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc-opt: every pass of tinyc, and MLIR's own, on IR as text.

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tinyc::tiny::TinyDialect, tinyc::lane::LaneDialect>();
  mlir::registerAllPasses();
  tinyc::registerTinycPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "tinyc's pass driver\n", registry));
}
