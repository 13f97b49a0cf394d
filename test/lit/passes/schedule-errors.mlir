// RUN: tinyc-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(schedule)'

// expected-error @below {{expected the module attribute 'tiny.target' that names the chip, found none}}
module {
}

// -----

// expected-error @below {{no chip called 'cpu:z80': expected one of}}
module attributes {tiny.target = "cpu:z80"} {
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: expected 1 numbers in 'unit' (one a shared dimension), found 2}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [1, 1], inner = [1], strip = [64], vector = 16> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: expected positive sizes in 'strip', found 0}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [1], inner = [1], strip = [0], vector = 16> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v3"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: vector = 16 elements of 4 bytes exceed cpu:x86-64-v3's vector registers of 32 bytes}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [1], inner = [1], strip = [64], vector = 16> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v3"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: cpu:x86-64-v3 has no warps; found warps = [1, 4]}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [1], inner = [1], strip = [64], warps = [1, 4], vector = 8> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v3"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: expected units that are multiples of 'inner', found unit = [3], inner = [2]}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [3], inner = [2], strip = [64], vector = 8> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: warps = [1, 64] are 2048 threads; a block of nvidia:sm_80 has at most 1024}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [1], strip = [1024], warps = [1, 64], vector = 4> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: expected tile sizes that are powers of two, found 1000}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [1], strip = [1000], warps = [1, 4], vector = 4> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    // expected-error @below {{schedule: one tile takes 512 registers of each lane; nvidia:sm_80 has 255}}
    %r = tiny.kernel "row" shared 1 schedule <unit = [8], strip = [8192], warps = [1, 4], vector = 4> (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
    ^bb0(%in: tensor<8x1000xf32>):
      %s = tiny.stage parallel [8] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x1000xf32>)
           -> (sum tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<8xf32>
    }
    return %r : tensor<8xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<64x64xf16>, %b: tensor<64x64xf16>) -> tensor<64x64xf32> {
    // expected-error @below {{schedule: inner = [16, 32] needs 35 vector registers; cpu:x86-64-v4 has 32}}
    %c = tiny.kernel "product" shared 2 schedule <unit = [64, 64], inner = [16, 32], strip = [64], instruction = "fma", vector = 16> (%a, %b) : (tensor<64x64xf16>, tensor<64x64xf16>) -> tensor<64x64xf32> {
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
      tiny.yield %s : tensor<64x64xf32>
    }
    return %c : tensor<64x64xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<64x64xf16>, %b: tensor<64x64xf16>) -> tensor<64x64xf32> {
    // expected-error @below {{schedule: cpu:x86-64-v4 has no instruction 'wmma'; it has fma}}
    %c = tiny.kernel "product" shared 2 schedule <unit = [64, 64], inner = [8, 32], strip = [64], instruction = "wmma", vector = 16> (%a, %b) : (tensor<64x64xf16>, tensor<64x64xf16>) -> tensor<64x64xf32> {
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
      tiny.yield %s : tensor<64x64xf32>
    }
    return %c : tensor<64x64xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<64x64xf16>, %b: tensor<64x64xf16>) -> tensor<64x64xf32> {
    // expected-error @below {{schedule: expected a unit's 48 columns to be a multiple of the micro-tile's 32}}
    %c = tiny.kernel "product" shared 2 schedule <unit = [64, 48], inner = [8, 32], strip = [64], instruction = "fma", vector = 16> (%a, %b) : (tensor<64x64xf16>, tensor<64x64xf16>) -> tensor<64x64xf32> {
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
      tiny.yield %s : tensor<64x64xf32>
    }
    return %c : tensor<64x64xf32>
  }
}

// -----

module attributes {tiny.target = "amd:gfx1100"} {
  func.func @main(%a: tensor<64x64xf16>, %b: tensor<64x64xf16>) -> tensor<64x64xf32> {
    // expected-error @below {{schedule: pipeline = 5 tiles take 81920 bytes of shared memory; a block of amd:gfx1100 has 65536}}
    %c = tiny.kernel "product" shared 2 schedule <unit = [64, 64], inner = [32, 32], strip = [64], warps = [2, 2, 1], instruction = "fma", pipeline = 5, vector = 8> (%a, %b) : (tensor<64x64xf16>, tensor<64x64xf16>) -> tensor<64x64xf32> {
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
      tiny.yield %s : tensor<64x64xf32>
    }
    return %c : tensor<64x64xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<4x64xf32>, %b: tensor<64x32xf32>) -> tensor<4x32xf32> {
    // expected-error @+1 {{schedule: columns = "window" is for sums over sliding windows on a CPU}}
    %c = tiny.kernel "no_window" shared 2 schedule <unit = [4, 32], inner = [4, 1, 32], strip = [64], columns = "window", vector = 16>
         (%a, %b) : (tensor<4x64xf32>, tensor<64x32xf32>) -> tensor<4x32xf32> {
    ^bb0(%x: tensor<4x64xf32>, %y: tensor<64x32xf32>):
      %s = tiny.stage parallel [4, 32] reduce [64] (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<4x64xf32>,
           %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<64x32xf32>) -> (sum tensor<4x32xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<4x32xf32>
    }
    return %c : tensor<4x32xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<4x41xf32>, %b: tensor<6x4x3xf32>) -> tensor<6x39xf32> {
    // expected-error @+1 {{schedule: inner = [6, 1, 96] needs 43 vector registers; cpu:x86-64-v4 has 32}}
    %c = tiny.kernel "wide" shared 2 schedule <unit = [6, 39], inner = [6, 1, 96], strip = [1, 3], columns = "window", vector = 16>
         (%a, %b) : (tensor<4x41xf32>, tensor<6x4x3xf32>) -> tensor<6x39xf32> {
    ^bb0(%x: tensor<4x41xf32>, %y: tensor<6x4x3xf32>):
      %s = tiny.stage parallel [6, 39] reduce [4, 3]
           (%x by affine_map<(d0, d1, d2, d3) -> (d2, d1 + d3)> : tensor<4x41xf32>,
            %y by affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)> : tensor<6x4x3xf32>) -> (sum tensor<6x39xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<6x39xf32>
    }
    return %c : tensor<6x39xf32>
  }
}
