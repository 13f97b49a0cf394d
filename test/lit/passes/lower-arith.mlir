// Elementwise tiny ops on scalars and vectors become arith; unsigned types become signless.
// RUN: tinyc-opt --lower-arith --split-input-file %s | FileCheck %s
// RUN: tinyc-opt --lower-arith=bf16-as-bits --split-input-file %s | FileCheck %s --check-prefix=AS-BITS

// CHECK-LABEL: func @integer_division
// CHECK-SAME: (%[[A:.*]]: vector<4xi32>, %[[B:.*]]: vector<4xi32>)
func.func @integer_division(%a: vector<4xi32>, %b: vector<4xi32>) -> (vector<4xi32>, vector<4xi32>) {
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0> : vector<4xi32>
  // CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1> : vector<4xi32>
  // CHECK: %[[IS_ZERO:.*]] = arith.cmpi eq, %[[B]], %[[ZERO]]
  // CHECK: %[[MINUS:.*]] = arith.constant dense<-1>
  // CHECK: %[[IS_MINUS:.*]] = arith.cmpi eq, %[[B]], %[[MINUS]]
  // CHECK: %[[EITHER:.*]] = arith.ori %[[IS_ZERO]], %[[IS_MINUS]]
  // CHECK: %[[SAFE:.*]] = arith.select %[[EITHER]], %[[ONE]], %[[B]]
  // CHECK-DAG: %[[NEGATED:.*]] = arith.subi %[[ZERO]], %[[A]]
  // CHECK-DAG: %[[QUOTIENT:.*]] = arith.divsi %[[A]], %[[SAFE]]
  // CHECK: %[[Q:.*]] = arith.select %[[IS_MINUS]], %[[NEGATED]], %[[QUOTIENT]]
  // CHECK: arith.select %[[IS_ZERO]], %[[ZERO]], %[[Q]]
  %q = tiny.div %a, %b : vector<4xi32>
  // CHECK: arith.remsi
  %r = tiny.mod %a, %b : vector<4xi32>
  return %q, %r : vector<4xi32>, vector<4xi32>
}

// -----

// The meaning of unsigned types survives in the ops, not in the types.
// CHECK-LABEL: func @unsigned
// CHECK-SAME: (%{{.*}}: i8, %{{.*}}: i8, %{{.*}}: memref<4xi8>) -> (i8, i8, i8, i1, f32, i32)
func.func @unsigned(%a: ui8, %b: ui8, %m: memref<4xui8>) -> (ui8, ui8, ui8, i1, f32, i32) {
  // CHECK: arith.divui
  %q = tiny.div %a, %b : ui8
  // The amount is cut to the width: no shift is ever poison, whatever LLVM makes of the select after it.
  // CHECK: %[[FITS:.*]] = arith.cmpi ult, %arg1, %{{.*}} : i8
  // CHECK: %[[SEVEN:.*]] = arith.constant 7 : i8
  // CHECK: %[[AMOUNT:.*]] = arith.andi %arg1, %[[SEVEN]]
  // CHECK: %[[SHIFTED:.*]] = arith.shrui %arg0, %[[AMOUNT]]
  // CHECK: arith.select %[[FITS]], %[[SHIFTED]]
  %s = tiny.shr %a, %b : ui8
  // CHECK: arith.maxui
  %x = tiny.max %a, %b : ui8
  // CHECK: arith.cmpi ult
  %l = tiny.cmplt %a, %b : ui8
  // CHECK: arith.uitofp
  %f = tiny.cast %a : ui8 to f32
  // CHECK: arith.constant -56 : i8
  %c = tiny.const 200 : ui8
  // CHECK: arith.extui
  %i = tiny.cast %c : ui8 to i32
  return %q, %s, %x, %l, %f, %i : ui8, ui8, ui8, i1, f32, i32
}

// -----

// CHECK-LABEL: func @maximum
func.func @maximum(%a: vector<8xf32>, %b: vector<8xf32>) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
  // CHECK: arith.maximumf
  %m = tiny.max %a, %b : vector<8xf32>
  // A constant: NaN is not below it and stays; +0 wins over -0.
  %zero = tiny.const dense<0.0> : vector<8xf32>
  // CHECK: %[[AT_MOST:.*]] = arith.cmpf oge, %{{.*}}, %arg0
  // CHECK: arith.select %[[AT_MOST]], %{{.*}}, %arg0
  %relu = tiny.max %a, %zero : vector<8xf32>
  %two = tiny.const dense<2.0> : vector<8xf32>
  // CHECK: arith.cmpf ogt, %{{.*}}, %arg0
  %bounded = tiny.max %two, %a : vector<8xf32>
  // The larger of a number and its negation is its magnitude.
  %minus = tiny.const dense<-1.0> : vector<8xf32>
  // CHECK: arith.negf
  %n = tiny.mul %a, %minus : vector<8xf32>
  // CHECK: %[[BITS:.*]] = arith.bitcast %arg0 : vector<8xf32> to vector<8xi32>
  // CHECK: %[[CLEAR:.*]] = arith.constant dense<2147483647>
  // CHECK: arith.andi %[[BITS]], %[[CLEAR]]
  %abs = tiny.max %a, %n : vector<8xf32>
  return %m, %relu, %bounded, %abs : vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>
}

// -----

// CHECK-LABEL: func @casts
func.func @casts(%a: f32, %d: f64, %l: i64, %t: i1) -> (bf16, i32, ui8, i1, f16, bf16, f32) {
  // No arith.truncf to bf16: x86 would call a function for it.
  // CHECK-NOT: to bf16
  // CHECK: arith.bitcast %{{.*}} : i16 to bf16
  %b = tiny.cast %a : f32 to bf16
  // CHECK: %[[SAFE:.*]] = arith.select
  // CHECK: arith.fptosi %[[SAFE]] : f32 to i32
  %i = tiny.cast %a : f32 to i32
  // CHECK: arith.fptosi %{{.*}} : f32 to i32
  // CHECK: arith.trunci %{{.*}} : i32 to i8
  %u = tiny.cast %a : f32 to ui8
  // CHECK: arith.cmpf une
  %z = tiny.cast %a : f32 to i1
  // f64 to f16 goes through f32 rounded to odd.
  // CHECK: arith.truncf %{{.*}} : f64 to f32
  // CHECK: arith.truncf %{{.*}} : f32 to f16
  %h = tiny.cast %d : f64 to f16
  // CHECK: arith.sitofp %{{.*}} : i64 to f64
  %w = tiny.cast %l : i64 to bf16
  // CHECK: arith.select %arg3
  %f = tiny.cast %t : i1 to f32
  return %b, %i, %u, %z, %h, %w, %f : bf16, i32, ui8, i1, f16, bf16, f32
}

// -----

// Halves compute in f32.
// CHECK-LABEL: func @half
func.func @half(%a: vector<2x4xbf16>, %b: vector<2x4xbf16>) -> vector<2x4xbf16> {
  // bf16 is widened in integers.
  // CHECK-NOT: arith.extf
  // CHECK-COUNT-2: arith.bitcast %{{.*}} : vector<2x4xi32> to vector<2x4xf32>
  // CHECK: arith.mulf %{{.*}} : vector<2x4xf32>
  %r = tiny.mul %a, %b : vector<2x4xbf16>
  return %r : vector<2x4xbf16>
}

// -----

// A target without registers of bf16 sees its bits only, also in what loops carry and in constants.
// AS-BITS-LABEL: func @bits
// AS-BITS-SAME: (%{{.*}}: vector<4xi16>, %{{.*}}: vector<4xi1>) -> vector<4xi16>
func.func @bits(%a: vector<4xbf16>, %t: vector<4xi1>) -> vector<4xbf16> {
  // AS-BITS-NOT: bf16
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  // AS-BITS: arith.constant dense<16384> : vector<4xi16>
  %two = tiny.const dense<2.0> : vector<4xbf16>
  // AS-BITS: scf.for {{.*}} -> (vector<4xi16>)
  %sum = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %two) -> (vector<4xbf16>) {
    // AS-BITS: arith.addf %{{.*}} : vector<4xf32>
    // AS-BITS: %[[UPPER:.*]] = arith.trunci %{{.*}} : vector<4xi32> to vector<4xi16>
    // AS-BITS: scf.yield %[[UPPER]] : vector<4xi16>
    %n = tiny.add %s, %a : vector<4xbf16>
    scf.yield %n : vector<4xbf16>
  }
  // AS-BITS: arith.constant dense<16256> : vector<4xi16>
  %truth = tiny.cast %t : vector<4xi1> to vector<4xbf16>
  // AS-BITS: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<4xi1>, vector<4xi16>
  %r = tiny.where %t, %sum, %truth : vector<4xbf16>
  // AS-BITS: return %{{.*}} : vector<4xi16>
  return %r : vector<4xbf16>
}

// -----

// A function on tensors is of an earlier level and keeps its types.
// CHECK-LABEL: func @tensors
func.func @tensors(%a: tensor<4xui8>) -> tensor<4xui8> {
  // CHECK: tiny.add %{{.*}} : tensor<4xui8>
  %r = tiny.add %a, %a : tensor<4xui8>
  return %r : tensor<4xui8>
}

// -----

// A launch keeps the user's types while its kernel's become signless.
// CHECK-LABEL: func @add_one(%{{.*}}: memref<4xi8>, %{{.*}}: memref<4xi8>, %{{.*}}: index)
func.func @add_one(%in: memref<4xui8>, %out: memref<4xui8>, %unit: index) {
  // CHECK: tiny.load {{.*}} fill -56 : i8 : memref<4xi8> -> vector<8xi8>
  %c0 = arith.constant 0 : index
  %x = tiny.load %in[%c0] by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (3 - d0 >= 0)> fill 200 : ui8 : memref<4xui8> -> vector<8xui8>
  // CHECK: arith.constant dense<-1> : vector<8xi8>
  %one = tiny.const dense<255> : vector<8xui8>
  %y = tiny.add %x, %one : vector<8xui8>
  tiny.store %y, %out[%c0] by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (3 - d0 >= 0)> : vector<8xui8>, memref<4xui8>
  return
}
// CHECK-LABEL: func @main(%{{.*}}: tensor<4xui8>)
func.func @main(%x: tensor<4xui8>) -> tensor<4xui8> {
  // CHECK: tiny.launch @add_one
  %r = tiny.launch @add_one "add_one_0" units 1 (%x) : (tensor<4xui8>) -> tensor<4xui8>
  return %r : tensor<4xui8>
}
