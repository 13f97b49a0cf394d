// Rows that lie across memory, rows of several dimensions, and rows of rows: one kernel each.
// RUN: tinyc-opt %s --fuse --split-input-file | FileCheck %s
// RUN: tinyc-opt %s --simplify --fuse --split-input-file | FileCheck %s
// RUN: tinyc-opt %s --pass-pipeline='builtin.module(func.func(simplify,fuse{remarks}))' --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=COST

// The units are columns; what leaves is written where it stands in the result.
// CHECK: #[[TURNED:map.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func @softmax_over_the_first_axis
// CHECK: tiny.kernel "softmax_0" shared 1 writes [#[[TURNED]]](%arg0) : (tensor<100x8xf32>) -> tensor<100x8xf32>
// CHECK: tiny.stage parallel [8] reduce [100] ({{.*}}) -> (max tensor<8xf32>)
// CHECK: tiny.stage parallel [8] reduce [100] ({{.*}}) -> (none tensor<8x100xf32>, sum tensor<8xf32>)
// CHECK: tiny.stage parallel [8, 100] ({{.*}}) -> (none tensor<8x100xf32>)
// CHECK-NOT: tiny.kernel
// COST: remark: kernel softmax_0: 6400 bytes, 4800 flops (4800 by its ops one by one), cut along 1 dimensions
func.func @softmax_over_the_first_axis(%x: tensor<100x8xf32>) -> tensor<100x8xf32> {
  %m = tiny.reduce max %x [0] : tensor<100x8xf32> -> tensor<8xf32>
  %mb = tiny.view %m by affine_map<(d0, d1) -> (d1)> : tensor<8xf32> -> tensor<100x8xf32>
  %minus = tiny.const dense<-1.0> : tensor<100x8xf32>
  %n = tiny.mul %mb, %minus : tensor<100x8xf32>
  %d = tiny.add %x, %n : tensor<100x8xf32>
  %e = tiny.exp e %d : tensor<100x8xf32>
  %s = tiny.reduce sum %e [0] : tensor<100x8xf32> -> tensor<8xf32>
  %sb = tiny.view %s by affine_map<(d0, d1) -> (d1)> : tensor<8xf32> -> tensor<100x8xf32>
  %r = tiny.div %e, %sb : tensor<100x8xf32>
  return %r : tensor<100x8xf32>
}

// -----

// What the rows are made from, here a sum that leaves the kernel too, is walked in their order as well.
// CHECK: #[[INNER:map.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
// CHECK-LABEL: func @softmax_of_a_sum
// CHECK: tiny.kernel "softmax_0" shared 2 writes [#[[INNER]], #[[INNER]]](%arg0, %arg1)
// CHECK-SAME: -> (tensor<2x30x5xf32>, tensor<2x30x5xf32>)
// CHECK-NOT: tiny.kernel
// COST: remark: kernel softmax_0: 4800 bytes, 2100 flops (2100 by its ops one by one), cut along 2 dimensions
func.func @softmax_of_a_sum(%x: tensor<2x30x5xf32>, %y: tensor<2x30x5xf32>) -> (tensor<2x30x5xf32>, tensor<2x30x5xf32>) {
  %a = tiny.add %x, %y : tensor<2x30x5xf32>
  %m = tiny.reduce max %a [1] : tensor<2x30x5xf32> -> tensor<2x5xf32>
  %mb = tiny.view %m by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<2x5xf32> -> tensor<2x30x5xf32>
  %minus = tiny.const dense<-1.0> : tensor<2x30x5xf32>
  %n = tiny.mul %mb, %minus : tensor<2x30x5xf32>
  %d = tiny.add %a, %n : tensor<2x30x5xf32>
  %e = tiny.exp e %d : tensor<2x30x5xf32>
  %s = tiny.reduce sum %e [1] : tensor<2x30x5xf32> -> tensor<2x5xf32>
  %sb = tiny.view %s by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<2x5xf32> -> tensor<2x30x5xf32>
  %r = tiny.div %e, %sb : tensor<2x30x5xf32>
  return %a, %r : tensor<2x30x5xf32>, tensor<2x30x5xf32>
}

// -----

// CHECK-LABEL: func @instance_norm
// CHECK: tiny.kernel "layernorm_0" shared 2(%arg0, %arg1) : (tensor<2x6x4x5xf32>, tensor<6xf32>) -> tensor<2x6x4x5xf32>
// CHECK: tiny.stage parallel [2, 6] reduce [4, 5] ({{.*}}) -> (sum tensor<2x6xf32>)
// CHECK: tiny.stage parallel [2, 6] reduce [4, 5] ({{.*}}) -> (none tensor<2x6x4x5xf32>, sum tensor<2x6xf32>)
// CHECK-NOT: tiny.kernel
// COST: remark: kernel layernorm_0: 1944 bytes, 1464 flops (1464 by its ops one by one)
func.func @instance_norm(%x: tensor<2x6x4x5xf32>, %g: tensor<6xf32>) -> tensor<2x6x4x5xf32> {
  %s = tiny.reduce sum %x [2, 3] : tensor<2x6x4x5xf32> -> tensor<2x6xf32>
  %n = tiny.const dense<-0.05> : tensor<2x6xf32>
  %mean = tiny.mul %s, %n : tensor<2x6xf32>
  %mb = tiny.view %mean by affine_map<(d0, d1, d2, d3) -> (d0, d1)> : tensor<2x6xf32> -> tensor<2x6x4x5xf32>
  %d = tiny.add %x, %mb : tensor<2x6x4x5xf32>
  %sq = tiny.mul %d, %d : tensor<2x6x4x5xf32>
  %v = tiny.reduce sum %sq [2, 3] : tensor<2x6x4x5xf32> -> tensor<2x6xf32>
  %sd = tiny.sqrt %v : tensor<2x6xf32>
  %sdb = tiny.view %sd by affine_map<(d0, d1, d2, d3) -> (d0, d1)> : tensor<2x6xf32> -> tensor<2x6x4x5xf32>
  %q = tiny.div %d, %sdb : tensor<2x6x4x5xf32>
  %gb = tiny.view %g by affine_map<(d0, d1, d2, d3) -> (d1)> : tensor<6xf32> -> tensor<2x6x4x5xf32>
  %r = tiny.mul %q, %gb : tensor<2x6x4x5xf32>
  return %r : tensor<2x6x4x5xf32>
}

// -----

// A group is a part of the channels: their dimension is taken apart.
// CHECK: #[[GROUPS:map.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1 * 4 + d2, d3)>
// CHECK-LABEL: func @group_norm
// CHECK: tiny.kernel "layernorm_0" shared 2 writes [#[[GROUPS]]](%arg0, %arg1)
// CHECK: tiny.stage parallel [2, 3] reduce [36] ({{.*}}) -> (sum tensor<2x3xf32>)
// CHECK: tiny.stage parallel [2, 3, 4, 9] (%{{.*}} by {{.*}}, %{{.*}} by {{.*}}) -> (none tensor<2x3x4x9xf32>)
// CHECK-NOT: tiny.kernel
// COST: remark: kernel layernorm_0: 1776 bytes, 1308 flops (1308 by its ops one by one)
func.func @group_norm(%x: tensor<2x12x9xf32>, %g: tensor<12xf32>) -> tensor<2x12x9xf32> {
  %xg = tiny.view %x by affine_map<(d0, d1, d2) -> (d0, d1 * 4 + d2 floordiv 9, d2 mod 9)> : tensor<2x12x9xf32> -> tensor<2x3x36xf32>
  %s = tiny.reduce sum %xg [2] : tensor<2x3x36xf32> -> tensor<2x3xf32>
  %n = tiny.const dense<-0.0277777780> : tensor<2x3xf32>
  %mean = tiny.mul %s, %n : tensor<2x3xf32>
  %mb = tiny.view %mean by affine_map<(d0, d1, d2) -> (d0, d1)> : tensor<2x3xf32> -> tensor<2x3x36xf32>
  %d = tiny.add %xg, %mb : tensor<2x3x36xf32>
  %sq = tiny.mul %d, %d : tensor<2x3x36xf32>
  %v = tiny.reduce sum %sq [2] : tensor<2x3x36xf32> -> tensor<2x3xf32>
  %sd = tiny.sqrt %v : tensor<2x3xf32>
  %sdb = tiny.view %sd by affine_map<(d0, d1, d2) -> (d0, d1)> : tensor<2x3xf32> -> tensor<2x3x36xf32>
  %q = tiny.div %d, %sdb : tensor<2x3x36xf32>
  %qc = tiny.view %q by affine_map<(d0, d1, d2) -> (d0, d1 floordiv 4, (d1 mod 4) * 9 + d2)> : tensor<2x3x36xf32> -> tensor<2x12x9xf32>
  %gb = tiny.view %g by affine_map<(d0, d1, d2) -> (d1)> : tensor<12xf32> -> tensor<2x12x9xf32>
  %r = tiny.mul %qc, %gb : tensor<2x12x9xf32>
  return %r : tensor<2x12x9xf32>
}

// -----

// The mean over the rows' losses is drawn into the kernel of the rows, which then is one unit.
// CHECK-LABEL: func @cross_entropy
// CHECK: tiny.kernel "cross_entropy_0" shared 0(%arg0, %arg1) : (tensor<8x100xf32>, tensor<8xi32>) -> tensor<f32>
// CHECK: tiny.stage parallel [8] reduce [100] ({{.*}}) -> (max tensor<8xf32>)
// CHECK: tiny.stage parallel [8] reduce [100] ({{.*}}) -> (none tensor<8x100xf32>, sum tensor<8xf32>, sum tensor<8xf32>)
// CHECK: tiny.stage parallel [] reduce [8] ({{.*}}) -> (sum tensor<f32>)
// CHECK-NOT: tiny.kernel
// COST: remark: kernel cross_entropy_0: 3236 bytes, {{[0-9]+}} flops
func.func @cross_entropy(%x: tensor<8x100xf32>, %label: tensor<8xi32>) -> tensor<f32> {
  %m = tiny.reduce max %x [1] : tensor<8x100xf32> -> tensor<8xf32>
  %mb = tiny.view %m by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x100xf32>
  %minus = tiny.const dense<-1.0> : tensor<8x100xf32>
  %n = tiny.mul %mb, %minus : tensor<8x100xf32>
  %d = tiny.add %x, %n : tensor<8x100xf32>
  %e = tiny.exp e %d : tensor<8x100xf32>
  %s = tiny.reduce sum %e [1] : tensor<8x100xf32> -> tensor<8xf32>
  %log = tiny.log e %s : tensor<8xf32>
  %lb = tiny.view %label by affine_map<(d0, d1) -> (d0)> : tensor<8xi32> -> tensor<8x100xi32>
  %i = tiny.iota affine_map<(d0, d1) -> (d1)> : tensor<8x100xi32>
  %is = tiny.cmpeq %i, %lb : tensor<8x100xi32>
  %zero = tiny.const dense<0.0> : tensor<8x100xf32>
  %w = tiny.where %is, %d, %zero : tensor<8x100xf32>
  %pick = tiny.reduce sum %w [1] : tensor<8x100xf32> -> tensor<8xf32>
  %minus1 = tiny.const dense<-1.0> : tensor<8xf32>
  %np = tiny.mul %pick, %minus1 : tensor<8xf32>
  %loss = tiny.add %log, %np : tensor<8xf32>
  %sum = tiny.reduce sum %loss [0] : tensor<8xf32> -> tensor<f32>
  %share = tiny.const dense<0.125> : tensor<f32>
  %mean = tiny.mul %sum, %share : tensor<f32>
  return %mean : tensor<f32>
}
