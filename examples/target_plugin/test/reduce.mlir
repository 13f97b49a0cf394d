// Rows with reductions: sums of integers and a softmax of floats, whose stages keep their values in the scratchpad.
// RUN: tinyc check %S/inputs/softmax --device npu --load-target-plugin %npu-target --load-driver-plugin %npu-driver --rtol 1e-5 --atol 1e-7 | FileCheck %s
// RUN: tinyc run %s --input random:7 --hash --device npu --load-target-plugin %npu-target --load-driver-plugin %npu-driver > %t.npu
// RUN: tinyc run %s --input random:7 --hash --device reference > %t.reference
// RUN: diff %t.npu %t.reference
// CHECK: 1 passed, 0 failed, 0 skipped
func.func @main(%x: tensor<19x300xi32>, %b: tensor<19x300xi8>) -> (tensor<19xi32>, tensor<19xi8>) {
  %s = tiny.reduce sum %x [1] : tensor<19x300xi32> -> tensor<19xi32>
  %m = tiny.reduce max %b [1] : tensor<19x300xi8> -> tensor<19xi8>
  return %s, %m : tensor<19xi32>, tensor<19xi8>
}
