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

// -----

// A tile that reaches beyond its unit.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<4x41xf32>, %b: tensor<6x4x3xf32>) -> tensor<6x39xf32> {
    // expected-error @+1 {{schedule: expected a unit's 20 columns to be a multiple of the micro-tile's 32}}
    %c = tiny.kernel "beyond" shared 2 schedule <unit = [6, 20], inner = [6, 1, 32], strip = [1, 3], columns = "window", vector = 16>
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

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<100x300xbf16>, %b: tensor<300x200xbf16>) -> tensor<100x200xf32> {
    // expected-error @below {{schedule: cpu:x86-64-v4 has no instruction 'amx.tdpbf16ps'; it has fma}}
    %r = tiny.kernel "product" shared 2 schedule <unit = [100, 200], inner = [32, 32], strip = [300], instruction = "amx.tdpbf16ps", vector = 16> (%a, %b) : (tensor<100x300xbf16>, tensor<300x200xbf16>) -> tensor<100x200xf32> {
    ^bb0(%x: tensor<100x300xbf16>, %y: tensor<300x200xbf16>):
      %s = tiny.stage parallel [100, 200] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x300xbf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x200xbf16>) -> (sum tensor<100x200xf32>) {
      ^bb0(%u: bf16, %v: bf16):
        %wu = tiny.cast %u : bf16 to f32
        %wv = tiny.cast %v : bf16 to f32
        %p = tiny.mul %wu, %wv : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<100x200xf32>
    }
    return %r : tensor<100x200xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x300xf16>, %b: tensor<300x200xf16>) -> tensor<100x200xf32> {
    // expected-error @below {{schedule: 'amx.tdpbf16ps' multiplies bf16 by bf16 into f32; the kernel has f16 by f16 into f32}}
    %r = tiny.kernel "product" shared 2 schedule <unit = [100, 200], inner = [32, 32], strip = [300], instruction = "amx.tdpbf16ps", vector = 16> (%a, %b) : (tensor<100x300xf16>, tensor<300x200xf16>) -> tensor<100x200xf32> {
    ^bb0(%x: tensor<100x300xf16>, %y: tensor<300x200xf16>):
      %s = tiny.stage parallel [100, 200] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x300xf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x200xf16>) -> (sum tensor<100x200xf32>) {
      ^bb0(%u: f16, %v: f16):
        %wu = tiny.cast %u : f16 to f32
        %wv = tiny.cast %v : f16 to f32
        %p = tiny.mul %wu, %wv : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<100x200xf32>
    }
    return %r : tensor<100x200xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x300xi8>, %b: tensor<300x200xui8>) -> tensor<100x200xi32> {
    // expected-error @below {{schedule: 'amx.tdpbusd' multiplies ui8 by i8 into i32; the kernel has i8 by ui8 into i32}}
    %r = tiny.kernel "product" shared 2 schedule <unit = [100, 200], inner = [32, 32], strip = [300], instruction = "amx.tdpbusd", vector = 16> (%a, %b) : (tensor<100x300xi8>, tensor<300x200xui8>) -> tensor<100x200xi32> {
    ^bb0(%x: tensor<100x300xi8>, %y: tensor<300x200xui8>):
      %s = tiny.stage parallel [100, 200] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x300xi8>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x200xui8>) -> (sum tensor<100x200xi32>) {
      ^bb0(%u: i8, %v: ui8):
        %wu = tiny.cast %u : i8 to i32
        %wv = tiny.cast %v : ui8 to i32
        %p = tiny.mul %wu, %wv : i32
        tiny.yield %p : i32
      }
      tiny.yield %s : tensor<100x200xi32>
    }
    return %r : tensor<100x200xi32>
  }
}

// -----

module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x300xbf16>, %b: tensor<300x200xbf16>) -> tensor<100x200xf32> {
    // expected-error @below {{schedule: expected 'inner' in multiples of the 16 x 16 of 'amx.tdpbf16ps', found [14, 32]}}
    %r = tiny.kernel "product" shared 2 schedule <unit = [100, 200], inner = [14, 32], strip = [300], instruction = "amx.tdpbf16ps", vector = 16> (%a, %b) : (tensor<100x300xbf16>, tensor<300x200xbf16>) -> tensor<100x200xf32> {
    ^bb0(%x: tensor<100x300xbf16>, %y: tensor<300x200xbf16>):
      %s = tiny.stage parallel [100, 200] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x300xbf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x200xbf16>) -> (sum tensor<100x200xf32>) {
      ^bb0(%u: bf16, %v: bf16):
        %wu = tiny.cast %u : bf16 to f32
        %wv = tiny.cast %v : bf16 to f32
        %p = tiny.mul %wu, %wv : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<100x200xf32>
    }
    return %r : tensor<100x200xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x300xbf16>, %b: tensor<300x200xbf16>) -> tensor<100x200xf32> {
    // expected-error @below {{schedule: inner = [48, 32] needs 11 tile registers; 'amx.tdpbf16ps' has 8}}
    %r = tiny.kernel "product" shared 2 schedule <unit = [100, 200], inner = [48, 32], strip = [300], instruction = "amx.tdpbf16ps", vector = 16> (%a, %b) : (tensor<100x300xbf16>, tensor<300x200xbf16>) -> tensor<100x200xf32> {
    ^bb0(%x: tensor<100x300xbf16>, %y: tensor<300x200xbf16>):
      %s = tiny.stage parallel [100, 200] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x300xbf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x200xbf16>) -> (sum tensor<100x200xf32>) {
      ^bb0(%u: bf16, %v: bf16):
        %wu = tiny.cast %u : bf16 to f32
        %wv = tiny.cast %v : bf16 to f32
        %p = tiny.mul %wu, %wv : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<100x200xf32>
    }
    return %r : tensor<100x200xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x300xbf16>, %b: tensor<300x200xbf16>) -> tensor<100x200xf32> {
    // expected-error @below {{schedule: expected strips of a multiple of the 32 terms of 'amx.tdpbf16ps', found 100}}
    %r = tiny.kernel "product" shared 2 schedule <unit = [100, 200], inner = [32, 32], strip = [100], instruction = "amx.tdpbf16ps", vector = 16> (%a, %b) : (tensor<100x300xbf16>, tensor<300x200xbf16>) -> tensor<100x200xf32> {
    ^bb0(%x: tensor<100x300xbf16>, %y: tensor<300x200xbf16>):
      %s = tiny.stage parallel [100, 200] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x300xbf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x200xbf16>) -> (sum tensor<100x200xf32>) {
      ^bb0(%u: bf16, %v: bf16):
        %wu = tiny.cast %u : bf16 to f32
        %wv = tiny.cast %v : bf16 to f32
        %p = tiny.mul %wu, %wv : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<100x200xf32>
    }
    return %r : tensor<100x200xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x1xbf16>, %b: tensor<1x200xbf16>) -> tensor<100x200xf32> {
    // expected-error @below {{schedule: 'amx.tdpbf16ps' fills up 1 terms to a multiple of 32; an operand does not vary with them}}
    %r = tiny.kernel "product" shared 2 schedule <unit = [100, 200], inner = [32, 32], strip = [1], instruction = "amx.tdpbf16ps", vector = 16> (%a, %b) : (tensor<100x1xbf16>, tensor<1x200xbf16>) -> tensor<100x200xf32> {
    ^bb0(%x: tensor<100x1xbf16>, %y: tensor<1x200xbf16>):
      %s = tiny.stage parallel [100, 200] reduce [1]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x1xbf16>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<1x200xbf16>) -> (sum tensor<100x200xf32>) {
      ^bb0(%u: bf16, %v: bf16):
        %wu = tiny.cast %u : bf16 to f32
        %wv = tiny.cast %v : bf16 to f32
        %p = tiny.mul %wu, %wv : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<100x200xf32>
    }
    return %r : tensor<100x200xf32>
  }
}

// -----

// What pads the image and what pads the filter are both 1: nothing would make the products beyond the last term vanish.
module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<20x7xui8>, %b: tensor<7x30xui8>) -> tensor<20x30xi32> {
    // expected-error @below {{schedule: 'amx.tdpbuud' fills up 9 terms to a multiple of 64; the masks of both operands have a fill that is not zero}}
    %r = tiny.kernel "padded" shared 2 schedule <unit = [20, 30], inner = [32, 32], strip = [9], instruction = "amx.tdpbuud", vector = 16> (%a, %b) : (tensor<20x7xui8>, tensor<7x30xui8>) -> tensor<20x30xi32> {
    ^bb0(%x: tensor<20x7xui8>, %y: tensor<7x30xui8>):
      %s = tiny.stage parallel [20, 30] reduce [9]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> mask affine_set<(d0, d1, d2) : (6 - d2 >= 0)> fill 1 : ui8 : tensor<20x7xui8>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> mask affine_set<(d0, d1, d2) : (6 - d2 >= 0)> fill 1 : ui8 : tensor<7x30xui8>) -> (sum tensor<20x30xi32>) {
      ^bb0(%u: ui8, %v: ui8):
        %wu = tiny.cast %u : ui8 to i32
        %wv = tiny.cast %v : ui8 to i32
        %p = tiny.mul %wu, %wv : i32
        tiny.yield %p : i32
      }
      tiny.yield %s : tensor<20x30xi32>
    }
    return %r : tensor<20x30xi32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<4x41xf32>, %b: tensor<6x4x3xf32>) -> tensor<6x39xf32> {
    // expected-error @+1 {{schedule: columns = "plane" is for windows along two dimensions or more whose result leaves the unit}}
    %c = tiny.kernel "line" shared 2 schedule <unit = [6, 39], inner = [6, 1, 32], strip = [1, 3], columns = "plane", vector = 16>
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

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<4x7x7xf32>, %b: tensor<6x4x3x3xf32>) -> tensor<6x5x5xf32> {
    // expected-error @+1 {{schedule: expected one line in 'inner' of a plane, found 2}}
    %c = tiny.kernel "lines" shared 3 schedule <unit = [6, 5, 5], inner = [6, 2, 16], strip = [1, 1, 3], columns = "plane", vector = 16>
         (%a, %b) : (tensor<4x7x7xf32>, tensor<6x4x3x3xf32>) -> tensor<6x5x5xf32> {
    ^bb0(%x: tensor<4x7x7xf32>, %y: tensor<6x4x3x3xf32>):
      %s = tiny.stage parallel [6, 5, 5] reduce [4, 3, 3]
           (%x by affine_map<(d0, d1, d2, d3, d4, d5) -> (d3, d1 + d4, d2 + d5)> : tensor<4x7x7xf32>,
            %y by affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d4, d5)> : tensor<6x4x3x3xf32>) -> (sum tensor<6x5x5xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<6x5x5xf32>
    }
    return %c : tensor<6x5x5xf32>
  }
}

// -----

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<4x7x7xf32>, %b: tensor<6x4x3x3xf32>) -> tensor<6x5x5xf32> {
    // expected-error @+1 {{schedule: expected units of whole lines, of 5 elements, of a plane; found 4}}
    %c = tiny.kernel "part" shared 3 schedule <unit = [6, 5, 4], inner = [6, 1, 16], strip = [1, 1, 3], columns = "plane", vector = 16>
         (%a, %b) : (tensor<4x7x7xf32>, tensor<6x4x3x3xf32>) -> tensor<6x5x5xf32> {
    ^bb0(%x: tensor<4x7x7xf32>, %y: tensor<6x4x3x3xf32>):
      %s = tiny.stage parallel [6, 5, 5] reduce [4, 3, 3]
           (%x by affine_map<(d0, d1, d2, d3, d4, d5) -> (d3, d1 + d4, d2 + d5)> : tensor<4x7x7xf32>,
            %y by affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d4, d5)> : tensor<6x4x3x3xf32>) -> (sum tensor<6x5x5xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<6x5x5xf32>
    }
    return %c : tensor<6x5x5xf32>
  }
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
  func.func @warps(%x: tensor<512xf32>) -> tensor<512xf32> {
    // expected-error @below {{schedule: expected numbers of warps that are powers of two, found 3}}
    %r = tiny.kernel "exp_0" shared 1 schedule <unit = [512], warps = [3, 1]> (%x) : (tensor<512xf32>) -> tensor<512xf32> {
    ^bb0(%a: tensor<512xf32>):
      %s = tiny.stage parallel [512] (%a by affine_map<(d0) -> (d0)> : tensor<512xf32>) -> (none tensor<512xf32>) {
      ^bb0(%e: f32):
        %1 = tiny.exp e %e : f32
        tiny.yield %1 : f32
      }
      tiny.yield %s : tensor<512xf32>
    }
    return %r : tensor<512xf32>
  }
}
