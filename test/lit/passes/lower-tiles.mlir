// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(lower-tiles)' | FileCheck %s

// Rows of a tile are registers; what lies together is one load, what all lanes read alike one element.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: (%[[A:.*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias}, %{{.*}}: !llvm.ptr {{.*}}, %[[UNIT:.*]]: index, %{{.*}}: !llvm.ptr
// CHECK-SAME: tiny.scratch = 0
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK-COUNT-2: llvm.load %{{.*}} : !llvm.ptr -> vector<1xf32>
// CHECK-COUNT-2: tiny.add %{{.*}} : vector<16xf32>
// CHECK-COUNT-2: llvm.store
func.func @rows(%a: memref<64x64xf32>, %c: memref<64x64xf32>, %unit: index) attributes {tiny.kernel} {
  %t = tiny.load %a[%unit, %unit] by affine_map<(d0, d1) -> (d0, d1)> : memref<64x64xf32> -> vector<2x16xf32>
  %u = tiny.load %a[%unit, %unit] by affine_map<(d0, d1) -> (d0, 3)> : memref<64x64xf32> -> vector<2x16xf32>
  %s = tiny.add %t, %u : vector<2x16xf32>
  tiny.store %s, %c[%unit, %unit] by affine_map<(d0, d1) -> (d0, d1)> : vector<2x16xf32>, memref<64x64xf32>
  return
}

// -----

// Apart by a stride: a gather. Beyond the mask: not touched.
// CHECK-LABEL: func.func @strided
// CHECK: llvm.intr.masked.gather
// CHECK: %[[IN:.*]] = arith.cmpi sge, %{{.*}} : vector<16xi32>
// CHECK: llvm.intr.masked.store %{{.*}}, %{{.*}}, %[[IN]]
func.func @strided(%a: memref<64x64xf32>, %c: memref<100xf32>, %unit: index) attributes {tiny.kernel} {
  %t = tiny.load %a[%unit] by affine_map<(d0) -> (d0, 1)> : memref<64x64xf32> -> vector<16xf32>
  tiny.store %t, %c[%unit] by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (99 - d0 >= 0)> : vector<16xf32>, memref<100xf32>
  return
}

// -----

// A short stride of narrow elements: all from the first to the last lane's under a mask, where the chip has masks for
// them; one by one where it has not.
// CHECK: tiny.target = "cpu:x86-64-v4"
// CHECK: llvm.intr.masked.load {{.*}} -> vector<32xi16>
// CHECK: vector.shuffle {{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]
module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @narrow(%a: memref<64x2xf16>, %c: memref<64xf16>, %unit: index) attributes {tiny.kernel} {
    %t = tiny.load %a[%unit] by affine_map<(d0) -> (d0, 1)> : memref<64x2xf16> -> vector<16xf16>
    tiny.store %t, %c[%unit] by affine_map<(d0) -> (d0)> : vector<16xf16>, memref<64xf16>
    return
  }
}

// -----

// CHECK: tiny.target = "cpu:x86-64-v3"
// CHECK: llvm.intr.masked.gather
module attributes {tiny.target = "cpu:x86-64-v3"} {
  func.func @narrow(%a: memref<64x2xf16>, %c: memref<64xf16>, %unit: index) attributes {tiny.kernel} {
    %t = tiny.load %a[%unit] by affine_map<(d0) -> (d0, 1)> : memref<64x2xf16> -> vector<16xf16>
    tiny.store %t, %c[%unit] by affine_map<(d0) -> (d0)> : vector<16xf16>, memref<64xf16>
    return
  }
}

// -----

// A large private buffer stands in scratch memory, a small one on the stack.
// CHECK-LABEL: func.func @buffers
// CHECK-SAME: tiny.scratch = 40000
// CHECK: llvm.getelementptr %{{.*}}[0]
// CHECK: llvm.alloca %{{.*}} x i8 {alignment = 64 : i64}
// CHECK: tiny.const dense<1.000000e+00> : vector<16xf32>
func.func @buffers(%a: memref<64xf32>, %unit: index) attributes {tiny.kernel} {
  %large = memref.alloca() : memref<10000xf32>
  %small = memref.alloca() : memref<16xf32>
  %one = tiny.const dense<1.0> : vector<16xf32>
  tiny.store %one, %large[%unit] by affine_map<(d0) -> (d0)> : vector<16xf32>, memref<10000xf32>
  %c0 = arith.constant 0 : index
  tiny.store %one, %small[%c0] by affine_map<(d0) -> (d0)> : vector<16xf32>, memref<16xf32>
  return
}

// -----

// A reduction joins halves: its order is the tile's shape.
// CHECK-LABEL: func.func @sum
// CHECK: vector.shuffle %{{.*}} [0, 1, 2, 3]
// CHECK: vector.shuffle %{{.*}} [4, 5, 6, 7]
// CHECK: tiny.add %{{.*}} : vector<4xf32>
// CHECK: tiny.add %{{.*}} : vector<2xf32>
// CHECK: tiny.add %{{.*}} : vector<1xf32>
func.func @sum(%a: memref<64xf32>, %c: memref<64xf32>, %unit: index) attributes {tiny.kernel} {
  %t = tiny.load %a[%unit] by affine_map<(d0) -> (d0)> : memref<64xf32> -> vector<8xf32>
  %s = tiny.reduce sum %t [0] : vector<8xf32> -> vector<f32>
  tiny.store %s, %c[] by affine_map<() -> (0)> : vector<f32>, memref<64xf32>
  return
}

// -----

// A square that is turned: rounds of interleaving, no element by itself.
// CHECK-LABEL: func.func @turn
// CHECK-COUNT-8: vector.shuffle %{{.*}}, %{{.*}} {{.*}} : vector<4xf32>, vector<4xf32>
// CHECK-NOT: vector.insert
func.func @turn(%a: memref<4x4xf32>, %c: memref<4x4xf32>, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %t = tiny.load %a[%c0, %c0] by affine_map<(d0, d1) -> (d0, d1)> : memref<4x4xf32> -> vector<4x4xf32>
  %u = tiny.view %t by affine_map<(d0, d1) -> (d1, d0)> : vector<4x4xf32> -> vector<4x4xf32>
  tiny.store %u, %c[%c0, %c0] by affine_map<(d0, d1) -> (d0, d1)> : vector<4x4xf32>, memref<4x4xf32>
  return
}

// -----

// Some lanes of one register are a shuffle of it.
// CHECK-LABEL: func.func @odd
// CHECK: vector.shuffle %[[ALL:.*]], %[[ALL]] [1, 3, 5, 7] : vector<8xf32>, vector<8xf32>
// CHECK-NOT: vector.insert
func.func @odd(%a: memref<8xf32>, %c: memref<4xf32>, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %t = tiny.load %a[%c0] by affine_map<(d0) -> (d0)> : memref<8xf32> -> vector<8xf32>
  %u = tiny.view %t by affine_map<(d0) -> (d0 * 2 + 1)> : vector<8xf32> -> vector<4xf32>
  tiny.store %u, %c[%c0] by affine_map<(d0) -> (d0)> : vector<4xf32>, memref<4xf32>
  return
}

// -----

// A short stride is one masked piece of memory and a shuffle.
// CHECK-LABEL: func.func @pairs
// CHECK-NOT: gather
// CHECK: llvm.intr.masked.load {{.*}} -> vector<32xf32>
// CHECK: vector.shuffle %{{.*}} [0, 2, 4, 6
func.func @pairs(%a: memref<64xf32>, %c: memref<16xf32>, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %t = tiny.load %a[%c0] by affine_map<(d0) -> (d0 * 2)> : memref<64xf32> -> vector<16xf32>
  tiny.store %t, %c[%c0] by affine_map<(d0) -> (d0)> : vector<16xf32>, memref<16xf32>
  return
}

// -----

// Apart by a stride in a large buffer: the last of the lanes' positions takes more than 32 bits.
// CHECK-LABEL: func.func @far_apart
// CHECK: llvm.getelementptr %{{.*}}[%{{.*}}] : (!llvm.ptr, vector<64xi64>) -> vector<64x!llvm.ptr>, i8
// CHECK: llvm.intr.masked.scatter
func.func @far_apart(%a: memref<64xi8>, %c: memref<64x100000000xi8>, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %t = tiny.load %a[%c0] by affine_map<(d0) -> (d0)> : memref<64xi8> -> vector<64xi8>
  tiny.store %t, %c[%c0] by affine_map<(d0) -> (d0, 7)> : vector<64xi8>, memref<64x100000000xi8>
  return
}

// -----

// Scratch memory of more than 2 GiB.
// CHECK-LABEL: func.func @much_scratch
// CHECK-SAME: tiny.scratch = 3000017024
// CHECK: llvm.getelementptr %[[SCRATCH:.*]][0]
// CHECK: %[[FAR:.*]] = llvm.mlir.constant(3000000000 : i64) : i64
// CHECK: llvm.getelementptr %[[SCRATCH]][%[[FAR]]]
func.func @much_scratch(%c: memref<1xi8>, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %a = memref.alloca() : memref<3000000000xi8>
  %b = memref.alloca() : memref<17000xi8>
  %t = tiny.load %b[%c0] by affine_map<(d0) -> (d0)> : memref<17000xi8> -> vector<1xi8>
  tiny.store %t, %a[%c0] by affine_map<(d0) -> (d0)> : vector<1xi8>, memref<3000000000xi8>
  tiny.store %t, %c[%c0] by affine_map<(d0) -> (d0)> : vector<1xi8>, memref<1xi8>
  return
}

// -----

// A product is divisible by what divides its factors, no more: 1600080001 is odd, so 16 elements from a multiple of it
// on do not have one sixteenth in common.
// CHECK-LABEL: func.func @odd_multiple
// CHECK: llvm.intr.masked.gather
module attributes {tiny.target = "cpu:x86-64-v3"} {
func.func @odd_multiple(%a: memref<400000000xf32>, %o: memref<16xf32>, %unit: index) attributes {tiny.kernel} {
  %c = arith.constant 1600080001 : index
  %m = arith.muli %unit, %c : index
  %z = arith.constant 0 : index
  %t = tiny.load %a[%m] by affine_map<(d0) -> (d0 floordiv 16)> : memref<400000000xf32> -> vector<16xf32>
  tiny.store %t, %o[%z] by affine_map<(d0) -> (d0)> : vector<16xf32>, memref<16xf32>
  return
}
}
