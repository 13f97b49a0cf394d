// Attention is one kernel whose scores never reach memory; what is not quite attention stays three.
// RUN: tinyc-opt %s --pass-pipeline='builtin.module(func.func(simplify,fuse,fuse-attention))' --split-input-file | FileCheck %s
// RUN: tinyc-opt %s --pass-pipeline='builtin.module(func.func(simplify,fuse,fuse-attention{remarks}))' --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func @attention
// CHECK: tiny.kernel "attention_2" shared 2(%arg0, %arg1, %arg2) : (tensor<2x8x4xf32>, tensor<2x16x4xf32>, tensor<2x16x4xf32>) -> tensor<2x8x4xf32>
// CHECK: tiny.stage parallel [2, 8, 16] reduce [4] ({{.*}}) -> (sum tensor<2x8x16xf32>)
// CHECK: tiny.stage parallel [2, 8, 16] ({{.*}}) -> (none tensor<2x8x16xf32>)
// CHECK: tiny.stage parallel [2, 8] reduce [16] ({{.*}}) -> (max tensor<2x8xf32>)
// CHECK: tiny.stage parallel [2, 8] reduce [16] ({{.*}}) -> (none tensor<2x8x16xf32>, sum tensor<2x8xf32>)
// CHECK: tiny.stage parallel [2, 8, 16] ({{.*}}) -> (none tensor<2x8x16xf32>)
// CHECK: tiny.stage parallel [2, 8, 4] reduce [16] ({{.*}}) -> (sum tensor<2x8x4xf32>)
// CHECK-NOT: tiny.kernel
// Twice the scores and twice the shares, 2 x 8 x 16 numbers of 4 bytes each.
// REMARK: remark: fused: scores and shares of matmul_2 stay on chip, which saves 4096 bytes
func.func @attention(%q: tensor<2x8x4xf32>, %k: tensor<2x16x4xf32>, %v: tensor<2x16x4xf32>) -> tensor<2x8x4xf32> {
  %qv = tiny.view %q by affine_map<(h, q, k, d) -> (h, q, d)> : tensor<2x8x4xf32> -> tensor<2x8x16x4xf32>
  %kv = tiny.view %k by affine_map<(h, q, k, d) -> (h, k, d)> : tensor<2x16x4xf32> -> tensor<2x8x16x4xf32>
  %qk = tiny.mul %qv, %kv : tensor<2x8x16x4xf32>
  %dot = tiny.reduce sum %qk [3] : tensor<2x8x16x4xf32> -> tensor<2x8x16xf32>
  %half = tiny.const dense<0.5> : tensor<2x8x16xf32>
  %s = tiny.mul %dot, %half : tensor<2x8x16xf32>
  %m = tiny.reduce max %s [2] : tensor<2x8x16xf32> -> tensor<2x8xf32>
  %mb = tiny.view %m by affine_map<(h, q, k) -> (h, q)> : tensor<2x8xf32> -> tensor<2x8x16xf32>
  %minus = tiny.const dense<-1.0> : tensor<2x8x16xf32>
  %n = tiny.mul %mb, %minus : tensor<2x8x16xf32>
  %d = tiny.add %s, %n : tensor<2x8x16xf32>
  %e = tiny.exp e %d : tensor<2x8x16xf32>
  %l = tiny.reduce sum %e [2] : tensor<2x8x16xf32> -> tensor<2x8xf32>
  %lb = tiny.view %l by affine_map<(h, q, k) -> (h, q)> : tensor<2x8xf32> -> tensor<2x8x16xf32>
  %p = tiny.div %e, %lb : tensor<2x8x16xf32>
  %pv = tiny.view %p by affine_map<(h, q, w, k) -> (h, q, k)> : tensor<2x8x16xf32> -> tensor<2x8x4x16xf32>
  %vv = tiny.view %v by affine_map<(h, q, w, k) -> (h, k, w)> : tensor<2x16x4xf32> -> tensor<2x8x4x16xf32>
  %po = tiny.mul %pv, %vv : tensor<2x8x4x16xf32>
  %o = tiny.reduce sum %po [3] : tensor<2x8x4x16xf32> -> tensor<2x8x4xf32>
  return %o : tensor<2x8x4xf32>
}

// -----

// The shares are a result too: they are written, and one kernel would not save them.
// CHECK-LABEL: func @shares_are_returned
// CHECK: tiny.kernel "matmul_0" shared 3
// CHECK: tiny.kernel "softmax_1" shared 2
// CHECK: tiny.kernel "matmul_2" shared 3
// CHECK-NOT: tiny.kernel
func.func @shares_are_returned(%q: tensor<2x8x4xf32>, %k: tensor<2x16x4xf32>, %v: tensor<2x16x4xf32>) -> (tensor<2x8x4xf32>, tensor<2x8x16xf32>) {
  %qv = tiny.view %q by affine_map<(h, q, k, d) -> (h, q, d)> : tensor<2x8x4xf32> -> tensor<2x8x16x4xf32>
  %kv = tiny.view %k by affine_map<(h, q, k, d) -> (h, k, d)> : tensor<2x16x4xf32> -> tensor<2x8x16x4xf32>
  %qk = tiny.mul %qv, %kv : tensor<2x8x16x4xf32>
  %s = tiny.reduce sum %qk [3] : tensor<2x8x16x4xf32> -> tensor<2x8x16xf32>
  %m = tiny.reduce max %s [2] : tensor<2x8x16xf32> -> tensor<2x8xf32>
  %mb = tiny.view %m by affine_map<(h, q, k) -> (h, q)> : tensor<2x8xf32> -> tensor<2x8x16xf32>
  %minus = tiny.const dense<-1.0> : tensor<2x8x16xf32>
  %n = tiny.mul %mb, %minus : tensor<2x8x16xf32>
  %d = tiny.add %s, %n : tensor<2x8x16xf32>
  %e = tiny.exp e %d : tensor<2x8x16xf32>
  %l = tiny.reduce sum %e [2] : tensor<2x8x16xf32> -> tensor<2x8xf32>
  %lb = tiny.view %l by affine_map<(h, q, k) -> (h, q)> : tensor<2x8xf32> -> tensor<2x8x16xf32>
  %p = tiny.div %e, %lb : tensor<2x8x16xf32>
  %pv = tiny.view %p by affine_map<(h, q, w, k) -> (h, q, k)> : tensor<2x8x16xf32> -> tensor<2x8x4x16xf32>
  %vv = tiny.view %v by affine_map<(h, q, w, k) -> (h, k, w)> : tensor<2x16x4xf32> -> tensor<2x8x4x16xf32>
  %po = tiny.mul %pv, %vv : tensor<2x8x4x16xf32>
  %o = tiny.reduce sum %po [3] : tensor<2x8x4x16xf32> -> tensor<2x8x4xf32>
  return %o, %p : tensor<2x8x4xf32>, tensor<2x8x16xf32>
}
