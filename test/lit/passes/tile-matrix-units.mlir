// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(schedule,tile,prove-bounds)' | FileCheck %s
// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(schedule,tile,lower-tiles)' | FileCheck %s --check-prefix=LOWER

// Pairs of k side by side in packed columns: two rows of them, interleaved, panel behind panel. k is filled up with
// zeros to 96.
// CHECK-LABEL: func.func @product(
// CHECK: %[[ROWS:.*]] = memref.alloca() : memref<64x160xbf16>
// CHECK: %[[COLUMNS:.*]] = memref.alloca() : memref<96x64xbf16>
// CHECK: %[[SUMS:.*]] = memref.alloca() : memref<32x32xf32>
// CHECK: %[[PAIR:.*]] = tiny.load {{.*}} mask #{{.*}} : memref<70x33xbf16> -> vector<1x2x32xbf16>
// CHECK: %[[TURNED:.*]] = tiny.view %[[PAIR]] by {{.*}} : vector<1x2x32xbf16> -> vector<1x1x64xbf16>
// CHECK: tiny.store %[[TURNED]], %[[COLUMNS]]
// CHECK: scf.for
// CHECK: %[[A:.*]] = tiny.load %[[ROWS]]{{.*}} -> vector<32x16x2xbf16>
// CHECK: %[[B:.*]] = tiny.load %[[COLUMNS]]{{.*}} -> vector<16x32x2xbf16>
// CHECK: vector.contract {{.*}} %[[A]], %[[B]], %{{.*}} : vector<32x16x2xbf16>, vector<16x32x2xbf16> into vector<32x32xf32>

// Four sums in tile registers; a step of k is two fragments of each operand.
// LOWER-LABEL: func.func @product(
// LOWER-COUNT-4: llvm.call_intrinsic "llvm.x86.tilezero.internal"
// LOWER: scf.for {{.*}} iter_args({{.*}}) -> (!llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx)
// LOWER-COUNT-3: llvm.call_intrinsic "llvm.x86.tileloadd64.internal"
// LOWER-COUNT-2: llvm.call_intrinsic "llvm.x86.tdpbf16ps.internal"
// LOWER: llvm.call_intrinsic "llvm.x86.tileloadd64.internal"
// LOWER-COUNT-2: llvm.call_intrinsic "llvm.x86.tdpbf16ps.internal"
// LOWER-COUNT-4: llvm.call_intrinsic "llvm.x86.tilestored64.internal"
module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<50x70xbf16>, %b: tensor<70x33xbf16>) -> tensor<50x33xf32> {
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<50x70xbf16>, tensor<70x33xbf16>) -> tensor<50x33xf32> {
    ^bb0(%x: tensor<50x70xbf16>, %y: tensor<70x33xbf16>):
      %s = tiny.stage parallel [50, 33] reduce [70]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<50x70xbf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<70x33xbf16>) -> (sum tensor<50x33xf32>) {
      ^bb0(%u: bf16, %v: bf16):
        %wu = tiny.cast %u : bf16 to f32
        %wv = tiny.cast %v : bf16 to f32
        %p = tiny.mul %wu, %wv : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<50x33xf32>
    }
    return %r : tensor<50x33xf32>
  }
}

// -----

// The same with four bytes a group, by vectors: one group of the rows for all columns. Signs are the instruction's.
// CHECK-LABEL: func.func @product(
// CHECK: tiny.bitcast {{.*}} : vector<1x1x64xui8> to vector<1x1x64xi8>
// CHECK: vector.contract {{.*}} : vector<2x1x4xi8>, vector<1x32x4xi8> into vector<2x32xi32>

// LOWER-LABEL: func.func @product(
// LOWER: scf.for {{.*}} -> (vector<16xi32>, vector<16xi32>, vector<16xi32>, vector<16xi32>)
// LOWER-COUNT-2: llvm.load {{.*}} -> vector<16xi32>
// LOWER: %[[GROUP:.*]] = llvm.load {{.*}} -> i32
// LOWER: vector.broadcast %[[GROUP]] : i32 to vector<16xi32>
// LOWER-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"({{.*}}) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<2x70xui8>, %b: tensor<70x33xi8>) -> tensor<2x33xi32> {
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<2x70xui8>, tensor<70x33xi8>) -> tensor<2x33xi32> {
    ^bb0(%x: tensor<2x70xui8>, %y: tensor<70x33xi8>):
      %s = tiny.stage parallel [2, 33] reduce [70]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<2x70xui8>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<70x33xi8>) -> (sum tensor<2x33xi32>) {
      ^bb0(%u: ui8, %v: i8):
        %wu = tiny.cast %u : ui8 to i32
        %wv = tiny.cast %v : i8 to i32
        %p = tiny.mul %wu, %wv : i32
        tiny.yield %p : i32
      }
      tiny.yield %s : tensor<2x33xi32>
    }
    return %r : tensor<2x33xi32>
  }
}

// -----

// Bytes of one sign are widened to words where they are packed.
// CHECK-LABEL: func.func @product(
// CHECK: tiny.cast {{.*}} : vector<1x2x32xui8> to vector<1x2x32xi16>
// CHECK: vector.contract {{.*}} : vector<2x1x2xi16>, vector<1x32x2xi16> into vector<2x32xi32>
module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<2x70xui8>, %b: tensor<70x33xui8>) -> tensor<2x33xi32> {
    %r = tiny.kernel "product" shared 2 schedule <unit = [2, 33], inner = [2, 32], strip = [70], instruction = "avx512vnni.vpdpwssd", vector = 16> (%a, %b) : (tensor<2x70xui8>, tensor<70x33xui8>) -> tensor<2x33xi32> {
    ^bb0(%x: tensor<2x70xui8>, %y: tensor<70x33xui8>):
      %s = tiny.stage parallel [2, 33] reduce [70]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<2x70xui8>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<70x33xui8>) -> (sum tensor<2x33xi32>) {
      ^bb0(%u: ui8, %v: ui8):
        %wu = tiny.cast %u : ui8 to i32
        %wv = tiny.cast %v : ui8 to i32
        %p = tiny.mul %wu, %wv : i32
        tiny.yield %p : i32
      }
      tiny.yield %s : tensor<2x33xi32>
    }
    return %r : tensor<2x33xi32>
  }
}

// -----

// Whole tiles of rows, with k side by side: they are read where they are. All columns are packed before the first tile.
// CHECK-LABEL: func.func @product(
// CHECK-SAME: %[[A:.*]]: memref<64x128xui8>
// CHECK-NOT: tiny.store {{.*}} memref<64x
// CHECK: tiny.store {{.*}} : vector<1x1x128xi8>, memref<64x128xi8>
// CHECK: %[[BYTES:.*]] = tiny.load %[[A]]{{.*}} : memref<64x128xui8> -> vector<32x16x4xui8>
// CHECK: %[[BITS:.*]] = tiny.bitcast %[[BYTES]] : vector<32x16x4xui8> to vector<32x16x4xi8>
// CHECK: vector.contract {{.*}} %[[BITS]], %{{.*}}, %{{.*}} : vector<32x16x4xi8>, vector<16x32x4xi8> into vector<32x32xi32>
module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<64x128xui8>, %b: tensor<128x33xi8>) -> tensor<64x33xi32> {
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<64x128xui8>, tensor<128x33xi8>) -> tensor<64x33xi32> {
    ^bb0(%x: tensor<64x128xui8>, %y: tensor<128x33xi8>):
      %s = tiny.stage parallel [64, 33] reduce [128]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<64x128xui8>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<128x33xi8>) -> (sum tensor<64x33xi32>) {
      ^bb0(%u: ui8, %v: i8):
        %wu = tiny.cast %u : ui8 to i32
        %wv = tiny.cast %v : i8 to i32
        %p = tiny.mul %wu, %wv : i32
        tiny.yield %p : i32
      }
      tiny.yield %s : tensor<64x33xi32>
    }
    return %r : tensor<64x33xi32>
  }
}
