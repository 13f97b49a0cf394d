// The op is parsed, verified and taken apart after import; without the plug-in it is not known.
// RUN: tinyc compile %s --stop-after import --load-dialect-plugin %mish | FileCheck %s
// RUN: not tinyc compile %s --stop-after import 2>&1 | FileCheck %s --check-prefix=WITHOUT
// RUN: sed s/1.0/-1.0/ %s > %t.mlir
// RUN: not tinyc compile %t.mlir --stop-after import --load-dialect-plugin %mish 2>&1 | FileCheck %s --check-prefix=BETA

// It runs on the device as the reference has it. Of 0, 1 and -20 it is 0, 0.86510 and almost 0.
// RUN: tinyc check %S/inputs/case --load-dialect-plugin %mish --rtol 1e-5 --atol 1e-7 | FileCheck %s --check-prefix=CASE
// RUN: tinyc check %S/inputs/case --load-dialect-plugin %mish --device reference | FileCheck %s --check-prefix=CASE

// CHECK-LABEL: func.func @main
// CHECK: tiny.log e
// CHECK: tiny.mul %arg0, %
// CHECK-NOT: example.mish
// WITHOUT: error: {{.*}}example
// BETA: error: {{.*}}expected a positive beta, found -1
// CASE: 1 passed, 0 failed, 0 skipped
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = example.mish %x beta 1.0 : tensor<4xf32>
  return %y : tensor<4xf32>
}
