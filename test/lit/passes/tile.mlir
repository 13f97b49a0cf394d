// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(tile)' | FileCheck %s

// Two equal kernels share one function; names and launches stay their own.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-LABEL: func.func @main
  // CHECK: %[[A:.*]] = tiny.launch @relu_0 "relu_0" units 3(%{{.*}}) {bytes = 800 : i64, flops = 100 : i64}
  // CHECK: tiny.launch @relu_0 "relu_1" units 3(%[[A]])
  // CHECK-LABEL: func.func @relu_0
  // CHECK-SAME: (%[[IN:.*]]: memref<100xf32>, %[[OUT:.*]]: memref<100xf32>, %[[UNIT:.*]]: index) attributes {tiny.kernel
  // Whole tiles without masks, then what is left of the last unit with one.
  // CHECK: %[[FROM:.*]] = affine.apply {{.*}}(%[[UNIT]])
  // CHECK: scf.for %[[I:.*]] = %[[FROM]] to
  // CHECK: tiny.load %[[IN]][%[[I]]] by #{{[a-z0-9]+}} : memref<100xf32> -> vector<16xf32>
  // CHECK: tiny.max %{{.*}} : vector<16xf32>
  // CHECK: tiny.store %{{.*}}, %[[OUT]][%[[I]]] by #{{[a-z0-9]+}} : vector<16xf32>
  // CHECK: scf.if
  // CHECK: tiny.load %[[IN]][%c96{{.*}}] by #{{.*}} mask #
  // CHECK: tiny.store %{{.*}} mask #
  // CHECK-NOT: func.func @relu_1
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    %r = tiny.kernel "relu_0" shared 1 schedule <unit = [48], inner = [16], vector = 16> (%x) : (tensor<100xf32>) -> tensor<100xf32> {
    ^bb0(%in: tensor<100xf32>):
      %o = tiny.stage parallel [100] (%in by affine_map<(d0) -> (d0)> : tensor<100xf32>) -> (none tensor<100xf32>) {
      ^bb0(%v: f32):
        %z = tiny.const 0.0 : f32
        %m = tiny.max %v, %z : f32
        tiny.yield %m : f32
      }
      tiny.yield %o : tensor<100xf32>
    }
    %q = tiny.kernel "relu_1" shared 1 schedule <unit = [48], inner = [16], vector = 16> (%r) : (tensor<100xf32>) -> tensor<100xf32> {
    ^bb0(%in: tensor<100xf32>):
      %o = tiny.stage parallel [100] (%in by affine_map<(d0) -> (d0)> : tensor<100xf32>) -> (none tensor<100xf32>) {
      ^bb0(%v: f32):
        %z = tiny.const 0.0 : f32
        %m = tiny.max %v, %z : f32
        tiny.yield %m : f32
      }
      tiny.yield %o : tensor<100xf32>
    }
    return %q : tensor<100xf32>
  }
}

// -----

// A maximum over a row in strips: a partial result of the strip's width, the rest masked to the identity, one reduction
// after the loop; a value between stages goes through a private row buffer.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-LABEL: func.func @centre
  // CHECK: %[[ROW:.*]] = memref.alloca() : memref<1x40xf32>
  // CHECK: %[[LOWEST:.*]] = tiny.const dense<0xFF800000> : vector<1x16xf32>
  // CHECK: %[[PARTIAL:.*]] = scf.for {{.*}} iter_args(%[[ACC:.*]] = %[[LOWEST]]) -> (vector<1x16xf32>)
  // CHECK: tiny.store %{{.*}}, %[[ROW]]
  // CHECK: tiny.max %[[ACC]]
  // CHECK: %[[REST:.*]] = tiny.where
  // CHECK: %[[ALL:.*]] = tiny.max %[[PARTIAL]], %[[REST]]
  // CHECK: %[[MAX:.*]] = tiny.reduce max %[[ALL]] [1] : vector<1x16xf32> -> vector<1xf32>
  // CHECK: scf.for
  // CHECK: tiny.load %[[ROW]]
  // CHECK: tiny.view %[[MAX]] by #{{.*}} : vector<1xf32> -> vector<1x16xf32>
  func.func @main(%x: tensor<4x40xf32>) -> tensor<4x40xf32> {
    %r = tiny.kernel "centre" shared 1 schedule <unit = [1], inner = [1], strip = [16], vector = 16> (%x) : (tensor<4x40xf32>) -> tensor<4x40xf32> {
    ^bb0(%in: tensor<4x40xf32>):
      %e, %m = tiny.stage parallel [4] reduce [40] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<4x40xf32>)
               -> (none tensor<4x40xf32>, max tensor<4xf32>) {
      ^bb0(%v: f32):
        %d = tiny.mul %v, %v : f32
        tiny.yield %d, %d : f32, f32
      }
      %o = tiny.stage parallel [4, 40] (%e by affine_map<(d0, d1) -> (d0, d1)> : tensor<4x40xf32>,
                                        %m by affine_map<(d0, d1) -> (d0)> : tensor<4xf32>) -> (none tensor<4x40xf32>) {
      ^bb0(%v: f32, %max: f32):
        %q = tiny.div %v, %max : f32
        tiny.yield %q : f32
      }
      tiny.yield %o : tensor<4x40xf32>
    }
    return %r : tensor<4x40xf32>
  }
}

// -----

// On a GPU the row fits one strip: no loop and no buffer, and ragged lanes are masked.
module attributes {tiny.target = "nvidia:sm_80"} {
  // CHECK-LABEL: func.func @sum
  // CHECK-NOT: scf.for
  // CHECK-NOT: memref.alloca
  // CHECK: tiny.load %{{.*}} mask #{{.*}} -> vector<1x64xf32>
  // CHECK: tiny.reduce sum %{{.*}} [1] : vector<1x64xf32> -> vector<1xf32>
  func.func @main(%x: tensor<4x40xf32>) -> tensor<4xf32> {
    %r = tiny.kernel "sum" shared 1 schedule <unit = [1], strip = [64], warps = [1, 1], vector = 2> (%x) : (tensor<4x40xf32>) -> tensor<4xf32> {
    ^bb0(%in: tensor<4x40xf32>):
      %s = tiny.stage parallel [4] reduce [40] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<4x40xf32>)
           -> (sum tensor<4xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<4xf32>
    }
    return %r : tensor<4xf32>
  }
}

// -----

// A contraction on a CPU: packed operands, and sums in registers over the whole depth.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-LABEL: func.func @product
  // CHECK-DAG: memref.alloca() : memref<16x{{[0-9]+}}xf32>
  // CHECK-DAG: memref.alloca() : memref<64x32xf32>
  // CHECK-DAG: memref.alloca() : memref<8x32xf32>
  // CHECK: tiny.cast %{{.*}} : vector<1x1x64xf16> to vector<1x1x64xf32>
  // CHECK: scf.for {{.*}} iter_args(%[[SUM:.*]] = %{{.*}}) -> (vector<8x32xf32>)
  // CHECK: vector.contract {{.*}} %[[SUM]] : vector<8x1xf32>, vector<1x32xf32> into vector<8x32xf32>
  // CHECK: tiny.max %{{.*}} : vector<1x32xf32>
  func.func @main(%a: tensor<64x64xf16>, %b: tensor<64x64xf16>) -> tensor<64x64xf32> {
    %c = tiny.kernel "product" shared 2 schedule <unit = [16, 64], inner = [8, 32], strip = [64], instruction = "fma", vector = 16> (%a, %b) : (tensor<64x64xf16>, tensor<64x64xf16>) -> tensor<64x64xf32> {
    ^bb0(%x: tensor<64x64xf16>, %y: tensor<64x64xf16>):
      %s = tiny.stage parallel [64, 64] reduce [64]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<64x64xf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<64x64xf16>) -> (sum tensor<64x64xf32>) {
      ^bb0(%u: f16, %v: f16):
        %p = tiny.cast %u : f16 to f32
        %q = tiny.cast %v : f16 to f32
        %t = tiny.mul %p, %q : f32
        tiny.yield %t : f32
      }
      %o = tiny.stage parallel [64, 64] (%s by affine_map<(d0, d1) -> (d0, d1)> : tensor<64x64xf32>) -> (none tensor<64x64xf32>) {
      ^bb0(%v: f32):
        %z = tiny.const 0.0 : f32
        %m = tiny.max %v, %z : f32
        tiny.yield %m : f32
      }
      tiny.yield %o : tensor<64x64xf32>
    }
    return %c : tensor<64x64xf32>
  }
}

// -----

// A convolution along lines with stride 2 and padding: what the windows of a unit cover is copied once, masked, and
// dealt out to two phases; the loop over the window reads it without masks, and the columns beyond the line's end are
// not stored. The weights are read where they are.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: affine_map<(d0, d1, d2) -> (d1, d2 mod 2, d0 + d2 floordiv 2)>
  // CHECK-LABEL: func.func @conv
  // CHECK-SAME: (%[[IN:.*]]: memref<4x41xf32>, %[[W:.*]]: memref<6x4x3xf32>, %[[OUT:.*]]: memref<6x21xf32>
  // CHECK-DAG: %[[STAGED:.*]] = memref.alloca() : memref<4x2x48xf32>
  // CHECK-DAG: %[[SUMS:.*]] = memref.alloca() : memref<3x1x32xf32>
  // CHECK: %[[LINE:.*]] = tiny.load %[[IN]]{{.*}} mask {{.*}} -> vector<1x1x32xf32>
  // CHECK: %[[EVEN:.*]] = tiny.view %[[LINE]] by {{.*}} : vector<1x1x32xf32> -> vector<1x1x16xf32>
  // CHECK: tiny.store %[[EVEN]], %[[STAGED]]
  // CHECK: %[[ODD:.*]] = tiny.view %[[LINE]] by {{.*}} : vector<1x1x32xf32> -> vector<1x1x16xf32>
  // CHECK: tiny.store %[[ODD]], %[[STAGED]]
  // CHECK: scf.for
  // CHECK: scf.for {{.*}} -> (vector<3x1x32xf32>)
  // CHECK: tiny.load %[[W]]{{.*}} -> vector<1x1x3x1xf32>
  // CHECK: vector.contract
  // CHECK-COUNT-2: vector.contract
  // CHECK-NOT: vector.contract
  // CHECK: tiny.store %{{.*}}, %[[SUMS]]
  // CHECK: tiny.store %{{.*}}, %[[OUT]]{{.*}} mask
  func.func @main(%a: tensor<4x41xf32>, %b: tensor<6x4x3xf32>) -> tensor<6x21xf32> {
    %c = tiny.kernel "conv" shared 2 schedule <unit = [6, 21], inner = [3, 1, 32], strip = [1, 3], instruction = "fma", columns = "window", vector = 16>
         (%a, %b) : (tensor<4x41xf32>, tensor<6x4x3xf32>) -> tensor<6x21xf32> {
    ^bb0(%x: tensor<4x41xf32>, %y: tensor<6x4x3xf32>):
      %s = tiny.stage parallel [6, 21] reduce [4, 3]
           (%x by affine_map<(d0, d1, d2, d3) -> (d2, d1 * 2 + d3 - 1)>
            mask affine_set<(d0, d1, d2, d3) : (d1 * 2 + d3 - 1 >= 0, 41 - d1 * 2 - d3 >= 0)> fill 0.0 : f32 : tensor<4x41xf32>,
            %y by affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)> : tensor<6x4x3xf32>)
           -> (sum tensor<6x21xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<6x21xf32>
    }
    return %c : tensor<6x21xf32>
  }
}

// -----

// With more rows in a tile than there are, the weights are packed, and the rows beyond them are anything.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-LABEL: func.func @conv
  // CHECK-SAME: (%[[IN:.*]]: memref<4x41xf32>, %[[W:.*]]: memref<6x4x3xf32>, %[[OUT:.*]]: memref<6x21xf32>
  // CHECK-DAG: %[[ROWS:.*]] = memref.alloca() : memref<7x80xf32>
  // CHECK-DAG: %[[STAGED:.*]] = memref.alloca() : memref<4x2x48xf32>
  // CHECK-DAG: %[[SUMS:.*]] = memref.alloca() : memref<7x1x32xf32>
  // CHECK: tiny.load %[[W]]
  // CHECK: tiny.store %{{.*}}, %[[ROWS]]
  // CHECK: tiny.load %[[IN]]{{.*}} mask
  // CHECK: tiny.store %{{.*}}, %[[STAGED]]
  // CHECK: scf.for
  // CHECK: scf.for {{.*}} -> (vector<7x1x32xf32>)
  // CHECK-COUNT-3: vector.contract
  // CHECK-NOT: vector.contract
  // CHECK: tiny.store %{{.*}}, %[[SUMS]]
  // CHECK: tiny.store %{{.*}}, %[[OUT]]{{.*}} mask
  func.func @main(%a: tensor<4x41xf32>, %b: tensor<6x4x3xf32>) -> tensor<6x21xf32> {
    %c = tiny.kernel "conv" shared 2 schedule <unit = [6, 21], inner = [7, 1, 32], strip = [1, 3], instruction = "fma", columns = "window", vector = 16>
         (%a, %b) : (tensor<4x41xf32>, tensor<6x4x3xf32>) -> tensor<6x21xf32> {
    ^bb0(%x: tensor<4x41xf32>, %y: tensor<6x4x3xf32>):
      %s = tiny.stage parallel [6, 21] reduce [4, 3]
           (%x by affine_map<(d0, d1, d2, d3) -> (d2, d1 * 2 + d3 - 1)>
            mask affine_set<(d0, d1, d2, d3) : (d1 * 2 + d3 - 1 >= 0, 41 - d1 * 2 - d3 >= 0)> fill 0.0 : f32 : tensor<4x41xf32>,
            %y by affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)> : tensor<6x4x3xf32>)
           -> (sum tensor<6x21xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<6x21xf32>
    }
    return %c : tensor<6x21xf32>
  }
}

// -----

// Lines of 7 are short for a register of 16: they stand 9 apart, and the columns of a tile run on over the gaps. Each
// line is stored by itself.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: affine_map<(d0, d1, d2, d3, d4) -> (d2, 0, 0, d1 + d3 * 9 + d4)>
  // CHECK-LABEL: func.func @plane
  // CHECK-SAME: (%[[IN:.*]]: memref<8x7x7xf32>, %[[W:.*]]: memref<6x8x3x3xf32>, %[[OUT:.*]]: memref<6x7x7xf32>
  // CHECK-DAG: %[[STAGED:.*]] = memref.alloca() : memref<8x1x1x88xf32>
  // CHECK-DAG: %[[SUMS:.*]] = memref.alloca() : memref<6x1x72xf32>
  // CHECK: tiny.load %[[IN]]{{.*}} mask
  // CHECK: tiny.store %{{.*}}, %[[STAGED]]
  // CHECK: scf.for %{{.*}} = %{{.*}} to %c61{{.*}} step %c32
  // CHECK: vector.contract
  // CHECK: tiny.store %{{.*}}, %[[SUMS]]
  // CHECK: scf.for %{{.*}} = %{{.*}} to %c7
  // CHECK: tiny.load %[[SUMS]]{{.*}} -> vector<1x1x8xf32>
  // CHECK: tiny.store %{{.*}}, %[[OUT]]{{.*}} mask
  func.func @main(%a: tensor<8x7x7xf32>, %b: tensor<6x8x3x3xf32>) -> tensor<6x7x7xf32> {
    %c = tiny.kernel "plane" shared 3 schedule <unit = [6, 7, 7], inner = [6, 1, 32], strip = [1, 1, 3], instruction = "fma", columns = "plane", vector = 16>
         (%a, %b) : (tensor<8x7x7xf32>, tensor<6x8x3x3xf32>) -> tensor<6x7x7xf32> {
    ^bb0(%x: tensor<8x7x7xf32>, %y: tensor<6x8x3x3xf32>):
      %s = tiny.stage parallel [6, 7, 7] reduce [8, 3, 3]
           (%x by affine_map<(d0, d1, d2, d3, d4, d5) -> (d3, d1 + d4 - 1, d2 + d5 - 1)>
            mask affine_set<(d0, d1, d2, d3, d4, d5) : (d1 + d4 - 1 >= 0, 7 - d1 - d4 >= 0, d2 + d5 - 1 >= 0, 7 - d2 - d5 >= 0)>
            fill 0.0 : f32 : tensor<8x7x7xf32>,
            %y by affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d4, d5)> : tensor<6x8x3x3xf32>)
           -> (sum tensor<6x7x7xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<6x7x7xf32>
    }
    return %c : tensor<6x7x7xf32>
  }
}

// -----

// A sum of 100 rows in blocks of eight: each starts at zero, and is added as one; so is the rest.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-LABEL: func.func @columns
  // CHECK: %[[SUM:.*]] = scf.for %[[BLOCK:.*]] = %c0{{.*}} to %c96{{.*}} step %c8{{.*}} iter_args(%[[ALL:.*]] = %{{.*}}) -> (vector<16x1xf32>)
  // CHECK: %[[END:.*]] = arith.addi %[[BLOCK]], %c8
  // CHECK: %[[ZERO:.*]] = tiny.const dense<0.000000e+00>
  // CHECK: %[[PART:.*]] = scf.for %{{.*}} = %[[BLOCK]] to %[[END]] step %c1{{.*}} iter_args(%[[CHAIN:.*]] = %[[ZERO]])
  // CHECK: tiny.add %[[CHAIN]]
  // CHECK: tiny.add %[[ALL]], %[[PART]]
  // CHECK: %[[REST:.*]] = scf.for %{{.*}} = %c96{{.*}} to %c100
  // CHECK: tiny.add %[[SUM]], %[[REST]]
  func.func @main(%x: tensor<100x16xf32>) -> tensor<16xf32> {
    %r = tiny.kernel "columns" shared 1 schedule <unit = [16], inner = [16], strip = [1], vector = 16> (%x) : (tensor<100x16xf32>) -> tensor<16xf32> {
    ^bb0(%in: tensor<100x16xf32>):
      %o = tiny.stage parallel [16] reduce [100] (%in by affine_map<(d0, d1) -> (d1, d0)> : tensor<100x16xf32>) -> (sum tensor<16xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %o : tensor<16xf32>
    }
    return %r : tensor<16xf32>
  }
}
