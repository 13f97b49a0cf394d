// RUN: tinyc-opt %s --simplify --split-input-file | FileCheck %s

// CHECK-LABEL: func @transpose_twice
// CHECK-NEXT: return %arg0
func.func @transpose_twice(%x: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %a = tiny.view %x by affine_map<(d0, d1) -> (d1, d0)> : tensor<4x5xf32> -> tensor<5x4xf32>
  %b = tiny.view %a by affine_map<(d0, d1) -> (d1, d0)> : tensor<5x4xf32> -> tensor<4x5xf32>
  return %b : tensor<4x5xf32>
}

// -----

// Ranges make the divisions idle.
// CHECK-LABEL: func @reshape_there_and_back
// CHECK-NEXT: return %arg0
func.func @reshape_there_and_back(%x: tensor<4x5x6xf32>) -> tensor<4x5x6xf32> {
  %a = tiny.view %x by affine_map<(d0) -> (d0 floordiv 30, (d0 floordiv 6) mod 5, d0 mod 6)> : tensor<4x5x6xf32> -> tensor<120xf32>
  %b = tiny.view %a by affine_map<(d0, d1, d2) -> (d0 * 30 + d1 * 6 + d2)> : tensor<120xf32> -> tensor<4x5x6xf32>
  return %b : tensor<4x5x6xf32>
}

// -----

// CHECK: #[[M:.*]] = affine_map<(d0, d1) -> (d0 floordiv 2, d1 + (d0 mod 2) * 15)>
// CHECK-LABEL: func @split_a_reshape
// CHECK-NEXT: tiny.view %arg0 by #[[M]] : tensor<4x30xf32> -> tensor<8x15xf32>
// CHECK-NEXT: return
func.func @split_a_reshape(%x: tensor<4x30xf32>) -> tensor<8x15xf32> {
  %a = tiny.view %x by affine_map<(d0) -> (d0 floordiv 30, d0 mod 30)> : tensor<4x30xf32> -> tensor<120xf32>
  %b = tiny.view %a by affine_map<(d0, d1) -> (d0 * 15 + d1)> : tensor<120xf32> -> tensor<8x15xf32>
  return %b : tensor<8x15xf32>
}

// -----

// A pad of a pad with the same fill is one, and its mask is the inner one.
// CHECK: #[[M:.*]] = affine_map<(d0) -> (d0 - 3)>
// CHECK: #[[S:.*]] = affine_set<(d0) : (d0 - 3 >= 0, -d0 + 6 >= 0)>
// CHECK-LABEL: func @pad_a_pad
// CHECK-NEXT: tiny.view %arg0 by #[[M]] mask #[[S]] fill 0.000000e+00 : f32 : tensor<4xf32> -> tensor<10xf32>
// CHECK-NEXT: return
func.func @pad_a_pad(%x: tensor<4xf32>) -> tensor<10xf32> {
  %a = tiny.view %x by affine_map<(d0) -> (d0 - 1)> mask affine_set<(d0) : (d0 - 1 >= 0, 4 - d0 >= 0)> fill 0.0 : f32 : tensor<4xf32> -> tensor<6xf32>
  %b = tiny.view %a by affine_map<(d0) -> (d0 - 2)> mask affine_set<(d0) : (d0 - 2 >= 0, 7 - d0 >= 0)> fill 0.0 : f32 : tensor<6xf32> -> tensor<10xf32>
  return %b : tensor<10xf32>
}

// -----

// Different fills stay two views.
// CHECK-LABEL: func @two_fills
// CHECK-COUNT-2: tiny.view
func.func @two_fills(%x: tensor<4xf32>) -> tensor<10xf32> {
  %a = tiny.view %x by affine_map<(d0) -> (d0 - 1)> mask affine_set<(d0) : (d0 - 1 >= 0, 4 - d0 >= 0)> fill 1.0 : f32 : tensor<4xf32> -> tensor<6xf32>
  %b = tiny.view %a by affine_map<(d0) -> (d0 - 2)> mask affine_set<(d0) : (d0 - 2 >= 0, 7 - d0 >= 0)> fill 0.0 : f32 : tensor<6xf32> -> tensor<10xf32>
  return %b : tensor<10xf32>
}

// -----

// Slicing the padding off again: the mask is implied.
// CHECK-LABEL: func @pad_and_crop
// CHECK-NEXT: return %arg0
func.func @pad_and_crop(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = tiny.view %x by affine_map<(d0) -> (d0 - 1)> mask affine_set<(d0) : (d0 - 1 >= 0, 4 - d0 >= 0)> fill 1.0 : f32 : tensor<4xf32> -> tensor<6xf32>
  %b = tiny.view %a by affine_map<(d0) -> (d0 + 1)> : tensor<6xf32> -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// -----

// Only padding is left: the mask is contradicted.
// CHECK-LABEL: func @padding_only
// CHECK-NEXT: %[[C:.*]] = tiny.const dense<1.000000e+00> : tensor<2xf32>
// CHECK-NEXT: return %[[C]]
func.func @padding_only(%x: tensor<4xf32>) -> tensor<2xf32> {
  %a = tiny.view %x by affine_map<(d0) -> (d0 - 2)> mask affine_set<(d0) : (d0 - 2 >= 0, 5 - d0 >= 0)> fill 1.0 : f32 : tensor<4xf32> -> tensor<8xf32>
  %b = tiny.view %a by affine_map<(d0) -> (d0)> : tensor<8xf32> -> tensor<2xf32>
  return %b : tensor<2xf32>
}

// -----

// CHECK: #[[M:.*]] = affine_map<(d0, d1) -> (d1 + 3)>
// CHECK-LABEL: func @sources
// CHECK-DAG: tiny.const dense<2.000000e+00> : tensor<3x4xf32>
// CHECK-DAG: tiny.iota #[[M]] : tensor<3x4xi64>
// CHECK-NEXT: return
func.func @sources() -> (tensor<3x4xf32>, tensor<3x4xi64>) {
  %c = tiny.const dense<2.0> : tensor<4xf32>
  %a = tiny.view %c by affine_map<(d0, d1) -> (d1)> : tensor<4xf32> -> tensor<3x4xf32>
  %i = tiny.iota affine_map<(d0) -> (d0 + 3)> : tensor<4xi64>
  %b = tiny.view %i by affine_map<(d0, d1) -> (d1)> : tensor<4xi64> -> tensor<3x4xi64>
  return %a, %b : tensor<3x4xf32>, tensor<3x4xi64>
}

// -----

// CHECK-LABEL: func @reductions
// CHECK-NEXT: %[[A:.*]] = tiny.reduce sum %arg0 [1, 2] : tensor<4x5x6xf32> -> tensor<4xf32>
// CHECK-NEXT: %[[B:.*]] = tiny.view %arg1 by #{{.*}} : tensor<4x1xf32> -> tensor<4xf32>
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @reductions(%x: tensor<4x5x6xf32>, %y: tensor<4x1xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = tiny.reduce sum %x [2] : tensor<4x5x6xf32> -> tensor<4x5xf32>
  %b = tiny.reduce sum %a [1] : tensor<4x5xf32> -> tensor<4xf32>
  %c = tiny.reduce max %y [1] : tensor<4x1xf32> -> tensor<4xf32>
  return %b, %c : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func @casts
// CHECK-NEXT: %[[A:.*]] = tiny.cast %arg0 : tensor<4xf16> to tensor<4xf64>
// CHECK-NEXT: %[[B:.*]] = tiny.cast %arg1 : tensor<4xi8> to tensor<4xf32>
// CHECK-NEXT: %[[C:.*]] = tiny.cast %[[B]] : tensor<4xf32> to tensor<4xui8>
// CHECK-NEXT: %[[D:.*]] = tiny.cast %arg2 : tensor<4xf32> to tensor<4xbf16>
// CHECK-NEXT: %[[E:.*]] = tiny.cast %[[D]] : tensor<4xbf16> to tensor<4xf32>
// CHECK-NEXT: return %[[A]], %arg0, %[[C]], %[[E]]
func.func @casts(%h: tensor<4xf16>, %i: tensor<4xi8>, %f: tensor<4xf32>) -> (tensor<4xf64>, tensor<4xf16>, tensor<4xui8>, tensor<4xf32>) {
  %0 = tiny.cast %h : tensor<4xf16> to tensor<4xf32>
  %1 = tiny.cast %0 : tensor<4xf32> to tensor<4xf64>
  %2 = tiny.cast %0 : tensor<4xf32> to tensor<4xf16>
  %3 = tiny.cast %i : tensor<4xi8> to tensor<4xf32>
  %4 = tiny.cast %3 : tensor<4xf32> to tensor<4xui8>
  %5 = tiny.cast %f : tensor<4xf32> to tensor<4xbf16>
  %6 = tiny.cast %5 : tensor<4xbf16> to tensor<4xf32>
  return %1, %2, %4, %6 : tensor<4xf64>, tensor<4xf16>, tensor<4xui8>, tensor<4xf32>
}

// -----

// The bias is added in the reduction's own shape, so that it can stand in its kernel.
// CHECK-LABEL: func @reshape_before_bias
// CHECK: %[[P:.*]] = tiny.view %{{.*}} : tensor<6x8x4xf32> -> tensor<2x3x8x4xf32>
// CHECK: %[[S:.*]] = tiny.reduce sum %[[P]] [3] : tensor<2x3x8x4xf32> -> tensor<2x3x8xf32>
// CHECK: tiny.add %[[S]], %arg1
func.func @reshape_before_bias(%x: tensor<6x4xf32>, %b: tensor<2x3x8xf32>, %w: tensor<8x4xf32>) -> tensor<2x3x8xf32> {
  %xv = tiny.view %x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<6x4xf32> -> tensor<6x8x4xf32>
  %wv = tiny.view %w by affine_map<(d0, d1, d2) -> (d1, d2)> : tensor<8x4xf32> -> tensor<6x8x4xf32>
  %p = tiny.mul %xv, %wv : tensor<6x8x4xf32>
  %s = tiny.reduce sum %p [2] : tensor<6x8x4xf32> -> tensor<6x8xf32>
  %v = tiny.view %s by affine_map<(d0, d1, d2) -> (d0 * 3 + d1, d2)> : tensor<6x8xf32> -> tensor<2x3x8xf32>
  %r = tiny.add %v, %b : tensor<2x3x8xf32>
  return %r : tensor<2x3x8xf32>
}

// -----

// A row keeps its shape.
// CHECK-LABEL: func @keep_rows
// CHECK: tiny.reduce sum %arg0 [1] : tensor<6x4xf32> -> tensor<6xf32>
// CHECK: tiny.view %{{.*}} : tensor<6xf32> -> tensor<6x1xf32>
func.func @keep_rows(%x: tensor<6x4xf32>) -> tensor<6x1xf32> {
  %s = tiny.reduce sum %x [1] : tensor<6x4xf32> -> tensor<6xf32>
  %v = tiny.view %s by affine_map<(d0, d1) -> (d0)> : tensor<6xf32> -> tensor<6x1xf32>
  %r = tiny.sqrt %v : tensor<6x1xf32>
  return %r : tensor<6x1xf32>
}

// -----

// CHECK-LABEL: func @once
// CHECK-NEXT: %[[E:.*]] = tiny.exp e %arg0
// CHECK-NEXT: tiny.add %[[E]], %[[E]]
func.func @once(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = tiny.exp e %x : tensor<4xf32>
  %b = tiny.exp e %x : tensor<4xf32>
  %unused = tiny.sqrt %x : tensor<4xf32>
  %r = tiny.add %a, %b : tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// CHECK: #[[M:.*]] = affine_map<(d0, d1) -> (d0 + 1, d1)>
// CHECK-LABEL: func @part_of_concat
// CHECK-NEXT: %[[V:.*]] = tiny.view %arg1 by #[[M]] : tensor<4x3xf32> -> tensor<2x3xf32>
// CHECK-NEXT: return %[[V]]
func.func @part_of_concat(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) -> tensor<2x3xf32> {
  %c = tiny.concat %a, %b dim 0 : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<6x3xf32>
  %v = tiny.view %c by affine_map<(d0, d1) -> (d0 + 3, d1)> : tensor<6x3xf32> -> tensor<2x3xf32>
  return %v : tensor<2x3xf32>
}

// -----

// Tensors without elements, and what is computed from them, are constants.
// CHECK-LABEL: func @empty
func.func @empty(%n: tensor<0x4xf32>, %x: tensor<3x4xf32>) -> (tensor<0x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>, tensor<3x4xf32>) {
  // CHECK-DAG: %[[SUM:.*]] = tiny.const dense<0.000000e+00> : tensor<4xf32>
  // CHECK-DAG: %[[MAX:.*]] = tiny.const dense<0xFF800000> : tensor<4xf32>
  // CHECK-DAG: %[[PAD:.*]] = tiny.const dense<5.000000e+00> : tensor<2x4xf32>
  // CHECK-DAG: %[[NONE:.*]] = tiny.const dense<> : tensor<0x4xf32>
  %e = tiny.exp e %n : tensor<0x4xf32>
  %sum = tiny.reduce sum %e [0] : tensor<0x4xf32> -> tensor<4xf32>
  %max = tiny.reduce max %n [0] : tensor<0x4xf32> -> tensor<4xf32>
  %pad = tiny.view %e by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (-d0 - 1 >= 0)> fill 5.0 : f32
         : tensor<0x4xf32> -> tensor<2x4xf32>
  %joined = tiny.concat %n, %x dim 0 : (tensor<0x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  // CHECK: return %[[NONE]], %[[SUM]], %[[MAX]], %[[PAD]], %arg1
  return %e, %sum, %max, %pad, %joined : tensor<0x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>, tensor<3x4xf32>
}

// -----

// A mask that holds nowhere, which only a proof tells.
// CHECK-LABEL: func @all_fill
// CHECK-NEXT: %[[C:.*]] = tiny.const dense<5.000000e+00> : tensor<2x4xf32>
// CHECK-NEXT: return %[[C]]
func.func @all_fill(%n: tensor<0x4xf32>) -> tensor<2x4xf32> {
  %v = tiny.view %n by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (d0 - d1 - 1 >= 0, d1 - d0 - 1 >= 0)> fill 5.0 : f32
       : tensor<0x4xf32> -> tensor<2x4xf32>
  return %v : tensor<2x4xf32>
}

// -----

// Every index is out of the range of nothing, and no update changes nothing.
// CHECK-LABEL: func @indexed_nothing
// CHECK-NEXT: %[[C:.*]] = tiny.const dense<7.000000e+00> : tensor<3x4xf32>
// CHECK-NEXT: return %[[C]], %arg1
func.func @indexed_nothing(%n: tensor<0x4xf32>, %x: tensor<3x4xf32>, %i: tensor<3xi64>, %none: tensor<0xi64>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %g = tiny.gather %n[%i] dim 0 otherwise 7.0 : f32 : tensor<0x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  %s = tiny.scatter sum %x[%none], %n dim 0 : tensor<3x4xf32>, tensor<0xi64>, tensor<0x4xf32>
  return %g, %s : tensor<3x4xf32>, tensor<3x4xf32>
}

// -----

// Some sizes of 1 go first; the rest is reduced of what is left.
// CHECK-LABEL: func @one_of_two
// CHECK-NEXT: %[[V:.*]] = tiny.view %arg0 by #{{.*}} : tensor<4x1x6xf32> -> tensor<4x6xf32>
// CHECK-NEXT: tiny.reduce max %[[V]] [1] : tensor<4x6xf32> -> tensor<4xf32>
func.func @one_of_two(%x: tensor<4x1x6xf32>) -> tensor<4xf32> {
  %r = tiny.reduce max %x [1, 2] : tensor<4x1x6xf32> -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// What stays: reductions of two kinds, of which one is read twice; a view over two parts; an iota behind a mask.
// CHECK-LABEL: func @kept
// CHECK: %[[S:.*]] = tiny.reduce sum %arg0 [2]
// CHECK-NEXT: tiny.reduce max %[[S]] [1]
// CHECK-NEXT: tiny.reduce sum %[[S]] [1]
// CHECK-NEXT: %[[C:.*]] = tiny.concat
// CHECK-NEXT: tiny.view %[[C]]
// CHECK-NEXT: %[[I:.*]] = tiny.iota
// CHECK-NEXT: tiny.view %[[I]]
func.func @kept(%x: tensor<4x5x6xf32>, %a: tensor<2x3xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2x3xf32>, tensor<6xi64>) {
  %s = tiny.reduce sum %x [2] : tensor<4x5x6xf32> -> tensor<4x5xf32>
  %m = tiny.reduce max %s [1] : tensor<4x5xf32> -> tensor<4xf32>
  %t = tiny.reduce sum %s [1] : tensor<4x5xf32> -> tensor<4xf32>
  %c = tiny.concat %a, %a dim 0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %v = tiny.view %c by affine_map<(d0, d1) -> (d0 + 1, d1)> : tensor<4x3xf32> -> tensor<2x3xf32>
  %i = tiny.iota affine_map<(d0) -> (d0 + 3)> : tensor<4xi64>
  %p = tiny.view %i by affine_map<(d0) -> (d0 - 1)> mask affine_set<(d0) : (d0 - 1 >= 0, 4 - d0 >= 0)> fill 0 : i64 : tensor<4xi64> -> tensor<6xi64>
  return %m, %t, %v, %p : tensor<4xf32>, tensor<4xf32>, tensor<2x3xf32>, tensor<6xi64>
}
