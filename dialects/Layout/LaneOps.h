// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lane dialect: what GPU kernels are made of between tiles and machine instructions.

#ifndef TINYC_DIALECTS_LAYOUT_LANEOPS_H
#define TINYC_DIALECTS_LAYOUT_LANEOPS_H

#include "dialects/Tiny/TinyOps.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

#include "dialects/Layout/LaneDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/Layout/LaneOps.h.inc"

#endif // TINYC_DIALECTS_LAYOUT_LANEOPS_H
