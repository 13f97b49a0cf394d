// An int8 product with bias and requantisation on the NPU, and what it is made of: two transfers on their way at once, waits,
// products of 8x8x32, and the epilogue on the vector unit, all in one kernel.
// RUN: tinyc compile %s --target npu:v1 --load-target-plugin %npu-target --emit asm -o - | FileCheck %s
// RUN: tinyc compile %s --target npu:v1 --load-target-plugin %npu-target --stop-after schedule | FileCheck %s --check-prefix=SCHEDULE

// The simulated NPU gives what the reference gives, bit for bit.
// RUN: tinyc run %s --input random:3 --hash --device npu --load-target-plugin %npu-target --load-driver-plugin %npu-driver > %t.npu
// RUN: tinyc run %s --input random:3 --hash --device reference > %t.reference
// RUN: diff %t.npu %t.reference

// Kernel by kernel too.
// RUN: tinyc diff %s --device npu --load-target-plugin %npu-target --load-driver-plugin %npu-driver | FileCheck %s --check-prefix=DIFF
// DIFF: on npu

// SCHEDULE: instruction = "npu.i32.8x8x32.i8"

// CHECK-LABEL: unit 0:
// CHECK: load ch[[A:[0-7]]] {{.*}} = arg0 +
// CHECK: load ch[[B:[0-7]]] {{.*}} = arg1 +
// CHECK: wait ch[[A]]
// CHECK: wait ch[[B]]
// CHECK: matmul
// CHECK: add.i32.i32
// CHECK: cast.i32.f32
// CHECK: round.even.f32.f32
// CHECK: cast.f32.i8
// CHECK: store ch{{.*}} arg3 +
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#bias = affine_map<(m, n) -> (n)>
func.func @main(%x: tensor<70x100xi8>, %w: tensor<100x50xi8>, %b: tensor<50xi32>) -> tensor<70x50xi8> {
  %xi = tiny.cast %x : tensor<70x100xi8> to tensor<70x100xi32>
  %wi = tiny.cast %w : tensor<100x50xi8> to tensor<100x50xi32>
  %xv = tiny.view %xi by #lhs : tensor<70x100xi32> -> tensor<70x50x100xi32>
  %wv = tiny.view %wi by #rhs : tensor<100x50xi32> -> tensor<70x50x100xi32>
  %p = tiny.mul %xv, %wv : tensor<70x50x100xi32>
  %s = tiny.reduce sum %p [2] : tensor<70x50x100xi32> -> tensor<70x50xi32>
  %bv = tiny.view %b by #bias : tensor<50xi32> -> tensor<70x50xi32>
  %a = tiny.add %s, %bv : tensor<70x50xi32>
  %f = tiny.cast %a : tensor<70x50xi32> to tensor<70x50xf32>
  %scale = tiny.const dense<1.0e-8> : tensor<70x50xf32>
  %q = tiny.mul %f, %scale : tensor<70x50xf32>
  %r = tiny.round even %q : tensor<70x50xf32>
  %y = tiny.cast %r : tensor<70x50xf32> to tensor<70x50xi8>
  return %y : tensor<70x50xi8>
}
