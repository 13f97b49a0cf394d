// RUN: tinyc-opt %s --fuse --split-input-file | FileCheck %s

// The indices are computed, the rows read and what follows is done in one kernel; the table is an input of it.
// CHECK-LABEL: @embedding
// CHECK: tiny.kernel "add_gather_0" shared 1
// CHECK: %[[IDS:.*]] = tiny.stage parallel [7]
// CHECK: tiny.add %{{.*}} : i64
// CHECK: tiny.stage parallel [7, 8] (%[[IDS]] by #{{.*}} : tensor<7xi64>, %{{.*}} : tensor<8xf32>)
// CHECK: ^bb0(%[[ID:.*]]: i64, %{{.*}}: f32)
// CHECK: %[[ROW:.*]] = tiny.lookup %{{.*}} at(%[[ID]] : i64) below [100] fill -1.000000e+00 : f32 : tensor<100x8xf32> -> f32
// CHECK: tiny.add %[[ROW]], %{{.*}} : f32
// CHECK-NOT: tiny.kernel
func.func @embedding(%x: tensor<100x8xf32>, %i: tensor<7xi64>, %b: tensor<8xf32>) -> tensor<7x8xf32> {
  %one = tiny.const dense<1> : tensor<7xi64>
  %j = tiny.add %i, %one : tensor<7xi64>
  %r = tiny.gather %x[%j] dim 0 otherwise -1.0 : f32 : tensor<100x8xf32>, tensor<7xi64> -> tensor<7x8xf32>
  %w = tiny.view %b by affine_map<(d0, d1) -> (d1)> : tensor<8xf32> -> tensor<7x8xf32>
  %s = tiny.add %r, %w : tensor<7x8xf32>
  return %s : tensor<7x8xf32>
}

// -----

// A table that is computed is there before anything is looked up in it.
// CHECK-LABEL: @computed_table
// CHECK: %[[TABLE:.*]] = tiny.kernel "mul_0"
// CHECK: tiny.kernel "gather_1" shared 1(%[[TABLE]], %{{.*}})
func.func @computed_table(%x: tensor<10xf32>, %i: tensor<7xi32>) -> tensor<7xf32> {
  %y = tiny.mul %x, %x : tensor<10xf32>
  %r = tiny.gather %y[%i] dim 0 otherwise 0.0 : f32 : tensor<10xf32>, tensor<7xi32> -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

// The last update meant for a row is found by a maximum over the updates' numbers: no walk.
// CHECK-LABEL: @few_updates
// CHECK-NOT: tiny.scatter
// CHECK: max tensor<10xi64>
// CHECK: tiny.lookup
// CHECK-NOT: tiny.scatter
func.func @few_updates(%x: tensor<10x8xf32>, %i: tensor<7xi64>, %u: tensor<7x8xf32>) -> tensor<10x8xf32> {
  %r = tiny.scatter set %x[%i], %u dim 0 : tensor<10x8xf32>, tensor<7xi64>, tensor<7x8xf32>
  return %r : tensor<10x8xf32>
}

// -----

// The order of a sum of floats shows: the updates are walked, in a kernel of their own.
// CHECK-LABEL: @ordered
// CHECK: tiny.kernel "mul_0"
// CHECK: tiny.kernel "scatter_1" shared 1
// CHECK: tiny.scatter sum
// CHECK: tiny.kernel "sqrt_2"
func.func @ordered(%x: tensor<10x8xf32>, %i: tensor<7xi64>, %u: tensor<7x8xf32>) -> tensor<10x8xf32> {
  %v = tiny.mul %u, %u : tensor<7x8xf32>
  %r = tiny.scatter sum %x[%i], %v dim 0 : tensor<10x8xf32>, tensor<7xi64>, tensor<7x8xf32>
  %s = tiny.sqrt %r : tensor<10x8xf32>
  return %s : tensor<10x8xf32>
}

// -----

// What stands before a loop, in it and behind it is fused by itself; nothing that the loop needs joins what needs it.
// CHECK-LABEL: @loop
// CHECK: %[[BEFORE:.*]] = tiny.kernel "mul_1" shared 1
// CHECK: %[[LOOP:.*]] = tiny.loop 100 carry(%[[BEFORE]]) use(%{{.*}})
// CHECK: tiny.kernel "add_sqrt_0" shared 1
// CHECK: tiny.yield %{{.*}} : tensor<i1>, tensor<4xf32>
// CHECK: tiny.kernel "add_2" shared 1(%[[LOOP]], %[[BEFORE]])
func.func @loop(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %y = tiny.mul %x, %x : tensor<4xf32>
  %r = tiny.loop 100 carry(%y) use(%w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %u: tensor<4xf32>):
    %a = tiny.add %c, %u : tensor<4xf32>
    %n = tiny.sqrt %a : tensor<4xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %n : tensor<i1>, tensor<4xf32>
  }
  %z = tiny.add %r, %y : tensor<4xf32>
  return %z : tensor<4xf32>
}

// -----

// A slice a trip is written where the tensor lies: no kernel, and no copy of the rest.
// CHECK-LABEL: @slices
// CHECK: tiny.kernel "mul_0"
// CHECK: %[[Y:.*]] = tiny.scatter set %{{.*}} dim 0
// CHECK: tiny.yield %{{.*}}, %[[Y]]
// CHECK-NOT: tiny.kernel
func.func @slices(%y: tensor<100x4xf32>, %w: tensor<4xf32>) -> tensor<100x4xf32> {
  %r = tiny.loop 100 carry(%y) use(%w) : (tensor<100x4xf32>, tensor<4xf32>) -> tensor<100x4xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<100x4xf32>, %u: tensor<4xf32>):
    %a = tiny.mul %u, %u : tensor<4xf32>
    %n = tiny.scatter set %c[%i], %a dim 0 : tensor<100x4xf32>, tensor<i64>, tensor<4xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %n : tensor<i1>, tensor<100x4xf32>
  }
  return %r : tensor<100x4xf32>
}

// -----

// Both sides of a small choice are computed, and a large one stays.
// CHECK-LABEL: @choices
// CHECK: tiny.kernel "sqrt_where_1"
// CHECK: tiny.cond
// CHECK: tiny.kernel
// CHECK: else
func.func @choices(%c: tensor<i1>, %x: tensor<4xf32>, %y: tensor<512x512xf32>) -> (tensor<4xf32>, tensor<512x512xf32>) {
  %r = tiny.cond %c (%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %s = tiny.sqrt %a : tensor<4xf32>
    tiny.yield %s : tensor<4xf32>
  } else {
  ^bb0(%a: tensor<4xf32>):
    tiny.yield %a : tensor<4xf32>
  }
  %q = tiny.cond %c (%y) : (tensor<512x512xf32>) -> tensor<512x512xf32> {
  ^bb0(%a: tensor<512x512xf32>):
    %s = tiny.sqrt %a : tensor<512x512xf32>
    tiny.yield %s : tensor<512x512xf32>
  } else {
  ^bb0(%a: tensor<512x512xf32>):
    tiny.yield %a : tensor<512x512xf32>
  }
  return %r, %q : tensor<4xf32>, tensor<512x512xf32>
}
