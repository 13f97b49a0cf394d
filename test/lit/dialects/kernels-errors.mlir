// What the verifiers of kernels, stages, launches and accesses refuse.
// RUN: tinyc-opt --verify-diagnostics --split-input-file %s

func.func @leaves_unit(%x: tensor<8xf32>) {
  %r = tiny.kernel "k" shared 1 (%x) : (tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%in: tensor<8xf32>):
    %a = tiny.stage parallel [8] (%in by affine_map<(d0) -> (d0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    // expected-error @+1 {{read 0 of an earlier stage leaves the work unit: expected a map that begins with the 1 shared dimensions}}
    %b = tiny.stage parallel [8] (%a by affine_map<(d0) -> (7 - d0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %b : tensor<8xf32>
  }
  return
}

// -----

func.func @result_shape(%x: tensor<8x4xf32>) {
  %r = tiny.kernel "k" shared 1 (%x) : (tensor<8x4xf32>) -> tensor<8x4xf32> {
  ^bb0(%in: tensor<8x4xf32>):
    // expected-error @+1 {{result 0: expected 'tensor<8xf32>', found 'tensor<8x4xf32>'}}
    %a = tiny.stage parallel [8] reduce [4] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x4xf32>) -> (sum tensor<8x4xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %a : tensor<8x4xf32>
  }
  return
}

// -----

func.func @mask_without_fill(%x: tensor<8xf32>) {
  %r = tiny.kernel "k" shared 1 (%x) : (tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%in: tensor<8xf32>):
    // expected-error @+1 {{read 0 has a mask and no fill}}
    %a = tiny.stage parallel [8] (%in by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (d0 >= 0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %a : tensor<8xf32>
  }
  return
}

// -----

func.func @launch(%x: tensor<8xf32>) {
  // expected-error @+1 {{no kernel @missing in this module}}
  %r = tiny.launch @missing "missing_0" units 8 (%x) : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

// expected-note @+1 {{found ('memref<8xf32>', 'index')}}
func.func @short(%x: memref<8xf32>, %unit: index) {
  return
}

func.func @launch_types(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected a kernel that takes ('memref<8xf32>', 'memref<8xf32>', 'index')}}
  %r = tiny.launch @short "short_0" units 8 (%x) : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @load(%b: memref<17x64xf16>, %i: index) {
  // expected-error @+1 {{expected 2 offsets (the tile's rank), found 1}}
  %t = tiny.load %b[%i] by affine_map<(d0) -> (d0, d0)> : memref<17x64xf16> -> vector<16x32xf16>
  return
}

// -----

func.func @store(%b: memref<17x64xf16>, %t: vector<16x32xf32>, %i: index) {
  // expected-error @+1 {{expected a tile of 'f16', found 'vector<16x32xf32>'}}
  tiny.store %t, %b[%i, %i] by affine_map<(d0, d1) -> (d0, d1)> : vector<16x32xf32>, memref<17x64xf16>
  return
}

// -----

func.func @writes_twice(%x: tensor<8x4xf32>) {
  // expected-error @+1 {{write 0: expected a map that takes 'tensor<8x4xf32>' one to one to 'tensor<4x8xf32>', found affine_map<(d0, d1) -> (d1, d1)>}}
  %r = tiny.kernel "k" shared 1 writes [affine_map<(d0, d1) -> (d1, d1)>] (%x) : (tensor<8x4xf32>) -> tensor<4x8xf32> {
  ^bb0(%in: tensor<8x4xf32>):
    %a = tiny.stage parallel [8, 4] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x4xf32>) -> (none tensor<8x4xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %a : tensor<8x4xf32>
  }
  return
}

// -----

func.func @reduced_bool(%x: tensor<8xi1>) {
  %r = tiny.kernel "k" shared 0 (%x) : (tensor<8xi1>) -> tensor<i1> {
  ^bb0(%in: tensor<8xi1>):
    // expected-error @+1 {{result 0: i1 is not reduced: cast it to an integer first}}
    %a = tiny.stage parallel [] reduce [8] (%in by affine_map<(d0) -> (d0)> : tensor<8xi1>) -> (max tensor<i1>) {
    ^bb0(%v: i1):
      tiny.yield %v : i1
    }
    tiny.yield %a : tensor<i1>
  }
  return
}

// -----

// In place: one number a result, of an input of its type that is read where the result is written, and once.
func.func @in_place_count(%x: tensor<8xf32>) {
  // expected-error @+1 {{in_place: expected a number for each of 1 results, found 2}}
  %r = tiny.kernel "k" shared 1 (%x) attributes {in_place = array<i64: 0, -1>} : (tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%in: tensor<8xf32>):
    %a = tiny.stage parallel [8] (%in by affine_map<(d0) -> (d0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %a : tensor<8xf32>
  }
  return
}

// -----

func.func @in_place_reversed(%x: tensor<8xf32>) {
  // expected-error @+1 {{in_place: expected input 0 to be read only by the stage that computes result 0, at the point it writes}}
  %r = tiny.kernel "k" shared 1 (%x) attributes {in_place = array<i64: 0>} : (tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%in: tensor<8xf32>):
    %a = tiny.stage parallel [8] (%in by affine_map<(d0) -> (7 - d0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %a : tensor<8xf32>
  }
  return
}

// -----

// A stage that reads it may compute it again, where the input was overwritten.
func.func @in_place_read_again(%x: tensor<8xf32>) {
  // expected-error @+1 {{in_place: expected input 0 to be read only by the stage that computes result 0, at the point it writes, and no other stage to read that one}}
  %r:2 = tiny.kernel "k" shared 0 (%x) attributes {in_place = array<i64: 0, -1>} : (tensor<8xf32>) -> (tensor<8xf32>, tensor<f32>) {
  ^bb0(%in: tensor<8xf32>):
    %a:2 = tiny.stage parallel [8] (%in by affine_map<(d0) -> (d0)> : tensor<8xf32>) -> (none tensor<8xf32>, none tensor<8xf32>) {
    ^bb0(%v: f32):
      %w = tiny.add %v, %v : f32
      tiny.yield %v, %w : f32, f32
    }
    %s = tiny.stage parallel [] reduce [8] (%a#1 by affine_map<(d0) -> (d0)> : tensor<8xf32>) -> (sum tensor<f32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %a#0, %s : tensor<8xf32>, tensor<f32>
  }
  return
}

// -----

func.func private @in_place_kernel(memref<8xf32>, index)
func.func @in_place_launches(%x: tensor<8xf32>, %i: tensor<8xi32>) {
  %r = tiny.launch @in_place_kernel "k" units 1 (%x) {in_place = array<i64: 0>} : (tensor<8xf32>) -> tensor<8xf32>
  // expected-error @+1 {{in_place: expected -1 or the number of an input below 1, found 1}}
  %s = tiny.launch @in_place_kernel "k" units 1 (%x) {in_place = array<i64: 1>} : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func private @in_place_kernel(memref<8xf32>, memref<8xi32>, index)
func.func @in_place_type(%x: tensor<8xf32>, %i: tensor<8xi32>) {
  // expected-error @+1 {{in_place: expected input 1 of the type of result 0, 'tensor<8xf32>', found 'tensor<8xi32>'}}
  %s = tiny.launch @in_place_kernel "k" units 1 (%x, %i) {in_place = array<i64: 1>} : (tensor<8xf32>, tensor<8xi32>) -> tensor<8xf32>
  return
}

// -----

func.func private @in_place_kernel(memref<8xf32>, memref<8xf32>, index)
func.func @in_place_twice(%x: tensor<8xf32>) {
  // expected-error @+1 {{in_place: input 0 is needed more than once}}
  %s = tiny.launch @in_place_kernel "k" units 1 (%x, %x) {in_place = array<i64: 0>} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @stage_divisor(%x: tensor<8xf32>) {
  %r = tiny.kernel "k" shared 0 (%x) : (tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%in: tensor<8xf32>):
    // expected-error @+1 {{expected divisions by positive constants only, found d0 ceildiv 0}}
    %a = tiny.stage parallel [8] (%in by affine_map<(d0) -> (d0 ceildiv -0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %a : tensor<8xf32>
  }
  return
}

// -----

func.func @load_divisor(%x: memref<8xf32>, %i: index) {
  // expected-error @+1 {{expected divisions by positive constants only, found d0 mod 0}}
  %t = tiny.load %x[%i] by affine_map<(d0) -> (d0 mod -0)> : memref<8xf32> -> vector<8xf32>
  return
}

// -----

func.func @fill(%x: tensor<4xf32>) {
  %r = "tiny.kernel"(%x) <{name = "k", shared = 1 : i64}> ({
  ^bb0(%a: tensor<4xf32>):
    // expected-error @+1 {{expected numbers as fills, or unit, found affine_map<(d0) -> (d0)>}}
    %s = "tiny.stage"(%a) <{parallel = array<i64: 4>, reduce = array<i64>, maps = [affine_map<(d0) -> (d0)>], masks = [affine_set<(d0) : (d0 >= 0)>], fills = [affine_map<(d0) -> (d0)>], kinds = [#tiny<reduce_kind none>]}> ({
    ^bb1(%e: f32):
      "tiny.yield"(%e) : (f32) -> ()
    }) : (tensor<4xf32>) -> tensor<4xf32>
    "tiny.yield"(%s) : (tensor<4xf32>) -> ()
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @mask(%x: tensor<4xf32>) {
  %r = "tiny.kernel"(%x) <{name = "k", shared = 1 : i64}> ({
  ^bb0(%a: tensor<4xf32>):
    // expected-error @+1 {{expected integer sets as masks, or unit, found 1 : i32}}
    %s = "tiny.stage"(%a) <{parallel = array<i64: 4>, reduce = array<i64>, maps = [affine_map<(d0) -> (d0)>], masks = [1 : i32], fills = [unit], kinds = [#tiny<reduce_kind none>]}> ({
    ^bb1(%e: f32):
      "tiny.yield"(%e) : (f32) -> ()
    }) : (tensor<4xf32>) -> tensor<4xf32>
    "tiny.yield"(%s) : (tensor<4xf32>) -> ()
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @kind(%x: tensor<4xf32>) {
  %r = "tiny.kernel"(%x) <{name = "k", shared = 1 : i64}> ({
  ^bb0(%a: tensor<4xf32>):
    // expected-error @+1 {{expected kinds of reduction, found "none"}}
    %s = "tiny.stage"(%a) <{parallel = array<i64: 4>, reduce = array<i64>, maps = [affine_map<(d0) -> (d0)>], masks = [unit], fills = [unit], kinds = ["none"]}> ({
    ^bb1(%e: f32):
      "tiny.yield"(%e) : (f32) -> ()
    }) : (tensor<4xf32>) -> tensor<4xf32>
    "tiny.yield"(%s) : (tensor<4xf32>) -> ()
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return
}
