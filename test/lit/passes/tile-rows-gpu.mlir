// A row that two stages read goes to shared memory in strips, and from there to the second stage; one that is held in
// one strip is loaded once.
//
// RUN: tinyc-opt %s --schedule --tile | FileCheck %s

// CHECK-LABEL: func.func @long_0
// CHECK-SAME: strip = [4096]
// CHECK: %[[ROW:.*]] = memref.alloca() : memref<1x12288xf32, #gpu.address_space<workgroup>>
// CHECK: scf.for
// CHECK: %[[STRIP:.*]] = tiny.load %arg0
// CHECK: tiny.store %[[STRIP]], %[[ROW]]
// CHECK: tiny.reduce max
// CHECK: scf.for
// CHECK-NOT: %arg0
// CHECK: tiny.load %[[ROW]]
// CHECK: tiny.store %{{.*}}, %arg1
// CHECK: return

// CHECK-LABEL: func.func @short_0
// CHECK: tiny.load %arg0
// CHECK-NOT: tiny.load
// CHECK: return
module attributes {tiny.target = "nvidia:sm_80"} {
  func.func @main(%a: tensor<2x12000xf32>, %b: tensor<2x1000xf32>) -> (tensor<2x12000xf32>, tensor<2x1000xf32>) {
    %r = tiny.kernel "long_0" shared 1 (%a) : (tensor<2x12000xf32>) -> tensor<2x12000xf32> {
    ^bb0(%x: tensor<2x12000xf32>):
      %m = tiny.stage parallel [2] reduce [12000] (%x by affine_map<(i, j) -> (i, j)> : tensor<2x12000xf32>)
          -> (max tensor<2xf32>) {
      ^bb0(%u: f32):
        tiny.yield %u : f32
      }
      %y = tiny.stage parallel [2, 12000] (%x by affine_map<(i, j) -> (i, j)> : tensor<2x12000xf32>,
                                           %m by affine_map<(i, j) -> (i)> : tensor<2xf32>)
          -> (none tensor<2x12000xf32>) {
      ^bb0(%u: f32, %v: f32):
        %q = tiny.div %u, %v : f32
        tiny.yield %q : f32
      }
      tiny.yield %y : tensor<2x12000xf32>
    }
    %s = tiny.kernel "short_0" shared 1 (%b) : (tensor<2x1000xf32>) -> tensor<2x1000xf32> {
    ^bb0(%x: tensor<2x1000xf32>):
      %m = tiny.stage parallel [2] reduce [1000] (%x by affine_map<(i, j) -> (i, j)> : tensor<2x1000xf32>)
          -> (max tensor<2xf32>) {
      ^bb0(%u: f32):
        tiny.yield %u : f32
      }
      %y = tiny.stage parallel [2, 1000] (%x by affine_map<(i, j) -> (i, j)> : tensor<2x1000xf32>,
                                          %m by affine_map<(i, j) -> (i)> : tensor<2xf32>)
          -> (none tensor<2x1000xf32>) {
      ^bb0(%u: f32, %v: f32):
        %q = tiny.div %u, %v : f32
        tiny.yield %q : f32
      }
      tiny.yield %y : tensor<2x1000xf32>
    }
    return %r, %s : tensor<2x12000xf32>, tensor<2x1000xf32>
  }
}
