// What folds: constants, as the reference computes them, and identities that hold for every value.
// RUN: tinyc-opt --canonicalize --split-input-file %s | FileCheck %s

// CHECK-LABEL: func @constants
func.func @constants() -> (f32, tensor<4xf16>, tensor<2xi32>, i8, ui8, i32) {
  // CHECK-DAG: %[[E:.*]] = tiny.const 2.71828175 : f32
  %one = tiny.const 1.0 : f32
  %e = tiny.exp e %one : f32
  // f16 rounds once: 2049 is a tie between 2048 and 2050.
  // CHECK-DAG: %[[H:.*]] = tiny.const dense<2.048000e+03> : tensor<4xf16>
  %x = tiny.const dense<2048.0> : tensor<4xf16>
  %y = tiny.const dense<1.0> : tensor<4xf16>
  %h = tiny.add %x, %y : tensor<4xf16>
  // CHECK-DAG: %[[Q:.*]] = tiny.const dense<[0, -2147483648]> : tensor<2xi32>
  %a = tiny.const dense<[7, -2147483648]> : tensor<2xi32>
  %b = tiny.const dense<[0, -1]> : tensor<2xi32>
  %q = tiny.div %a, %b : tensor<2xi32>
  // CHECK-DAG: %[[S:.*]] = tiny.const 127 : i8
  %big = tiny.const 1.0e9 : f32
  %s = tiny.cast %big : f32 to i8
  // CHECK-DAG: %[[U:.*]] = tiny.const 255 : ui8
  %u = tiny.cast %big : f32 to ui8
  // CHECK-DAG: %[[Z:.*]] = tiny.const 0 : i32
  %c1 = tiny.const 1 : i32
  %c40 = tiny.const 40 : i32
  %z = tiny.shl %c1, %c40 : i32
  // CHECK: return %[[E]], %[[H]], %[[Q]], %[[S]], %[[U]], %[[Z]]
  return %e, %h, %q, %s, %u, %z : f32, tensor<4xf16>, tensor<2xi32>, i8, ui8, i32
}

// -----

// CHECK-LABEL: func @identities
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[I:.*]]: tensor<4xi32>, %[[C:.*]]: tensor<4xi1>)
func.func @identities(%x: tensor<4xf32>, %i: tensor<4xi32>, %c: tensor<4xi1>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi1>, tensor<4xf32>) {
  %minusZero = tiny.const dense<-0.0> : tensor<4xf32>
  %a = tiny.add %x, %minusZero : tensor<4xf32>
  %one = tiny.const dense<1.0> : tensor<4xf32>
  %m = tiny.mul %one, %x : tensor<4xf32>
  %lowest = tiny.const dense<0xFF800000> : tensor<4xf32>
  %l = tiny.max %lowest, %x : tensor<4xf32>
  %zero = tiny.const dense<0> : tensor<4xi32>
  %s = tiny.add %zero, %i : tensor<4xi32>
  %n = tiny.and %i, %zero : tensor<4xi32>
  %true = tiny.const dense<true> : tensor<4xi1>
  %not = tiny.xor %c, %true : tensor<4xi1>
  %notnot = tiny.xor %not, %true : tensor<4xi1>
  %w = tiny.where %c, %x, %x : tensor<4xf32>
  // CHECK: %[[ZERO:.*]] = tiny.const dense<0> : tensor<4xi32>
  // CHECK: return %[[X]], %[[X]], %[[X]], %[[I]], %[[ZERO]], %[[C]], %[[X]]
  return %a, %m, %l, %s, %n, %notnot, %w : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>, tensor<4xi32>, tensor<4xi1>, tensor<4xf32>
}

// -----

// What looks like an identity and is none.
// CHECK-LABEL: func @no_identities
func.func @no_identities(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi1>) {
  // CHECK: tiny.add
  %zero = tiny.const dense<0.0> : tensor<4xf32>
  %a = tiny.add %x, %zero : tensor<4xf32>
  // CHECK: tiny.mul
  %m = tiny.mul %x, %zero : tensor<4xf32>
  // CHECK: tiny.cmpeq
  %e = tiny.cmpeq %x, %x : tensor<4xf32>
  return %a, %m, %e : tensor<4xf32>, tensor<4xf32>, tensor<4xi1>
}

// -----

// A cast through a type that holds all values is the cast past it; one that rounds on its way stays.
// CHECK-LABEL: func @casts
// CHECK-SAME: (%[[H:.*]]: tensor<4xf16>, %[[F:.*]]: tensor<4xf32>)
func.func @casts(%h: tensor<4xf16>, %f: tensor<4xf32>) -> (tensor<4xf16>, tensor<4xi32>, tensor<4xf32>) {
  %wide = tiny.cast %h : tensor<4xf16> to tensor<4xf32>
  %back = tiny.cast %wide : tensor<4xf32> to tensor<4xf16>
  // CHECK: %[[I:.*]] = tiny.cast %[[H]] : tensor<4xf16> to tensor<4xi32>
  %i = tiny.cast %wide : tensor<4xf32> to tensor<4xi32>
  // CHECK: %[[N:.*]] = tiny.cast %[[F]] : tensor<4xf32> to tensor<4xf16>
  // CHECK: %[[R:.*]] = tiny.cast %[[N]] : tensor<4xf16> to tensor<4xf32>
  %narrow = tiny.cast %f : tensor<4xf32> to tensor<4xf16>
  %rounded = tiny.cast %narrow : tensor<4xf16> to tensor<4xf32>
  // CHECK: return %[[H]], %[[I]], %[[R]]
  return %back, %i, %rounded : tensor<4xf16>, tensor<4xi32>, tensor<4xf32>
}

// -----

// Which floats hold which: f16 all of e5m2 and of bytes, not those of bf16, nor of i16.
// CHECK-LABEL: func @small_floats
// CHECK-SAME: (%[[S:.*]]: tensor<4xf8E5M2>, %[[B:.*]]: tensor<4xui8>, %[[T:.*]]: tensor<4xbf16>, %[[W:.*]]: tensor<4xi16>)
func.func @small_floats(%s: tensor<4xf8E5M2>, %b: tensor<4xui8>, %t: tensor<4xbf16>, %w: tensor<4xi16>)
    -> (tensor<4xf8E5M2>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[BYTES:.*]] = tiny.cast %[[B]] : tensor<4xui8> to tensor<4xf32>
  // CHECK: %[[T16:.*]] = tiny.cast %[[T]] : tensor<4xbf16> to tensor<4xf16>
  // CHECK: %[[BRAIN:.*]] = tiny.cast %[[T16]] : tensor<4xf16> to tensor<4xf32>
  // CHECK: %[[W16:.*]] = tiny.cast %[[W]] : tensor<4xi16> to tensor<4xf16>
  // CHECK: %[[WORDS:.*]] = tiny.cast %[[W16]] : tensor<4xf16> to tensor<4xf32>
  // CHECK: return %[[S]], %[[BYTES]], %[[BRAIN]], %[[WORDS]]
  %0 = tiny.cast %s : tensor<4xf8E5M2> to tensor<4xf16>
  %small = tiny.cast %0 : tensor<4xf16> to tensor<4xf8E5M2>
  %1 = tiny.cast %b : tensor<4xui8> to tensor<4xf16>
  %bytes = tiny.cast %1 : tensor<4xf16> to tensor<4xf32>
  %2 = tiny.cast %t : tensor<4xbf16> to tensor<4xf16>
  %brain = tiny.cast %2 : tensor<4xf16> to tensor<4xf32>
  %3 = tiny.cast %w : tensor<4xi16> to tensor<4xf16>
  %words = tiny.cast %3 : tensor<4xf16> to tensor<4xf32>
  return %small, %bytes, %brain, %words : tensor<4xf8E5M2>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func @views_of_splats
func.func @views_of_splats() -> (tensor<3x4xf32>, tensor<6xf32>, tensor<6xf32>) {
  // CHECK-DAG: tiny.const dense<2.000000e+00> : tensor<3x4xf32>
  %c = tiny.const dense<2.0> : tensor<4xf32>
  %v = tiny.view %c by affine_map<(d0, d1) -> (d1)> : tensor<4xf32> -> tensor<3x4xf32>
  // CHECK-DAG: tiny.const dense<2.000000e+00> : tensor<6xf32>
  %p = tiny.view %c by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (3 - d0 >= 0)> fill 2.0 : f32 : tensor<4xf32> -> tensor<6xf32>
  // CHECK: tiny.view
  %q = tiny.view %c by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (3 - d0 >= 0)> fill 1.0 : f32 : tensor<4xf32> -> tensor<6xf32>
  return %v, %p, %q : tensor<3x4xf32>, tensor<6xf32>, tensor<6xf32>
}

// -----

// A kernel holds stages only: a constant that folding makes stands in the stage.
// CHECK-LABEL: func @in_kernels
// CHECK: tiny.kernel
// CHECK-NEXT: ^bb0
// CHECK-NEXT: tiny.stage
// CHECK-NEXT: ^bb0
// CHECK-NEXT: %[[C:.*]] = tiny.const 5.000000e+00 : f32
// CHECK-NEXT: %[[R:.*]] = tiny.mul %{{.*}}, %[[C]] : f32
// CHECK-NEXT: tiny.yield %[[R]]
func.func @in_kernels(%x: tensor<8xf32>) -> tensor<8xf32> {
  %r = tiny.kernel "scale_0" shared 1(%x) : (tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%a: tensor<8xf32>):
    %s = tiny.stage parallel [8] (%a by affine_map<(d0) -> (d0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%e: f32):
      %two = tiny.const 2.0 : f32
      %three = tiny.const 3.0 : f32
      %five = tiny.add %two, %three : f32
      %m = tiny.mul %e, %five : f32
      tiny.yield %m : f32
    }
    tiny.yield %s : tensor<8xf32>
  }
  return %r : tensor<8xf32>
}

// -----

// A type without infinities and without a negative zero does not hold those of another, though all its finite values.
// CHECK-LABEL: func @infinities
// CHECK-SAME: (%[[X:.*]]: tensor<4xf8E5M2>)
func.func @infinities(%x: tensor<4xf8E5M2>) -> tensor<4xf32> {
  // CHECK: %[[A:.*]] = tiny.cast %[[X]] : tensor<4xf8E5M2> to tensor<4xf8E5M2FNUZ>
  // CHECK: %[[B:.*]] = tiny.cast %[[A]] : tensor<4xf8E5M2FNUZ> to tensor<4xf32>
  // CHECK: return %[[B]]
  %a = tiny.cast %x : tensor<4xf8E5M2> to tensor<4xf8E5M2FNUZ>
  %b = tiny.cast %a : tensor<4xf8E5M2FNUZ> to tensor<4xf32>
  return %b : tensor<4xf32>
}
