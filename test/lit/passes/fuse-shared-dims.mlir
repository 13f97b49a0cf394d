// RUN: tinyc-opt %s --pass-pipeline='builtin.module(func.func(simplify,fuse))' | FileCheck %s

// The gather stands in a kernel cut along its first dimension only; the maximum keeps two of its dimensions, and the kernel
// cannot be cut along the second, which the indices do not have: the maximum is a kernel of its own.
// CHECK: tiny.kernel "max_mul_add_1" shared 1
// CHECK: tiny.stage parallel [4, 19, 37]
// CHECK: tiny.kernel "max_2" shared 2
func.func @main(%arg0: tensor<19x74xf32>, %arg1: tensor<74xf32>, %arg2: tensor<2x19x37xf32>) -> (tensor<4x19xf32>, tensor<4x19x37xf32>) {
  %0 = tiny.view %arg1 by affine_map<(d0, d1, d2) -> (d0)> : tensor<74xf32> -> tensor<2x19x37xf32>
  %1 = tiny.mul %arg2, %0 : tensor<2x19x37xf32>
  %2 = tiny.const dense<-1.000000e+00> : tensor<2x19x37xf32>
  %3 = tiny.const dense<-4.000000e+00> : tensor<2x19x37xf32>
  %4 = tiny.max %1, %3 : tensor<2x19x37xf32>
  %5 = tiny.mul %4, %2 : tensor<2x19x37xf32>
  %6 = tiny.const dense<-4.000000e+00> : tensor<2x19x37xf32>
  %7 = tiny.max %5, %6 : tensor<2x19x37xf32>
  %8 = tiny.mul %7, %2 : tensor<2x19x37xf32>
  %9 = tiny.view %arg0 by affine_map<(d0, d1, d2) -> (d0, d1)> : tensor<19x74xf32> -> tensor<2x19x37xf32>
  %10:2 = tiny.loop 4 carry(%arg2, %9) use(%8) : (tensor<2x19x37xf32>, tensor<2x19x37xf32>, tensor<2x19x37xf32>) -> (tensor<2x19x37xf32>, tensor<2x19x37xf32>) {
  ^bb0(%arg3: tensor<i64>, %arg4: tensor<2x19x37xf32>, %arg5: tensor<2x19x37xf32>, %arg6: tensor<2x19x37xf32>):
    %29 = tiny.view %arg6 by affine_map<(d0, d1, d2) -> (d0, d1, d2)> : tensor<2x19x37xf32> -> tensor<2x19x37xf32>
    %30 = tiny.add %arg4, %29 : tensor<2x19x37xf32>
    %31 = tiny.const dense<-1.000000e+00> : tensor<2x19x37xf32>
    %32 = tiny.const dense<-4.000000e+00> : tensor<2x19x37xf32>
    %33 = tiny.max %30, %32 : tensor<2x19x37xf32>
    %34 = tiny.mul %33, %31 : tensor<2x19x37xf32>
    %35 = tiny.const dense<-4.000000e+00> : tensor<2x19x37xf32>
    %36 = tiny.max %34, %35 : tensor<2x19x37xf32>
    %37 = tiny.mul %36, %31 : tensor<2x19x37xf32>
    %38 = tiny.const dense<true> : tensor<i1>
    %39 = tiny.max %arg5, %arg4 : tensor<2x19x37xf32>
    tiny.yield %38, %37, %39 : tensor<i1>, tensor<2x19x37xf32>, tensor<2x19x37xf32>
  }
  %11 = tiny.view %8 by affine_map<(d0) -> (d0, 0, 0)> mask affine_set<(d0) : (-d0 + 1 >= 0)> fill 0.000000e+00 : f32 : tensor<2x19x37xf32> -> tensor<4xf32>
  %12 = tiny.const dense<-1.000000e+00> : tensor<4xf32>
  %13 = tiny.const dense<-4.000000e+00> : tensor<4xf32>
  %14 = tiny.max %11, %13 : tensor<4xf32>
  %15 = tiny.mul %14, %12 : tensor<4xf32>
  %16 = tiny.const dense<-4.000000e+00> : tensor<4xf32>
  %17 = tiny.max %15, %16 : tensor<4xf32>
  %18 = tiny.mul %17, %12 : tensor<4xf32>
  %19 = tiny.const dense<0.000000e+00> : tensor<4xf32>
  %20 = tiny.add %18, %19 : tensor<4xf32>
  %21 = tiny.cast %20 : tensor<4xf32> to tensor<4xi32>
  %22 = tiny.gather %10#1[%21] dim 0 otherwise 2.000000e+00 : f32 : tensor<2x19x37xf32>, tensor<4xi32> -> tensor<4x19x37xf32>
  %23 = tiny.reduce  sum %8 [0, 1, 2] : tensor<2x19x37xf32> -> tensor<f32>
  %24 = tiny.const dense<-3.000000e+00> : tensor<f32>
  %25 = tiny.cmplt %23, %24 : tensor<f32>
  %26 = tiny.cond %25(%8) : (tensor<2x19x37xf32>) -> tensor<2x19x37xf32> {
  ^bb0(%arg3: tensor<2x19x37xf32>):
    tiny.yield %arg3 : tensor<2x19x37xf32>
  } else {
  ^bb0(%arg3: tensor<2x19x37xf32>):
    %29 = tiny.const dense<1.000000e+00> : tensor<2x19x37xf32>
    %30 = tiny.max %arg3, %29 : tensor<2x19x37xf32>
    tiny.yield %30 : tensor<2x19x37xf32>
  }
  %27 = tiny.view %22 by affine_map<(d0, d1) -> (((d0 + d1) floordiv 703) mod 4, ((d0 + d1) floordiv 37) mod 19, (d0 + d1) mod 37)> : tensor<4x19x37xf32> -> tensor<2812x1xf32>
  %28 = tiny.reduce  max %22 [2] : tensor<4x19x37xf32> -> tensor<4x19xf32>
  return %28, %22 : tensor<4x19xf32>, tensor<4x19x37xf32>
}
