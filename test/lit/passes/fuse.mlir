// The kernels that the design asks for, and no more.
// RUN: tinyc-opt %s --fuse --split-input-file | FileCheck %s
// RUN: tinyc-opt %s --simplify --fuse --split-input-file | FileCheck %s

// CHECK-LABEL: func @softmax
// CHECK: tiny.kernel "softmax_0" shared 1(%arg0)
// CHECK: tiny.stage parallel [8] reduce [100] ({{.*}}) -> (max tensor<8xf32>)
// CHECK: tiny.stage parallel [8] reduce [100] ({{.*}}) -> (none tensor<8x100xf32>, sum tensor<8xf32>)
// CHECK: tiny.exp
// CHECK-NOT: tiny.exp
// CHECK: tiny.stage parallel [8, 100] ({{.*}}) -> (none tensor<8x100xf32>)
// CHECK: tiny.div
// CHECK-NOT: tiny.kernel
func.func @softmax(%x: tensor<8x100xf32>) -> tensor<8x100xf32> {
  %m = tiny.reduce max %x [1] : tensor<8x100xf32> -> tensor<8xf32>
  %mb = tiny.view %m by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x100xf32>
  %minus = tiny.const dense<-1.0> : tensor<8x100xf32>
  %n = tiny.mul %mb, %minus : tensor<8x100xf32>
  %d = tiny.add %x, %n : tensor<8x100xf32>
  %e = tiny.exp e %d : tensor<8x100xf32>
  %s = tiny.reduce sum %e [1] : tensor<8x100xf32> -> tensor<8xf32>
  %sb = tiny.view %s by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x100xf32>
  %r = tiny.div %e, %sb : tensor<8x100xf32>
  return %r : tensor<8x100xf32>
}

// -----

// CHECK-LABEL: func @layernorm
// CHECK: tiny.kernel "layernorm_0" shared 1
// CHECK-NOT: tiny.kernel
func.func @layernorm(%x: tensor<8x100xf32>, %g: tensor<100xf32>, %b: tensor<100xf32>) -> tensor<8x100xf32> {
  %s = tiny.reduce sum %x [1] : tensor<8x100xf32> -> tensor<8xf32>
  %s1 = tiny.view %s by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x1xf32>
  %n = tiny.const dense<1.000000e+02> : tensor<8x1xf32>
  %mean = tiny.div %s1, %n : tensor<8x1xf32>
  %mb = tiny.view %mean by affine_map<(d0, d1) -> (d0, 0)> : tensor<8x1xf32> -> tensor<8x100xf32>
  %minus = tiny.const dense<-1.0> : tensor<8x100xf32>
  %neg = tiny.mul %mb, %minus : tensor<8x100xf32>
  %d = tiny.add %x, %neg : tensor<8x100xf32>
  %sq = tiny.mul %d, %d : tensor<8x100xf32>
  %v = tiny.reduce sum %sq [1] : tensor<8x100xf32> -> tensor<8xf32>
  %v1 = tiny.view %v by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x1xf32>
  %var = tiny.div %v1, %n : tensor<8x1xf32>
  %eps = tiny.const dense<1.0e-5> : tensor<8x1xf32>
  %ve = tiny.add %var, %eps : tensor<8x1xf32>
  %sd = tiny.sqrt %ve : tensor<8x1xf32>
  %sdb = tiny.view %sd by affine_map<(d0, d1) -> (d0, 0)> : tensor<8x1xf32> -> tensor<8x100xf32>
  %q = tiny.div %d, %sdb : tensor<8x100xf32>
  %gb = tiny.view %g by affine_map<(d0, d1) -> (d1)> : tensor<100xf32> -> tensor<8x100xf32>
  %bb = tiny.view %b by affine_map<(d0, d1) -> (d1)> : tensor<100xf32> -> tensor<8x100xf32>
  %o1 = tiny.mul %q, %gb : tensor<8x100xf32>
  %o = tiny.add %o1, %bb : tensor<8x100xf32>
  return %o : tensor<8x100xf32>
}

// -----

// CHECK-LABEL: func @rmsnorm
// CHECK: tiny.kernel "rmsnorm_0" shared 1
// CHECK: tiny.sqrt
// CHECK-NOT: tiny.sqrt
// CHECK-NOT: tiny.kernel
func.func @rmsnorm(%x: tensor<8x100xf32>, %g: tensor<100xf32>) -> tensor<8x100xf32> {
  %sq = tiny.mul %x, %x : tensor<8x100xf32>
  %s = tiny.reduce sum %sq [1] : tensor<8x100xf32> -> tensor<8xf32>
  %n = tiny.const dense<1.000000e+02> : tensor<8xf32>
  %mean = tiny.div %s, %n : tensor<8xf32>
  %root = tiny.sqrt %mean : tensor<8xf32>
  %rb = tiny.view %root by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x100xf32>
  %q = tiny.div %x, %rb : tensor<8x100xf32>
  %gb = tiny.view %g by affine_map<(d0, d1) -> (d1)> : tensor<100xf32> -> tensor<8x100xf32>
  %o = tiny.mul %q, %gb : tensor<8x100xf32>
  return %o : tensor<8x100xf32>
}

// -----

// The last index of the maximum is the largest index where the value equals it; the first needs the mirror image.
// CHECK-LABEL: func @argmax
// CHECK: tiny.kernel "argmax_0" shared 1
// CHECK-NOT: tiny.kernel
func.func @argmax(%x: tensor<8x100xf32>) -> tensor<8xi64> {
  %m = tiny.reduce max %x [1] : tensor<8x100xf32> -> tensor<8xf32>
  %mb = tiny.view %m by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x100xf32>
  %eq = tiny.cmpeq %x, %mb : tensor<8x100xf32>
  %i = tiny.iota affine_map<(d0, d1) -> (99 - d1)> : tensor<8x100xi64>
  %zero = tiny.const dense<-1> : tensor<8x100xi64>
  %w = tiny.where %eq, %i, %zero : tensor<8x100xi64>
  %p = tiny.reduce max %w [1] : tensor<8x100xi64> -> tensor<8xi64>
  %minus = tiny.const dense<-1> : tensor<8xi64>
  %last = tiny.const dense<99> : tensor<8xi64>
  %n = tiny.mul %p, %minus : tensor<8xi64>
  %r = tiny.add %n, %last : tensor<8xi64>
  return %r : tensor<8xi64>
}

// -----

// CHECK-LABEL: func @gemm_bias_relu
// CHECK: tiny.kernel "matmul_relu_0" shared 2
// CHECK: tiny.stage parallel [64, 32] reduce [48] (%{{.*}} by #{{.*}} : tensor<64x48xf32>, %{{.*}} by #{{.*}} : tensor<48x32xf32>) -> (sum tensor<64x32xf32>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: %[[P:.*]] = tiny.mul %[[A]], %[[B]] : f32
// CHECK-NEXT: tiny.yield %[[P]] : f32
// CHECK: tiny.stage parallel [64, 32] ({{.*}}) -> (none tensor<64x32xf32>)
// CHECK-NOT: tiny.stage
func.func @gemm_bias_relu(%a: tensor<64x48xf32>, %b: tensor<48x32xf32>, %c: tensor<32xf32>) -> tensor<64x32xf32> {
  %av = tiny.view %a by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<64x48xf32> -> tensor<64x32x48xf32>
  %bv = tiny.view %b by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<48x32xf32> -> tensor<64x32x48xf32>
  %p = tiny.mul %av, %bv : tensor<64x32x48xf32>
  %s = tiny.reduce sum %p [2] : tensor<64x32x48xf32> -> tensor<64x32xf32>
  %cv = tiny.view %c by affine_map<(d0, d1) -> (d1)> : tensor<32xf32> -> tensor<64x32xf32>
  %t = tiny.add %s, %cv : tensor<64x32xf32>
  %zero = tiny.const dense<0.0> : tensor<64x32xf32>
  %r = tiny.max %t, %zero : tensor<64x32xf32>
  return %r : tensor<64x32xf32>
}

// -----

// CHECK-LABEL: func @two_gemms
// CHECK: tiny.kernel "matmul_0" shared 2
// CHECK: tiny.kernel "matmul_1" shared 2
// CHECK-NOT: tiny.kernel
func.func @two_gemms(%a: tensor<16x16xf32>, %b: tensor<16x16xf32>, %c: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %av = tiny.view %a by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<16x16xf32> -> tensor<16x16x16xf32>
  %bv = tiny.view %b by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<16x16xf32> -> tensor<16x16x16xf32>
  %p = tiny.mul %av, %bv : tensor<16x16x16xf32>
  %s = tiny.reduce sum %p [2] : tensor<16x16x16xf32> -> tensor<16x16xf32>
  %sv = tiny.view %s by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<16x16xf32> -> tensor<16x16x16xf32>
  %cv = tiny.view %c by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<16x16xf32> -> tensor<16x16x16xf32>
  %q = tiny.mul %sv, %cv : tensor<16x16x16xf32>
  %r = tiny.reduce sum %q [2] : tensor<16x16x16xf32> -> tensor<16x16xf32>
  return %r : tensor<16x16xf32>
}

// -----

// The residual is added where the product is; the normalisation needs whole rows.
// CHECK-LABEL: func @gemm_residual_layernorm
// CHECK: tiny.kernel "matmul_0" shared 2
// CHECK: tiny.kernel "layernorm_1" shared 1
// CHECK-NOT: tiny.kernel
func.func @gemm_residual_layernorm(%a: tensor<64x48xf32>, %b: tensor<48x32xf32>, %res: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %av = tiny.view %a by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<64x48xf32> -> tensor<64x32x48xf32>
  %bv = tiny.view %b by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<48x32xf32> -> tensor<64x32x48xf32>
  %p = tiny.mul %av, %bv : tensor<64x32x48xf32>
  %mm = tiny.reduce sum %p [2] : tensor<64x32x48xf32> -> tensor<64x32xf32>
  %x = tiny.add %mm, %res : tensor<64x32xf32>
  %s = tiny.reduce sum %x [1] : tensor<64x32xf32> -> tensor<64xf32>
  %n = tiny.const dense<-3.125000e-02> : tensor<64xf32>
  %mean = tiny.mul %s, %n : tensor<64xf32>
  %mb = tiny.view %mean by affine_map<(d0, d1) -> (d0)> : tensor<64xf32> -> tensor<64x32xf32>
  %d = tiny.add %x, %mb : tensor<64x32xf32>
  %sq = tiny.mul %d, %d : tensor<64x32xf32>
  %v = tiny.reduce sum %sq [1] : tensor<64x32xf32> -> tensor<64xf32>
  %sd = tiny.sqrt %v : tensor<64xf32>
  %sdb = tiny.view %sd by affine_map<(d0, d1) -> (d0)> : tensor<64xf32> -> tensor<64x32xf32>
  %q = tiny.div %d, %sdb : tensor<64x32xf32>
  return %q : tensor<64x32xf32>
}

// -----

// CHECK-LABEL: func @two_results
// CHECK: tiny.kernel "{{.*}}" shared 2(%arg0) : (tensor<4x5xf32>) -> (tensor<4x5xf32>, tensor<4x5xf32>)
// CHECK: tiny.stage parallel [4, 5] ({{.*}}) -> (none tensor<4x5xf32>, none tensor<4x5xf32>)
// CHECK-NOT: tiny.stage
func.func @two_results(%x: tensor<4x5xf32>) -> (tensor<4x5xf32>, tensor<4x5xf32>) {
  %e = tiny.exp e %x : tensor<4x5xf32>
  %s = tiny.sqrt %x : tensor<4x5xf32>
  return %e, %s : tensor<4x5xf32>, tensor<4x5xf32>
}

// -----

// CHECK-LABEL: func @six
// CHECK: tiny.kernel "mul_0" shared 1
// CHECK-NOT: tiny.kernel
func.func @six(%a: tensor<9xf32>, %b: tensor<9xf32>, %c: tensor<9xf32>, %d: tensor<9xf32>, %e: tensor<9xf32>, %f: tensor<9xf32>) -> tensor<9xf32> {
  %0 = tiny.mul %a, %b : tensor<9xf32>
  %1 = tiny.mul %0, %c : tensor<9xf32>
  %2 = tiny.mul %1, %d : tensor<9xf32>
  %3 = tiny.mul %2, %e : tensor<9xf32>
  %4 = tiny.mul %3, %f : tensor<9xf32>
  return %4 : tensor<9xf32>
}

// -----

// CHECK-LABEL: func @conv_bn_relu
// CHECK: tiny.kernel "conv_relu_0" shared 4
// CHECK: tiny.stage parallel [1, 16, 8, 8] reduce [8, 3, 3] (%{{.*}} by #{{.*}} mask #{{.*}} fill 0.000000e+00 : f32 : tensor<1x8x8x8xf32>, %{{.*}} by #{{.*}} : tensor<16x8x3x3xf32>) -> (sum tensor<1x16x8x8xf32>)
// CHECK: tiny.stage parallel [1, 16, 8, 8] ({{.*}}) -> (none tensor<1x16x8x8xf32>)
// CHECK-NOT: tiny.stage
func.func @conv_bn_relu(%x: tensor<1x8x8x8xf32>, %w: tensor<16x8x3x3xf32>, %g: tensor<16xf32>, %b: tensor<16xf32>, %mean: tensor<16xf32>, %var: tensor<16xf32>) -> tensor<1x16x8x8xf32> {
  %xp = tiny.view %x by affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 - 1, d3 - 1)>
    mask affine_set<(d0, d1, d2, d3) : (d2 - 1 >= 0, 8 - d2 >= 0, d3 - 1 >= 0, 8 - d3 >= 0)> fill 0.0 : f32 : tensor<1x8x8x8xf32> -> tensor<1x8x10x10xf32>
  %xw = tiny.view %xp by affine_map<(n, o, y, x, c, ky, kx) -> (n, c, y + ky, x + kx)> : tensor<1x8x10x10xf32> -> tensor<1x16x8x8x8x3x3xf32>
  %ww = tiny.view %w by affine_map<(n, o, y, x, c, ky, kx) -> (o, c, ky, kx)> : tensor<16x8x3x3xf32> -> tensor<1x16x8x8x8x3x3xf32>
  %p = tiny.mul %xw, %ww : tensor<1x16x8x8x8x3x3xf32>
  %s = tiny.reduce sum %p [4, 5, 6] : tensor<1x16x8x8x8x3x3xf32> -> tensor<1x16x8x8xf32>
  %eps = tiny.const dense<1.0e-5> : tensor<16xf32>
  %ve = tiny.add %var, %eps : tensor<16xf32>
  %sd = tiny.sqrt %ve : tensor<16xf32>
  %scale = tiny.div %g, %sd : tensor<16xf32>
  %minus = tiny.const dense<-1.0> : tensor<1x16x8x8xf32>
  %mb = tiny.view %mean by affine_map<(n, o, y, x) -> (o)> : tensor<16xf32> -> tensor<1x16x8x8xf32>
  %sb = tiny.view %scale by affine_map<(n, o, y, x) -> (o)> : tensor<16xf32> -> tensor<1x16x8x8xf32>
  %bb = tiny.view %b by affine_map<(n, o, y, x) -> (o)> : tensor<16xf32> -> tensor<1x16x8x8xf32>
  %mn = tiny.mul %mb, %minus : tensor<1x16x8x8xf32>
  %d = tiny.add %s, %mn : tensor<1x16x8x8xf32>
  %q = tiny.mul %d, %sb : tensor<1x16x8x8xf32>
  %t = tiny.add %q, %bb : tensor<1x16x8x8xf32>
  %zero = tiny.const dense<0.0> : tensor<1x16x8x8xf32>
  %r = tiny.max %t, %zero : tensor<1x16x8x8xf32>
  return %r : tensor<1x16x8x8xf32>
}

// -----

// CHECK-LABEL: func @returned_as_they_are
// CHECK: %[[C:.*]] = tiny.const
// CHECK-DAG: %[[T:.*]] = tiny.kernel "copy_{{.}}" shared 2(%arg0) : (tensor<2x3xf32>) -> tensor<3x2xf32>
// CHECK-DAG: %[[X:.*]] = tiny.kernel "copy_{{.}}" shared 2(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-DAG: %[[K:.*]] = tiny.kernel "copy_{{.}}" shared 1(%[[C]]) : (tensor<3xi32>) -> tensor<3xi32>
// CHECK: return %[[X]], %[[K]], %[[T]]
func.func @returned_as_they_are(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<3xi32>, tensor<3x2xf32>) {
  %c = tiny.const dense<[1, 2, 3]> : tensor<3xi32>
  %t = tiny.view %x by affine_map<(d0, d1) -> (d1, d0)> : tensor<2x3xf32> -> tensor<3x2xf32>
  return %x, %c, %t : tensor<2x3xf32>, tensor<3xi32>, tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func @concat
// CHECK: tiny.kernel "{{.*}}" shared 2
// CHECK: tiny.stage parallel [6, 3] (%{{.*}} by #{{.*}} mask #{{.*}} fill 0.000000e+00 : f32 : tensor<2x3xf32>, %{{.*}} by #{{.*}} mask #{{.*}} fill 0.000000e+00 : f32 : tensor<4x3xf32>)
// CHECK: tiny.iota
// CHECK: tiny.cmplt
// CHECK: tiny.where
func.func @concat(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) -> tensor<6x3xf32> {
  %r = tiny.concat %a, %b dim 0 : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<6x3xf32>
  return %r : tensor<6x3xf32>
}

// -----

// Both halves are cheap: computed in the kernel that joins them, not written and read again.
// CHECK-LABEL: func @concat_of_halves
// CHECK: tiny.kernel "{{.*}}_0" shared 2(%arg0, %arg1) : (tensor<64x2xf32>, tensor<64x2xf32>) -> tensor<64x4xf32>
// CHECK-NOT: tiny.kernel
func.func @concat_of_halves(%a: tensor<64x2xf32>, %b: tensor<64x2xf32>) -> tensor<64x4xf32> {
  %s = tiny.add %a, %b : tensor<64x2xf32>
  %p = tiny.mul %a, %b : tensor<64x2xf32>
  %r = tiny.concat %s, %p dim 1 : (tensor<64x2xf32>, tensor<64x2xf32>) -> tensor<64x4xf32>
  return %r : tensor<64x4xf32>
}

// -----

// The one-hot rows are numbers in memory; the truth values never leave the body.
// CHECK-LABEL: func @one_hot_matmul
// CHECK: tiny.stage parallel [16, 8] ({{.*}}) -> (none tensor<16x8xf32>)
// CHECK: tiny.stage parallel [16, 4] reduce [8] (%{{.*}} by #{{.*}} : tensor<16x8xf32>, %{{.*}} by #{{.*}} : tensor<8x4xf32>) -> (sum tensor<16x4xf32>)
func.func @one_hot_matmul(%i: tensor<16xi32>, %w: tensor<8x4xf32>) -> tensor<16x4xf32> {
  %c = tiny.iota affine_map<(d0, d1) -> (d1)> : tensor<16x8xi32>
  %v = tiny.view %i by affine_map<(d0, d1) -> (d0)> : tensor<16xi32> -> tensor<16x8xi32>
  %eq = tiny.cmpeq %v, %c : tensor<16x8xi32>
  %f = tiny.cast %eq : tensor<16x8xi1> to tensor<16x8xf32>
  %a = tiny.view %f by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<16x8xf32> -> tensor<16x4x8xf32>
  %b = tiny.view %w by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<8x4xf32> -> tensor<16x4x8xf32>
  %p = tiny.mul %a, %b : tensor<16x4x8xf32>
  %s = tiny.reduce sum %p [2] : tensor<16x4x8xf32> -> tensor<16x4xf32>
  return %s : tensor<16x4xf32>
}

// -----

// A reshape between a product and its bias is made before the product's sum; it stays a contraction.
// CHECK-LABEL: func @reshaped_epilogue
// CHECK: tiny.kernel "matmul_0" shared
// CHECK: ({{.*}}) -> (sum tensor<{{.*}}>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: tiny.mul %[[A]], %[[B]]
func.func @reshaped_epilogue(%x: tensor<6x4xf32>, %b: tensor<2x3x8xf32>, %w: tensor<8x4xf32>) -> tensor<2x3x8xf32> {
  %xv = tiny.view %x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<6x4xf32> -> tensor<6x8x4xf32>
  %wv = tiny.view %w by affine_map<(d0, d1, d2) -> (d1, d2)> : tensor<8x4xf32> -> tensor<6x8x4xf32>
  %p = tiny.mul %xv, %wv : tensor<6x8x4xf32>
  %s = tiny.reduce sum %p [2] : tensor<6x8x4xf32> -> tensor<6x8xf32>
  %v = tiny.view %s by affine_map<(d0, d1, d2) -> (d0 * 3 + d1, d2)> : tensor<6x8xf32> -> tensor<2x3x8xf32>
  %r = tiny.add %v, %b : tensor<2x3x8xf32>
  return %r : tensor<2x3x8xf32>
}

// -----

// A window of height 1 is one all the same.
// CHECK-LABEL: func @flat_window
// CHECK: tiny.kernel "conv_0" shared 3
// CHECK: tiny.stage parallel [4, 6, 8] reduce [3, 3, 1] ({{.*}}) -> (sum tensor<4x6x8xf32>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: tiny.mul %[[A]], %[[B]]
func.func @flat_window(%x: tensor<3x8x8xf32>, %w: tensor<4x3x3x1xf32>) -> tensor<4x6x8xf32> {
  %a = tiny.view %x by affine_map<(o, y, x, c, ky, kx) -> (c, y + ky, x + kx)> : tensor<3x8x8xf32> -> tensor<4x6x8x3x3x1xf32>
  %b = tiny.view %w by affine_map<(o, y, x, c, ky, kx) -> (o, c, ky, kx)> : tensor<4x3x3x1xf32> -> tensor<4x6x8x3x3x1xf32>
  %p = tiny.mul %a, %b : tensor<4x6x8x3x3x1xf32>
  %s = tiny.reduce sum %p [3, 4, 5] : tensor<4x6x8x3x3x1xf32> -> tensor<4x6x8xf32>
  return %s : tensor<4x6x8xf32>
}
