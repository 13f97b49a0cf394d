// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(schedule,pack-weights)' | FileCheck %s
// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(schedule,pack-weights,mark-init,tile,prove-bounds)' | FileCheck %s --check-prefix=TILED

// Columns of 100 are four panels of 32, converted, of which the last one is filled up with zeros. The product reads them
// there: nothing but the rows is packed by a run.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-DAG: #[[IN:.*]] = affine_map<(d0, d1, d2) -> (d1, d0 * 32 + d2)>
  // CHECK-DAG: #[[SET:.*]] = affine_set<(d0, d1, d2) : (-(d0 * 32 + d2) + 99 >= 0)>
  // CHECK-DAG: #[[PANEL:.*]] = affine_map<(d0, d1, d2) -> (d1 floordiv 32, d2, d1 mod 32)>
  // CHECK: %[[W:.*]] = tiny.param "w"
  // CHECK: %[[P:.*]] = tiny.kernel "pack_matmul_0" shared 3 schedule {{.*}}(%[[W]]) : (tensor<64x100xf16>) -> tensor<4x64x32xf32>
  // CHECK: tiny.stage parallel [4, 64, 32] (%{{.*}} by #[[IN]] mask #[[SET]] fill 0.{{.*}} : tensor<64x100xf16>)
  // CHECK: tiny.cast %{{.*}} : f16 to f32
  // CHECK: tiny.kernel "matmul_0" {{.*}}(%{{.*}}, %[[P]]) : (tensor<70x64xf32>, tensor<4x64x32xf32>)
  // CHECK: %{{.*}} by #[[PANEL]] : tensor<4x64x32xf32>
  // CHECK-NOT: tiny.cast
  // CHECK: return
  // TILED: tiny.launch @pack_matmul_0 {{.*}}tiny.init =
  // TILED: tiny.launch @matmul_0
  // TILED-NOT: tiny.init
  // TILED: func.func @matmul_0(%{{.*}}: memref<70x64xf32>, %[[P:.*]]: memref<4x64x32xf32>
  // TILED-COUNT-2: memref.alloca
  // TILED-NOT: memref.alloca
  // TILED: tiny.load %[[P]]
  func.func @main(%x: tensor<70x64xf32>) -> tensor<70x100xf32> {
    %w = tiny.param "w" "1111111111111111111111111111111111111111111111111111111111111111" : tensor<64x100xf16>
    %r = tiny.kernel "matmul_0" shared 2 (%x, %w) : (tensor<70x64xf32>, tensor<64x100xf16>) -> tensor<70x100xf32> {
    ^bb0(%a: tensor<70x64xf32>, %b: tensor<64x100xf16>):
      %s = tiny.stage parallel [70, 100] reduce [64] (%a by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<70x64xf32>,
                                                      %b by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<64x100xf16>)
           -> (sum tensor<70x100xf32>) {
      ^bb0(%u: f32, %v: f16):
        %c = tiny.cast %v : f16 to f32
        %p = tiny.mul %u, %c : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<70x100xf32>
    }
    return %r : tensor<70x100xf32>
  }
}

// -----

// A convolution's weights of another type are rows: a row is the flattened sum, and rows stand an odd number of cache lines apart. Two
// kernels that read the same weight read the same packed one.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-DAG: affine_map<(d0, d1) -> (d0, d1 floordiv 9, (d1 floordiv 3) mod 3, d1 mod 3)>
  // CHECK-DAG: affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4 * 9 + d5 * 3 + d6)>
  // CHECK: %[[P:.*]] = tiny.kernel "pack_conv_0" shared 2 {{.*}} -> tensor<{{.*}}x80xf32>
  // CHECK-NOT: "pack_conv_1"
  // CHECK: tiny.kernel "conv_0" {{.*}}(%{{.*}}, %[[P]])
  // CHECK: tiny.kernel "conv_1" {{.*}}(%{{.*}}, %[[P]])
  func.func @main(%x: tensor<1x8x32x32xf32>) -> (tensor<1x8x30x30xf32>, tensor<1x8x30x30xf32>) {
    %w = tiny.param "w" "1111111111111111111111111111111111111111111111111111111111111111" : tensor<8x8x3x3xf16>
    %0 = tiny.kernel "conv_0" shared 4 (%x, %w) : (tensor<1x8x32x32xf32>, tensor<8x8x3x3xf16>) -> tensor<1x8x30x30xf32> {
    ^bb0(%a: tensor<1x8x32x32xf32>, %b: tensor<8x8x3x3xf16>):
      %s = tiny.stage parallel [1, 8, 30, 30] reduce [8, 3, 3]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)> : tensor<1x8x32x32xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)> : tensor<8x8x3x3xf16>)
           -> (sum tensor<1x8x30x30xf32>) {
      ^bb0(%u: f32, %h: f16):
        %v = tiny.cast %h : f16 to f32
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<1x8x30x30xf32>
    }
    %1 = tiny.kernel "conv_1" shared 4 (%0, %w) : (tensor<1x8x30x30xf32>, tensor<8x8x3x3xf16>) -> tensor<1x8x30x30xf32> {
    ^bb0(%a: tensor<1x8x30x30xf32>, %b: tensor<8x8x3x3xf16>):
      %s = tiny.stage parallel [1, 8, 30, 30] reduce [8, 3, 3]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5 - 1, d3 + d6 - 1)>
              mask affine_set<(d0, d1, d2, d3, d4, d5, d6) : (d2 + d5 - 1 >= 0, -d2 - d5 + 30 >= 0, d3 + d6 - 1 >= 0, -d3 - d6 + 30 >= 0)>
              fill 0.0 : f32 : tensor<1x8x30x30xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)> : tensor<8x8x3x3xf16>)
           -> (sum tensor<1x8x30x30xf32>) {
      ^bb0(%u: f32, %h: f16):
        %v = tiny.cast %h : f16 to f32
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<1x8x30x30xf32>
    }
    return %0, %1 : tensor<1x8x30x30xf32>, tensor<1x8x30x30xf32>
  }
}

// -----

// Weights that lie in the order of the sum are read where they are.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-NOT: "pack
  // CHECK: tiny.kernel "conv_0" {{.*}}(tensor<1x8x32x32xf32>, tensor<8x8x3x3xf32>)
  func.func @main(%x: tensor<1x8x32x32xf32>) -> tensor<1x8x30x30xf32> {
    %w = tiny.param "w" "1111111111111111111111111111111111111111111111111111111111111111" : tensor<8x8x3x3xf32>
    %0 = tiny.kernel "conv_0" shared 4 (%x, %w) : (tensor<1x8x32x32xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x30x30xf32> {
    ^bb0(%a: tensor<1x8x32x32xf32>, %b: tensor<8x8x3x3xf32>):
      %s = tiny.stage parallel [1, 8, 30, 30] reduce [8, 3, 3]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)> : tensor<1x8x32x32xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)> : tensor<8x8x3x3xf32>)
           -> (sum tensor<1x8x30x30xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<1x8x30x30xf32>
    }
    return %0 : tensor<1x8x30x30xf32>
  }
}

// -----

// What a caller gives cannot be packed once, and a GPU packs nothing.
module attributes {tiny.target = "nvidia:sm_80"} {
  // CHECK-NOT: "pack
  // CHECK: return
  func.func @main(%x: tensor<70x64xf32>) -> tensor<70x100xf32> {
    %w = tiny.param "w" "1111111111111111111111111111111111111111111111111111111111111111" : tensor<64x100xf32>
    %r = tiny.kernel "matmul_0" shared 2 (%x, %w) : (tensor<70x64xf32>, tensor<64x100xf32>) -> tensor<70x100xf32> {
    ^bb0(%a: tensor<70x64xf32>, %b: tensor<64x100xf32>):
      %s = tiny.stage parallel [70, 100] reduce [64] (%a by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<70x64xf32>,
                                                      %b by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<64x100xf32>)
           -> (sum tensor<70x100xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<70x100xf32>
    }
    return %r : tensor<70x100xf32>
  }
}
