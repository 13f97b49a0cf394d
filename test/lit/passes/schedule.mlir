// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(schedule)' | FileCheck %s

// A pointwise kernel on a CPU: four 64-byte registers at once, units of thousands of points.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "relu_0" shared 1 schedule <unit = [4096], inner = [64], vector = 16>
  func.func @main(%x: tensor<100000xf32>) -> tensor<100000xf32> {
    %r = tiny.kernel "relu_0" shared 1 (%x) : (tensor<100000xf32>) -> tensor<100000xf32> {
    ^bb0(%in: tensor<100000xf32>):
      %o = tiny.stage parallel [100000] (%in by affine_map<(d0) -> (d0)> : tensor<100000xf32>)
           -> (none tensor<100000xf32>) {
      ^bb0(%v: f32):
        %z = tiny.const 0.0 : f32
        %m = tiny.max %v, %z : f32
        tiny.yield %m : f32
      }
      tiny.yield %o : tensor<100000xf32>
    }
    return %r : tensor<100000xf32>
  }
}

// -----

// One register where there are few points, and where lanes gather; four where the addresses that a reshape made are
// one line again.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "few" shared 1 schedule <unit = {{.*}}, inner = [16], vector = 16>
  // CHECK: tiny.kernel "gather" shared 1 schedule <unit = {{.*}}, inner = [16], vector = 16>
  // CHECK: tiny.kernel "line" shared 2 schedule <unit = {{.*}}, inner = [1, 64], vector = 16>
  func.func @main(%x: tensor<4096xf32>, %y: tensor<100x100xf32>, %z: tensor<64x16x3x3xf32>)
      -> (tensor<4096xf32>, tensor<10000xf32>, tensor<64x144xf32>) {
    %a = tiny.kernel "few" shared 1 (%x) : (tensor<4096xf32>) -> tensor<4096xf32> {
    ^bb0(%in: tensor<4096xf32>):
      %o = tiny.stage parallel [4096] (%in by affine_map<(d0) -> (d0)> : tensor<4096xf32>) -> (none tensor<4096xf32>) {
      ^bb0(%v: f32):
        %e = tiny.exp e %v : f32
        tiny.yield %e : f32
      }
      tiny.yield %o : tensor<4096xf32>
    }
    %b = tiny.kernel "gather" shared 1 (%y) : (tensor<100x100xf32>) -> tensor<10000xf32> {
    ^bb0(%in: tensor<100x100xf32>):
      %o = tiny.stage parallel [10000]
           (%in by affine_map<(d0) -> (d0 mod 100, d0 floordiv 100)> : tensor<100x100xf32>)
           -> (none tensor<10000xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %o : tensor<10000xf32>
    }
    %c = tiny.kernel "line" shared 2 (%z) : (tensor<64x16x3x3xf32>) -> tensor<64x144xf32> {
    ^bb0(%in: tensor<64x16x3x3xf32>):
      %o = tiny.stage parallel [64, 144]
           (%in by affine_map<(d0, d1) -> (d0, d1 floordiv 9, (d1 floordiv 3) mod 3, d1 mod 3)>
            : tensor<64x16x3x3xf32>) -> (none tensor<64x144xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %o : tensor<64x144xf32>
    }
    return %a, %b, %c : tensor<4096xf32>, tensor<10000xf32>, tensor<64x144xf32>
  }
}

// -----

// A sum along rows takes strips of the row; a sum down columns takes vectors of columns.
module attributes {tiny.target = "cpu:x86-64-v3"} {
  // CHECK: tiny.kernel "along" shared 1 schedule <unit = [4], inner = [1], strip = [32], vector = 8>
  // CHECK: tiny.kernel "down" shared 1 schedule <unit = [64], inner = [32], strip = [1], vector = 8>
  func.func @main(%x: tensor<64x1000xf32>) -> (tensor<64xf32>, tensor<1000xf32>) {
    %a = tiny.kernel "along" shared 1 (%x) : (tensor<64x1000xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64x1000xf32>):
      %s = tiny.stage parallel [64] reduce [1000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<64x1000xf32>)
           -> (sum tensor<64xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<64xf32>
    }
    %d = tiny.kernel "down" shared 1 (%x) : (tensor<64x1000xf32>) -> tensor<1000xf32> {
    ^bb0(%in: tensor<64x1000xf32>):
      %s = tiny.stage parallel [1000] reduce [64] (%in by affine_map<(d0, d1) -> (d1, d0)> : tensor<64x1000xf32>)
           -> (sum tensor<1000xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<1000xf32>
    }
    return %a, %d : tensor<64xf32>, tensor<1000xf32>
  }
}

// -----

// A contraction: 14 rows by 32 columns are 28 of 32 registers; one schedule given by hand is kept.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "chosen" shared 2 schedule <unit = [126, 256], inner = [14, 32], strip = [512], instruction = "fma", vector = 16>
  // CHECK: tiny.kernel "given" shared 2 schedule <unit = [8, 32], inner = [4, 32], strip = [512], instruction = "fma", vector = 16>
  func.func @main(%a: tensor<512x512xf32>, %b: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<512x512xf32>) {
    %c = tiny.kernel "chosen" shared 2 (%a, %b) : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32> {
    ^bb0(%x: tensor<512x512xf32>, %y: tensor<512x512xf32>):
      %s = tiny.stage parallel [512, 512] reduce [512]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<512x512xf32>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<512x512xf32>) -> (sum tensor<512x512xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<512x512xf32>
    }
    %d = tiny.kernel "given" shared 2 schedule <unit = [8, 32], inner = [4, 32], strip = [512], instruction = "fma", vector = 16> (%a, %c) : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32> {
    ^bb0(%x: tensor<512x512xf32>, %y: tensor<512x512xf32>):
      %s = tiny.stage parallel [512, 512] reduce [512]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<512x512xf32>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<512x512xf32>) -> (sum tensor<512x512xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<512x512xf32>
    }
    return %c, %d : tensor<512x512xf32>, tensor<512x512xf32>
  }
}

// -----

// On a GPU a row is held whole where it fits.
module attributes {tiny.target = "nvidia:sm_80"} {
  // CHECK: tiny.kernel "row" shared 1 schedule <unit = [1], strip = [1024], warps = [1, 8], vector = 4>
  func.func @main(%x: tensor<8x1000xf32>) -> tensor<8xf32> {
    %r = tiny.kernel "row" shared 1 (%x) : (tensor<8x1000xf32>) -> tensor<8xf32> {
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

// A convolution: the register tile has rows by lines by columns; the innermost dimensions of the sum are unrolled.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "conv" shared 3 schedule <unit = {{.*}}, inner = {{.*}}, strip = [1, 1, 3], instruction = "fma", columns = "window", vector = 16>
  func.func @main(%a: tensor<8x40x60xf32>, %b: tensor<32x8x3x3xf32>) -> tensor<32x38x58xf32> {
    %c = tiny.kernel "conv" shared 3 (%a, %b) : (tensor<8x40x60xf32>, tensor<32x8x3x3xf32>) -> tensor<32x38x58xf32> {
    ^bb0(%x: tensor<8x40x60xf32>, %y: tensor<32x8x3x3xf32>):
      %s = tiny.stage parallel [32, 38, 58] reduce [8, 3, 3]
           (%x by affine_map<(d0, d1, d2, d3, d4, d5) -> (d3, d1 + d4, d2 + d5)> : tensor<8x40x60xf32>,
            %y by affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d4, d5)> : tensor<32x8x3x3xf32>)
           -> (sum tensor<32x38x58xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<32x38x58xf32>
    }
    return %c : tensor<32x38x58xf32>
  }
}

// -----

// A matrix times a vector, with an epilogue that reads along the rows: the matrix has more to read, and eight of its
// rows at once read the vector once.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "gemv" shared 1 schedule <unit = {{.*}}, inner = [8], strip = [32], vector = 16>
  func.func @main(%w: tensor<400x400xf32>, %x: tensor<400xf32>, %b: tensor<400xf32>) -> tensor<400xf32> {
    %r = tiny.kernel "gemv" shared 1 (%w, %x, %b) : (tensor<400x400xf32>, tensor<400xf32>, tensor<400xf32>) -> tensor<400xf32> {
    ^bb0(%m: tensor<400x400xf32>, %v: tensor<400xf32>, %c: tensor<400xf32>):
      %s = tiny.stage parallel [400] reduce [400] (%m by affine_map<(d0, d1) -> (d0, d1)> : tensor<400x400xf32>,
            %v by affine_map<(d0, d1) -> (d1)> : tensor<400xf32>) -> (sum tensor<400xf32>) {
      ^bb0(%a: f32, %e: f32):
        %p = tiny.mul %a, %e : f32
        tiny.yield %p : f32
      }
      %o = tiny.stage parallel [400] (%s by affine_map<(d0) -> (d0)> : tensor<400xf32>,
            %c by affine_map<(d0) -> (d0)> : tensor<400xf32>, %v by affine_map<(d0) -> (d0)> : tensor<400xf32>)
           -> (none tensor<400xf32>) {
      ^bb0(%t: f32, %u: f32, %w2: f32):
        %q = tiny.add %t, %u : f32
        %z = tiny.mul %q, %w2 : f32
        tiny.yield %z : f32
      }
      tiny.yield %o : tensor<400xf32>
    }
    return %r : tensor<400xf32>
  }
}

// -----

// Matrix instructions where they take the least time: tiles of bf16 and of bytes; few rows by vectors. Each row's types
// are the kernel's.
module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x300xbf16>, %b: tensor<300x200xbf16>) -> tensor<100x200xf32> {
    // CHECK: tiny.kernel "product" shared 2 schedule <unit = {{.*}}, inner = [32, 32], strip = [300], instruction = "amx.tdpbf16ps", vector = 16>
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<100x300xbf16>, tensor<300x200xbf16>) -> tensor<100x200xf32> {
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
  func.func @main(%a: tensor<100x300xui8>, %b: tensor<300x16xi8>) -> tensor<100x16xi32> {
    // CHECK: schedule <unit = {{.*}}, inner = [32, 16], strip = [300], instruction = "amx.tdpbusd", vector = 16>
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<100x300xui8>, tensor<300x16xi8>) -> tensor<100x16xi32> {
    ^bb0(%x: tensor<100x300xui8>, %y: tensor<300x16xi8>):
      %s = tiny.stage parallel [100, 16] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x300xui8>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x16xi8>) -> (sum tensor<100x16xi32>) {
      ^bb0(%u: ui8, %v: i8):
        %wu = tiny.cast %u : ui8 to i32
        %wv = tiny.cast %v : i8 to i32
        %p = tiny.mul %wu, %wv : i32
        tiny.yield %p : i32
      }
      tiny.yield %s : tensor<100x16xi32>
    }
    return %r : tensor<100x16xi32>
  }
}

// -----

module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<2x300xi8>, %b: tensor<300x200xui8>) -> tensor<2x200xi32> {
    // CHECK: schedule <unit = {{.*}}, inner = [2, 32], strip = [300], instruction = "avx512vnni.vpdpbusd.i8.ui8", vector = 16>
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<2x300xi8>, tensor<300x200xui8>) -> tensor<2x200xi32> {
    ^bb0(%x: tensor<2x300xi8>, %y: tensor<300x200xui8>):
      %s = tiny.stage parallel [2, 200] reduce [300]
           (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<2x300xi8>,
            %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<300x200xui8>) -> (sum tensor<2x200xi32>) {
      ^bb0(%u: i8, %v: ui8):
        %wu = tiny.cast %u : i8 to i32
        %wv = tiny.cast %v : ui8 to i32
        %p = tiny.mul %wu, %wv : i32
        tiny.yield %p : i32
      }
      tiny.yield %s : tensor<2x200xi32>
    }
    return %r : tensor<2x200xi32>
  }
}

// -----

// f16 has no row here, and the highest level of x86-64 has no matrix instructions.
module attributes {tiny.target = "cpu:sapphirerapids"} {
  func.func @main(%a: tensor<100x300xf16>, %b: tensor<300x200xf16>) -> tensor<100x200xf32> {
    // CHECK: instruction = "fma", vector = 16>
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<100x300xf16>, tensor<300x200xf16>) -> tensor<100x200xf32> {
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

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%a: tensor<100x300xbf16>, %b: tensor<300x200xbf16>) -> tensor<100x200xf32> {
    // CHECK: instruction = "fma", vector = 16>
    %r = tiny.kernel "product" shared 2 (%a, %b) : (tensor<100x300xbf16>, tensor<300x200xbf16>) -> tensor<100x200xf32> {
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
