// Mutants of accesses that hold: a map one too far, a dropped mask, a wrong tile offset, a unit too many.
// RUN: tinyc-opt %s --prove-bounds --split-input-file --verify-diagnostics

func.func @map_plus_one(%a: memref<16x64xf32>) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{cannot prove that the access stays in its buffer: coordinate 0, d0 + 1, leaves [0, 16): it is 16 at (15, 0)}}
  %t = tiny.load %a[%c0, %c0] by affine_map<(d0, d1) -> (d0 + 1, d1)> : memref<16x64xf32> -> vector<16x32xf32>
  return
}

// -----

func.func @dropped_mask(%c: memref<17xf32>, %v: vector<16xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c17 = arith.constant 17 : index
  scf.for %i = %c0 to %c17 step %c16 {
    // expected-error @+1 {{coordinate 0, d0 * 16 + d1, leaves [0, 17): it is 17 at (1, 1)}}
    tiny.store %v, %c[%i] by affine_map<(d0) -> (d0)> : vector<16xf32>, memref<17xf32>
  }
  return
}

// -----

func.func @wrong_offset(%a: memref<64xf32>, %unit: index) {
  %i = affine.apply affine_map<(d0) -> (d0 * 16 + 16)>(%unit)
  // expected-error @+1 {{leaves [0, 64)}}
  %t = tiny.load %a[%i] by affine_map<(d0) -> (d0)> : memref<64xf32> -> vector<16xf32>
  return
}
func.func @main(%x: tensor<64xf32>) {
  tiny.launch @wrong_offset "wrong_0" units 4 (%x) : (tensor<64xf32>) -> ()
  return
}

// -----

func.func @unit_too_many(%a: memref<64xf32>, %unit: index) {
  %i = affine.apply affine_map<(d0) -> (d0 * 16)>(%unit)
  // expected-error @+1 {{leaves [0, 64)}}
  %t = tiny.load %a[%i] by affine_map<(d0) -> (d0)> : memref<64xf32> -> vector<16xf32>
  return
}
func.func @main(%x: tensor<64xf32>) {
  tiny.launch @unit_too_many "many_0" units 5 (%x) : (tensor<64xf32>) -> ()
  return
}

// -----

// Nobody says how many units there are.
func.func @never_launched(%a: memref<64xf32>, %unit: index) {
  // expected-error @+1 {{coordinate 0, d0 + d1, leaves [0, 64)}}
  %t = tiny.load %a[%unit] by affine_map<(d0) -> (d0)> : memref<64xf32> -> vector<1xf32>
  return
}

// -----

func.func @not_affine(%a: memref<64xf32>, %unit: index) {
  %i = arith.muli %unit, %unit : index
  // expected-error @+1 {{leaves [0, 64)}}
  %t = tiny.load %a[%i] by affine_map<(d0) -> (d0)> : memref<64xf32> -> vector<1xf32>
  return
}
func.func @main(%x: tensor<64xf32>) {
  tiny.launch @not_affine "square_0" units 8 (%x) : (tensor<64xf32>) -> ()
  return
}

// -----

// One side of the mask is missing.
func.func @half_a_mask(%a: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{coordinate 0, d0 + d1 - 1, leaves [0, 8): it is 8 at}}
  %t = tiny.load %a[%c0, %c0] by affine_map<(d0, d1) -> (d0 + d1 - 1)> mask affine_set<(d0, d1) : (d0 + d1 - 1 >= 0)>
       : memref<8xf32> -> vector<8x3xf32>
  return
}

// -----

func.func @kernel(%x: tensor<4x5xf32>) -> tensor<22xf32> {
  %r = tiny.kernel "pad_0" shared 1 (%x) : (tensor<4x5xf32>) -> tensor<22xf32> {
  ^bb0(%a: tensor<4x5xf32>):
    // expected-error @+1 {{cannot prove that read 0 stays in its buffer: coordinate 0, (d0 - 1) floordiv 5, leaves [0, 4): it is 4 at (21)}}
    %0 = tiny.stage parallel [22] (%a by affine_map<(d0) -> ((d0 - 1) floordiv 5, (d0 - 1) mod 5)>
         mask affine_set<(d0) : (d0 - 1 >= 0)> fill 0.0 : f32 : tensor<4x5xf32>) -> (none tensor<22xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %0 : tensor<22xf32>
  }
  return %r : tensor<22xf32>
}

// -----

// A range check that lets through more than the table has.
func.func @limit_too_large(%a: memref<17x64xf32>, %rows: vector<1x16xi32>) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{cannot prove that the access stays in its buffer: coordinate 0, d2, leaves [0, 17): it is 17 at (0, 0, 17)}}
  %t = tiny.load %a[%c0, %c0] by affine_map<(d0, d1)[s0] -> (s0, d1)> at (%rows : vector<1x16xi32>) below [18] : memref<17x64xf32> -> vector<1x16xf32>
  return
}

// -----

// The check stands for the index alone, not for what is added to it.
func.func @sum_with_an_index(%a: memref<64xf32>, %v: vector<16xf32>, %places: vector<16xi64>) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{cannot prove that the access stays in its buffer: coordinate 0, d0 + d1, leaves [0, 64)}}
  tiny.store %v, %a[%c0] by affine_map<(d0)[s0] -> (d0 + s0)> at (%places : vector<16xi64>) below [50] : vector<16xf32>, memref<64xf32>
  return
}

// -----

func.func @lookup(%x: tensor<100x8xf32>, %i: tensor<7xi32>) -> tensor<7x8xf32> {
  %r = tiny.kernel "gather_0" shared 2 (%x, %i) : (tensor<100x8xf32>, tensor<7xi32>) -> tensor<7x8xf32> {
  ^bb0(%table: tensor<100x8xf32>, %ids: tensor<7xi32>):
    %o = tiny.stage parallel [7, 8] (%ids by affine_map<(d0, d1) -> (d0)> : tensor<7xi32>) -> (none tensor<7x8xf32>) {
    ^bb0(%id: i32):
      // expected-error @+1 {{cannot prove that the lookup stays in its table: coordinate 0, d2, leaves [0, 100): it is 100 at (6, 0, 100)}}
      %v = tiny.lookup %table by affine_map<(d0, d1)[s0] -> (s0, d1)> at (%id : i32) below [101] fill 0.0 : f32 : tensor<100x8xf32> -> f32
      tiny.yield %v : f32
    }
    tiny.yield %o : tensor<7x8xf32>
  }
  return %r : tensor<7x8xf32>
}
