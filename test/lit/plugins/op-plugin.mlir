// An op of a plug-in's dialect is parsed, and taken apart after import.
// RUN: tinyc compile %s --stop-after import --load-pass-plugin %build/examples/square-op.so | FileCheck %s
// RUN: not tinyc compile %s --stop-after import 2>&1 | FileCheck %s --check-prefix=WITHOUT

// WITHOUT: error: {{.*}}example
// CHECK-LABEL: func.func @main
// CHECK: tiny.mul %[[X:.*]], %[[X]] : tensor<4xf32>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = example.square %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
