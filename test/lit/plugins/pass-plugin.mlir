// A pass of a plug-in acts inside tinyc's own pipeline, at the insertion point it asked for.
// RUN: tinyc compile %s --stop-after import | FileCheck %s --check-prefix=WITHOUT
// RUN: tinyc compile %s --stop-after import --load-pass-plugin %build/examples/drop-unit-factor.so | FileCheck %s
// RUN: tinyc run %s --load-pass-plugin %build/examples/drop-unit-factor.so --input random:1 --device reference

// WITHOUT: tiny.mul
// CHECK-LABEL: func.func @main
// CHECK-NOT: tiny.mul
// CHECK: return %arg0
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = tiny.const dense<1.0> : tensor<4xf32>
  %y = tiny.mul %x, %one : tensor<4xf32>
  return %y : tensor<4xf32>
}
