// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/Passes.h"
namespace tinyc {
#define GEN_PASS_DEF_EXPANDELEMENTARY
#include "passes/Passes.h.inc"
} // namespace tinyc
namespace {
struct ExpandElementary : tinyc::impl::ExpandElementaryBase<ExpandElementary> {
  using Base::Base;
  void runOnOperation() override {}
};
} // namespace
