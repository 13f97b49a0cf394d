// The pass inside tinyc's own pipeline, at the insertion point that it asked for: it takes part in compile, run and bench.
// RUN: tinyc compile %s --stop-after import | FileCheck %s --check-prefix=WITHOUT
// RUN: tinyc compile %s --stop-after import --load-pass-plugin %merge-clamps | FileCheck %s --check-prefix=PLUGIN
// RUN: tinyc run %s --input random:1 --hash --load-pass-plugin %merge-clamps > %t.with
// RUN: tinyc run %s --input random:1 --hash > %t.without
// RUN: diff %t.with %t.without

// What runs in a benchmark computes one operation an element instead of two.
// RUN: tinyc bench %s --json %t.json
// RUN: FileCheck %s --check-prefix=BENCH < %t.json
// RUN: tinyc bench %s --json %t.json --load-pass-plugin %merge-clamps
// RUN: FileCheck %s --check-prefix=BENCH-PLUGIN < %t.json

// WITHOUT-COUNT-2: tiny.max
// PLUGIN: tiny.max
// PLUGIN-NOT: tiny.max
// BENCH: "flops": 128
// BENCH-PLUGIN: "flops": 64
func.func @main(%x: tensor<64xf32>) -> tensor<64xf32> {
  %zero = tiny.const dense<0.0> : tensor<64xf32>
  %half = tiny.const dense<0.5> : tensor<64xf32>
  %y = tiny.max %x, %half : tensor<64xf32>
  %z = tiny.max %y, %zero : tensor<64xf32>
  return %z : tensor<64xf32>
}
