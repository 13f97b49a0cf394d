// A kernel whose points 32 bits do not count: 64 bits for coordinates, conditions and loops on every target.
// RUN: tinyc compile %s --target cpu:x86-64-v4 --stop-after tile | FileCheck %s --check-prefix=TILE
// RUN: tinyc compile %s --target cpu:x86-64-v4 --emit llvm | FileCheck %s --check-prefix=CPU
// RUN: tinyc compile %s --target nvidia:sm_80 --stop-after tile | FileCheck %s --check-prefix=LANES
// RUN: tinyc compile %s --target nvidia:sm_80 --emit llvm | FileCheck %s --check-prefix=GPU
// RUN: tinyc run %s --device cpu | FileCheck %s --check-prefix=RESULT

// TILE: func.func @sum_0({{.*}} attributes {{{.*}}tiny.wide_index
// CPU-LABEL: llvm.func internal @sum_0.unit
// CPU: llvm.icmp "s{{[gl]}}e" %{{.*}}, %{{.*}} : vector<64xi64>

// Lanes beyond the last point take no part; 3,000,000,001 is below zero in 32 bits.
// LANES: tiny.iota {{.*}} : vector<{{.*}}xi64>
// LANES: tiny.const dense<3000000001> : vector<{{.*}}xi64>
// GPU: llvm.func @sum_0
// GPU: llvm.mlir.constant(3000000001 : index) : i64

// RESULT: output0 i32[] 1111
func.func @main() -> tensor<i32> {
  %x = tiny.const dense<[1, 10, 100, 1000]> : tensor<4xi32>
  %v = tiny.view %x by affine_map<(d0) -> (d0 - 2999999997)> mask affine_set<(d0) : (d0 - 2999999997 >= 0)> fill 0 : i32 : tensor<4xi32> -> tensor<3000000001xi32>
  %s = tiny.reduce sum %v [0] : tensor<3000000001xi32> -> tensor<i32>
  return %s : tensor<i32>
}
