// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every pass of tinyc, in the order of the stages. The file of a pass stands in its stage's folder and is named after it.

#ifndef TINYC_PASSES_PASSES
#define TINYC_PASSES_PASSES

include "mlir/Pass/PassBase.td"

//===- 1-simplify ------------------------------------------------------------------------------------------------===//

def Simplify : Pass<"simplify", "::mlir::func::FuncOp"> {
  let summary = "Folds constants and identities and composes views";
  let dependentDialects = ["::tinyc::tiny::TinyDialect"];
}

//===- 2-fuse ----------------------------------------------------------------------------------------------------===//

def Fuse : Pass<"fuse", "::mlir::func::FuncOp"> {
  let summary = "Turns the ops on tensors into kernels";
  let description = [{
    Elementwise ops and views become bodies and maps of stages; stages that stay inside one work unit become one kernel.
    The cost model in passes/2-fuse/CostModel.h decides. After it a function holds weights, constants, kernels and its
    return.
  }];
  let dependentDialects = ["::tinyc::tiny::TinyDialect"];
  let options = [Option<"remarks", "remarks", "bool", "false", "A remark for each decision, at the op it is about">];
}

//===- 3-schedule ------------------------------------------------------------------------------------------------===//

//===- 4-tile ----------------------------------------------------------------------------------------------------===//

//===- 5-lanes ---------------------------------------------------------------------------------------------------===//

//===- 6-lower ---------------------------------------------------------------------------------------------------===//

#endif
