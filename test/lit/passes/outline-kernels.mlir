// RUN: tinyc-opt %s -pass-pipeline='builtin.module(outline-kernels)' | FileCheck %s

// CHECK: module attributes {tiny.target = "cpu"}
module attributes {tiny.target = "cpu"} {
  // CHECK: func.func @main
  // CHECK: tiny.launch @copy "copy"
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %r = tiny.launch @copy "copy" units 1 (%x) : (tensor<8xf32>) -> tensor<8xf32>
    return %r : tensor<8xf32>
  }
  // CHECK: module @kernels attributes {tiny.target = "cpu"}
  // CHECK-NEXT: func.func @copy
  func.func @copy(%a: memref<8xf32>, %c: memref<8xf32>, %unit: index) attributes {tiny.kernel} {
    return
  }
}
