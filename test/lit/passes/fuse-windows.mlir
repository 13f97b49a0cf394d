// RUN: tinyc-opt %s -split-input-file --fuse-windows=remarks=true 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: tinyc-opt %s -split-input-file --fuse-windows | FileCheck %s
// RUN: tinyc-opt %s -split-input-file --fuse-windows --schedule --tile --prove-bounds | FileCheck %s --check-prefix=TILED
// RUN: sed -e 's/cpu:x86-64-v4/nvidia:sm_80/' %s | tinyc-opt -split-input-file --fuse-windows | FileCheck %s --check-prefix=GPU

// A pooling whose windows overlap. Images and channels are shared; the schedule cuts along the pooling's lines, of which
// each unit keeps what it needs: 11 lines for 5, so that a tenth is computed twice.
// REMARK: remark: fused with conv_relu_0: saves 6308352 bytes
// CHECK-LABEL: func.func @overlapping
// CHECK: %[[R:.*]] = tiny.kernel "conv_relu_maxpool_1" shared 2(%arg0, %arg1)
// CHECK: %[[S:.*]] = tiny.stage parallel [1, 64, 111, 111] reduce [3, 3, 3]
// CHECK: %[[E:.*]] = tiny.stage parallel [1, 64, 111, 111] (%[[S]]
// CHECK: %[[M:.*]] = tiny.stage parallel [1, 64, 55, 55] reduce [3, 3] (%[[E]]
// CHECK: tiny.yield %[[M]]
// CHECK: return %[[R]]
// TILED-LABEL: func.func @overlapping
// TILED: tiny.launch @conv_relu_maxpool_1 "conv_relu_maxpool_1" units 11(%arg0, %arg1)
// TILED: func.func @conv_relu_maxpool_1
// TILED-SAME: unit = [1, 64, 5]
// TILED: memref.alloca() : memref<1x64x12x112xf32>
// GPU-LABEL: func.func @overlapping
// GPU: tiny.kernel "conv_relu_0"
// GPU: tiny.kernel "maxpool_1"
module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @overlapping(%x: tensor<1x3x224x224xf32>, %w: tensor<64x3x3x3xf32>) -> tensor<1x64x55x55xf32> {
    %0 = tiny.kernel "conv_relu_0" shared 4 (%x, %w) : (tensor<1x3x224x224xf32>, tensor<64x3x3x3xf32>) -> tensor<1x64x111x111xf32> {
    ^bb0(%a: tensor<1x3x224x224xf32>, %b: tensor<64x3x3x3xf32>):
      %s = tiny.stage parallel [1, 64, 111, 111] reduce [3, 3, 3]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 * 2 + d5, d3 * 2 + d6)> : tensor<1x3x224x224xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)> : tensor<64x3x3x3xf32>) -> (sum tensor<1x64x111x111xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      %r = tiny.stage parallel [1, 64, 111, 111] (%s by affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)> : tensor<1x64x111x111xf32>) -> (none tensor<1x64x111x111xf32>) {
      ^bb0(%u: f32):
        %zero = tiny.const 0.0 : f32
        %m = tiny.max %u, %zero : f32
        tiny.yield %m : f32
      }
      tiny.yield %r : tensor<1x64x111x111xf32>
    }
    %1 = tiny.kernel "maxpool_1" shared 4 (%0) : (tensor<1x64x111x111xf32>) -> tensor<1x64x55x55xf32> {
    ^bb0(%a: tensor<1x64x111x111xf32>):
      %m = tiny.stage parallel [1, 64, 55, 55] reduce [3, 3]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2 * 2 + d4, d3 * 2 + d5)> : tensor<1x64x111x111xf32>) -> (max tensor<1x64x55x55xf32>) {
      ^bb0(%u: f32):
        tiny.yield %u : f32
      }
      tiny.yield %m : tensor<1x64x55x55xf32>
    }
    return %1 : tensor<1x64x55x55xf32>
  }
}

// -----

// Windows of 9 lines, one line apart: of 4,000 channels' lines not enough fit for few to be computed twice.
// REMARK: remark: not fused with conv_0: a unit cannot keep the lines of it that it would need, few units would be left, or too many lines would be computed twice
// CHECK-LABEL: func.func @costly
// CHECK: tiny.kernel "conv_0" shared 4
// CHECK: tiny.kernel "maxpool_1" shared 4
module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @costly(%x: tensor<1x8x402x4002xf32>, %w: tensor<8x8x3x3xf32>) -> tensor<1x8x392x3992xf32> {
    %0 = tiny.kernel "conv_0" shared 4 (%x, %w) : (tensor<1x8x402x4002xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x400x4000xf32> {
    ^bb0(%a: tensor<1x8x402x4002xf32>, %b: tensor<8x8x3x3xf32>):
      %s = tiny.stage parallel [1, 8, 400, 4000] reduce [8, 3, 3]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)> : tensor<1x8x402x4002xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)> : tensor<8x8x3x3xf32>) -> (sum tensor<1x8x400x4000xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<1x8x400x4000xf32>
    }
    %1 = tiny.kernel "maxpool_1" shared 4 (%0) : (tensor<1x8x400x4000xf32>) -> tensor<1x8x392x3992xf32> {
    ^bb0(%a: tensor<1x8x400x4000xf32>):
      %m = tiny.stage parallel [1, 8, 392, 3992] reduce [9, 9]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2 + d4, d3 + d5)> : tensor<1x8x400x4000xf32>) -> (max tensor<1x8x392x3992xf32>) {
      ^bb0(%u: f32):
        tiny.yield %u : f32
      }
      tiny.yield %m : tensor<1x8x392x3992xf32>
    }
    return %1 : tensor<1x8x392x3992xf32>
  }
}

// -----

// A sum's order would change; and what else reads the convolution needs all of it.
// REMARK: remark: not fused with conv_0: the order of its sum would change
// CHECK-LABEL: func.func @ordered
// CHECK: tiny.kernel "conv_0"
// CHECK: tiny.kernel "sum_1"
// CHECK: tiny.kernel "conv_2" shared 3
// CHECK: tiny.kernel "maxpool_3"
module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @ordered(%x: tensor<1x8x64xf32>, %w: tensor<8x8x3xf32>) -> (tensor<1x8x31xf32>, tensor<1x8x62xf32>, tensor<1x8x31xf32>) {
    %0 = tiny.kernel "conv_0" shared 3 (%x, %w) : (tensor<1x8x64xf32>, tensor<8x8x3xf32>) -> tensor<1x8x62xf32> {
    ^bb0(%a: tensor<1x8x64xf32>, %b: tensor<8x8x3xf32>):
      %s = tiny.stage parallel [1, 8, 62] reduce [8, 3] (%a by affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, d2 + d4)> : tensor<1x8x64xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4) -> (d1, d3, d4)> : tensor<8x8x3xf32>) -> (sum tensor<1x8x62xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<1x8x62xf32>
    }
    %1 = tiny.kernel "sum_1" shared 3 (%0) : (tensor<1x8x62xf32>) -> tensor<1x8x31xf32> {
    ^bb0(%a: tensor<1x8x62xf32>):
      %m = tiny.stage parallel [1, 8, 31] reduce [2] (%a by affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 * 2 + d3)> : tensor<1x8x62xf32>) -> (sum tensor<1x8x31xf32>) {
      ^bb0(%u: f32):
        tiny.yield %u : f32
      }
      tiny.yield %m : tensor<1x8x31xf32>
    }
    %2 = tiny.kernel "conv_2" shared 3 (%x, %w) : (tensor<1x8x64xf32>, tensor<8x8x3xf32>) -> tensor<1x8x62xf32> {
    ^bb0(%a: tensor<1x8x64xf32>, %b: tensor<8x8x3xf32>):
      %s = tiny.stage parallel [1, 8, 62] reduce [8, 3] (%a by affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, d2 + d4)> : tensor<1x8x64xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4) -> (d1, d3, d4)> : tensor<8x8x3xf32>) -> (sum tensor<1x8x62xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<1x8x62xf32>
    }
    %3 = tiny.kernel "maxpool_3" shared 3 (%2) : (tensor<1x8x62xf32>) -> tensor<1x8x31xf32> {
    ^bb0(%a: tensor<1x8x62xf32>):
      %m = tiny.stage parallel [1, 8, 31] reduce [2] (%a by affine_map<(d0, d1, d2, d3) -> (d0, d1, d2 * 2 + d3)> : tensor<1x8x62xf32>) -> (max tensor<1x8x31xf32>) {
      ^bb0(%u: f32):
        tiny.yield %u : f32
      }
      tiny.yield %m : tensor<1x8x31xf32>
    }
    return %1, %2, %3 : tensor<1x8x31xf32>, tensor<1x8x62xf32>, tensor<1x8x31xf32>
  }
}

// -----

// A pooling over whole lines: the result is one column, and a unit has few of its rows. A vector along them would
// reach into the next unit's, of which nothing is kept; one along the window does not.
// REMARK: remark: fused with conv_0: saves
// CHECK-LABEL: func.func @whole_lines
// CHECK: tiny.kernel "conv_maxpool_1" shared 2
// TILED-LABEL: func.func @whole_lines
// TILED: func.func @conv_maxpool_1
// TILED-SAME: unit = [1, 32, 3]
// TILED: tiny.reduce max %{{.*}} [4, 5] : vector<1x1x1x1x1x64xf32> -> vector<1x1x1x1xf32>
module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @whole_lines(%x: tensor<1x32x258x66xf32>, %w: tensor<32x32x3x3xf32>) -> tensor<1x32x128x1xf32> {
    %0 = tiny.kernel "conv_0" shared 4 (%x, %w) : (tensor<1x32x258x66xf32>, tensor<32x32x3x3xf32>) -> tensor<1x32x256x64xf32> {
    ^bb0(%a: tensor<1x32x258x66xf32>, %b: tensor<32x32x3x3xf32>):
      %s = tiny.stage parallel [1, 32, 256, 64] reduce [32, 3, 3]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)> : tensor<1x32x258x66xf32>,
            %b by affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)> : tensor<32x32x3x3xf32>) -> (sum tensor<1x32x256x64xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<1x32x256x64xf32>
    }
    %1 = tiny.kernel "maxpool_1" shared 4 (%0) : (tensor<1x32x256x64xf32>) -> tensor<1x32x128x1xf32> {
    ^bb0(%a: tensor<1x32x256x64xf32>):
      %m = tiny.stage parallel [1, 32, 128, 1] reduce [2, 64]
           (%a by affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2 * 2 + d4, d3 + d5)> : tensor<1x32x256x64xf32>) -> (max tensor<1x32x128x1xf32>) {
      ^bb0(%u: f32):
        tiny.yield %u : f32
      }
      tiny.yield %m : tensor<1x32x128x1xf32>
    }
    return %1 : tensor<1x32x128x1xf32>
  }
}
