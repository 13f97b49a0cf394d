// Accesses that stay in their buffers, by intervals, by a mask, by a loop's bound, by arithmetic on the unit's number.
// RUN: tinyc-opt %s --prove-bounds | FileCheck %s

// CHECK-LABEL: func @matmul
func.func @matmul(%a: memref<17x64xf16>, %c: memref<17x64xf16>, %unit: index) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %row, %column = affine.delinearize_index %unit into (2, 2) : index, index
  %i = affine.apply affine_map<(d0) -> (d0 * 16)>(%row)
  scf.for %k = %c0 to %c64 step %c32 {
    %t = tiny.load %a[%i, %k] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (16 - d0 >= 0)>
         : memref<17x64xf16> -> vector<16x32xf16>
    %j = arith.muli %column, %c32 : index
    tiny.store %t, %c[%i, %j] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (16 - d0 >= 0)>
      : vector<16x32xf16>, memref<17x64xf16>
  }
  return
}

// The window of a padded convolution: no coordinate is in bounds by its interval alone.
// CHECK-LABEL: func @window
func.func @window(%a: memref<8x8xf32>, %c: memref<64xf32>, %unit: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %y = arith.divui %unit, %c8 : index
  %x = arith.remui %unit, %c8 : index
  %t = tiny.load %a[%y, %x, %c0, %c0] by affine_map<(d0, d1, d2, d3) -> (d0 + d2 - 1, d1 + d3 - 1)>
       mask affine_set<(d0, d1, d2, d3) : (d0 + d2 - 1 >= 0, 8 - d0 - d2 >= 0, d1 + d3 - 1 >= 0, 8 - d1 - d3 >= 0)>
       : memref<8x8xf32> -> vector<1x1x3x3xf32>
  %s = tiny.reduce sum %t [0, 1, 2, 3] : vector<1x1x3x3xf32> -> vector<f32>
  %v = tiny.view %s by affine_map<(d0) -> ()> : vector<f32> -> vector<1xf32>
  tiny.store %v, %c[%unit] by affine_map<(d0) -> (d0)> : vector<1xf32>, memref<64xf32>
  return
}

// A loop to a bound that depends on the unit, and a reshape in the map: integer programming decides.
// CHECK-LABEL: func @triangle
func.func @triangle(%a: memref<36xf32>, %unit: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = affine.apply affine_map<(d0) -> (36 - d0 * 5)>(%unit)
  scf.for %k = %c0 to %end step %c1 {
    %t = tiny.load %a[%unit, %k] by affine_map<(d0, d1) -> (d0 * 5 + d1)> : memref<36xf32> -> vector<1x1xf32>
  }
  %last = arith.constant 7 : index
  %inside = arith.cmpi slt, %unit, %last : index
  scf.if %inside {
    %t = tiny.load %a[%unit] by affine_map<(d0) -> (d0 + 29)> : memref<36xf32> -> vector<1xf32>
  }
  return
}

func.func @main(%x: tensor<17x64xf16>, %y: tensor<8x8xf32>) -> (tensor<17x64xf16>, tensor<64xf32>) {
  %0 = tiny.launch @matmul "matmul_0" units 4 (%x) : (tensor<17x64xf16>) -> tensor<17x64xf16>
  %1 = tiny.launch @window "window_1" units 64 (%y) : (tensor<8x8xf32>) -> tensor<64xf32>
  %a = tiny.const dense<0.0> : tensor<36xf32>
  tiny.launch @triangle "triangle_2" units 8 (%a) : (tensor<36xf32>) -> ()
  return %0, %1 : tensor<17x64xf16>, tensor<64xf32>
}

// CHECK-LABEL: func @kernel
func.func @kernel(%x: tensor<4x5xf32>) -> tensor<22xf32> {
  %r = tiny.kernel "pad_0" shared 1 (%x) : (tensor<4x5xf32>) -> tensor<22xf32> {
  ^bb0(%a: tensor<4x5xf32>):
    %0 = tiny.stage parallel [22] (%a by affine_map<(d0) -> ((d0 - 1) floordiv 5, (d0 - 1) mod 5)>
         mask affine_set<(d0) : (d0 - 1 >= 0, 20 - d0 >= 0)> fill 0.0 : f32 : tensor<4x5xf32>) -> (none tensor<22xf32>) {
    ^bb0(%v: f32):
      tiny.yield %v : f32
    }
    tiny.yield %0 : tensor<22xf32>
  }
  return %r : tensor<22xf32>
}

// What data points to is proven from the range check that comes with it, together with the affine coordinates.
func.func @indices(%a: memref<17x64xf32>, %rows: vector<2x16xi32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  scf.for %k = %c0 to %c64 step %c16 {
    %t = tiny.load %a[%c0, %k] by affine_map<(d0, d1)[s0] -> (s0, d1)> at (%rows : vector<2x16xi32>) below [17] : memref<17x64xf32> -> vector<2x16xf32>
    tiny.store %t, %a[%c0, %k] by affine_map<(d0, d1)[s0] -> (16 - s0, d1)> at (%rows : vector<2x16xi32>) below [17] : vector<2x16xf32>, memref<17x64xf32>
  }
  return
}
