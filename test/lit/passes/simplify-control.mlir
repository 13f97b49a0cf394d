// RUN: tinyc-opt %s --simplify --split-input-file | FileCheck %s

// No trips, one trip, few trips of a small body.
// CHECK-LABEL: @known_trips
// CHECK-NOT: tiny.loop
// CHECK-COUNT-4: tiny.add
// CHECK-NOT: tiny.add
func.func @known_trips(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %on = tiny.const dense<true> : tensor<i1>
  %0 = tiny.loop 0 carry(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    %n = tiny.add %c, %c : tensor<4xf32>
    %go = tiny.const dense<true> : tensor<i1>
    tiny.yield %go, %n : tensor<i1>, tensor<4xf32>
  }
  %1 = tiny.loop 1000 carry(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    %n = tiny.add %c, %c : tensor<4xf32>
    %go = tiny.const dense<false> : tensor<i1>
    tiny.yield %go, %n : tensor<i1>, tensor<4xf32>
  }
  %3 = tiny.loop 3 carry(%1) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    %n = tiny.add %c, %c : tensor<4xf32>
    %go = tiny.const dense<true> : tensor<i1>
    tiny.yield %go, %n : tensor<i1>, tensor<4xf32>
  }
  return %0, %1, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// A carried value that no trip changes is invariant, a constant stands in the body, and what nobody reads is not carried.
// CHECK-LABEL: @carried_for_nothing
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK: %[[R:.*]] = tiny.loop 100 carry(%[[X]]) use(%[[Y]])
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[C:.*]]: tensor<4xf32>, %[[U:.*]]: tensor<4xf32>):
// CHECK-DAG: tiny.const dense<5.000000e-01>
// CHECK: return %[[R]], %[[Y]]
func.func @carried_for_nothing(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %half = tiny.const dense<0.5> : tensor<4xf32>
  %r:3 = tiny.loop 100 carry(%x, %y, %x) use(%half, %y) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>, %h: tensor<4xf32>, %unused: tensor<4xf32>):
    %m = tiny.mul %a, %h : tensor<4xf32>
    %n = tiny.add %m, %b : tensor<4xf32>
    %go = tiny.const dense<true> : tensor<i1>
    tiny.yield %go, %n, %b, %n : tensor<i1>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// The number of a trip is read from a table, but not from one of a million numbers.
// CHECK-LABEL: @counted
// CHECK: %[[ZERO:.*]] = tiny.const dense<0> : tensor<i64>
// CHECK: tiny.loop 1000000 carry(%{{.*}}, %[[ZERO]])
// CHECK: ^bb0(%[[I:.*]]: tensor<i64>, %{{.*}}: tensor<i64>, %[[N:.*]]: tensor<i64>):
// CHECK-NOT: %[[I]]
// CHECK: tiny.add %[[N]], %{{.*}} : tensor<i64>
func.func @counted(%x: tensor<i64>) -> tensor<i64> {
  %r = tiny.loop 1000000 carry(%x) : (tensor<i64>) -> tensor<i64> {
  ^bb0(%i: tensor<i64>, %c: tensor<i64>):
    %n = tiny.xor %c, %i : tensor<i64>
    %on = tiny.cmplt %n, %c : tensor<i64>
    tiny.yield %on, %n : tensor<i1>, tensor<i64>
  }
  return %r : tensor<i64>
}

// -----

// CHECK-LABEL: @known_choice
// CHECK-NOT: tiny.cond
// CHECK: tiny.sqrt
// CHECK-NOT: tiny.exp
func.func @known_choice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = tiny.const dense<true> : tensor<i1>
  %r = tiny.cond %c (%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %s = tiny.sqrt %a : tensor<4xf32>
    tiny.yield %s : tensor<4xf32>
  } else {
  ^bb0(%a: tensor<4xf32>):
    %s = tiny.exp e %a : tensor<4xf32>
    tiny.yield %s : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// Results without elements are constants, also of a choice that has others, and of a loop.
// CHECK-LABEL: @no_elements
// CHECK-DAG: %[[E:.*]] = tiny.const dense<> : tensor<2x0xf32>
// CHECK-DAG: %[[R:.*]]:2 = tiny.cond
// CHECK-NOT: tiny.loop
// CHECK: return %[[E]], %[[R]]#1, %[[E]]
func.func @no_elements(%c: tensor<i1>, %n: tensor<2x0xf32>, %x: tensor<4xf32>) -> (tensor<2x0xf32>, tensor<4xf32>, tensor<2x0xf32>) {
  %r:2 = tiny.cond %c (%n, %x) : (tensor<2x0xf32>, tensor<4xf32>) -> (tensor<2x0xf32>, tensor<4xf32>) {
  ^bb0(%m: tensor<2x0xf32>, %a: tensor<4xf32>):
    %s = tiny.sqrt %a : tensor<4xf32>
    tiny.yield %m, %s : tensor<2x0xf32>, tensor<4xf32>
  } else {
  ^bb0(%m: tensor<2x0xf32>, %a: tensor<4xf32>):
    %t = tiny.sqrt %m : tensor<2x0xf32>
    tiny.yield %t, %a : tensor<2x0xf32>, tensor<4xf32>
  }
  %l = tiny.loop 1000000 carry(%n) : (tensor<2x0xf32>) -> tensor<2x0xf32> {
  ^bb0(%i: tensor<i64>, %m: tensor<2x0xf32>):
    %t = tiny.add %m, %m : tensor<2x0xf32>
    %limit = tiny.const dense<9> : tensor<i64>
    %on = tiny.cmplt %i, %limit : tensor<i64>
    tiny.yield %on, %t : tensor<i1>, tensor<2x0xf32>
  }
  return %r#0, %r#1, %l : tensor<2x0xf32>, tensor<4xf32>, tensor<2x0xf32>
}

// -----

// A constant that a choice takes stands in the side that uses it, and what neither side uses is not taken.
// CHECK-LABEL: @choice_takes
// CHECK-SAME: (%[[C:.*]]: tensor<i1>, %[[X:.*]]: tensor<4xf32>, %{{.*}}: tensor<4xf32>)
// CHECK-NEXT: tiny.cond %[[C]](%[[X]]) : (tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[K:.*]] = tiny.const dense<2.000000e+00>
// CHECK-NEXT: tiny.mul %[[A]], %[[K]]
// CHECK: else
// CHECK-NOT: tiny.const
// CHECK: tiny.exp
func.func @choice_takes(%c: tensor<i1>, %x: tensor<4xf32>, %u: tensor<4xf32>) -> tensor<4xf32> {
  %k = tiny.const dense<2.0> : tensor<4xf32>
  %r = tiny.cond %c (%x, %k, %u) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %unused: tensor<4xf32>):
    %s = tiny.mul %a, %b : tensor<4xf32>
    tiny.yield %s : tensor<4xf32>
  } else {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %unused: tensor<4xf32>):
    %s = tiny.exp e %a : tensor<4xf32>
    tiny.yield %s : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// Loops and choices have no effect but their results: without a reader they go.
// CHECK-LABEL: @read_by_nobody
// CHECK-NEXT: return
func.func @read_by_nobody(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %l = tiny.loop 1000000 carry(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %a: tensor<4xf32>):
    %n = tiny.mul %a, %a : tensor<4xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %n : tensor<i1>, tensor<4xf32>
  }
  %r = tiny.cond %c (%l) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %s = tiny.sqrt %a : tensor<4xf32>
    tiny.yield %s : tensor<4xf32>
  } else {
  ^bb0(%a: tensor<4xf32>):
    tiny.yield %a : tensor<4xf32>
  }
  return %x : tensor<4xf32>
}

// -----

// More trips than are worth a copy each, and trips that a value ends, stay a loop.
// CHECK-LABEL: @stays
// CHECK-COUNT-2: tiny.loop
func.func @stays(%x: tensor<4xf32>, %y: tensor<i64>) -> (tensor<4xf32>, tensor<i64>) {
  %l = tiny.loop 65 carry(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %a: tensor<4xf32>):
    %n = tiny.mul %a, %a : tensor<4xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %n : tensor<i1>, tensor<4xf32>
  }
  %m = tiny.loop 3 carry(%y) : (tensor<i64>) -> tensor<i64> {
  ^bb0(%i: tensor<i64>, %a: tensor<i64>):
    %n = tiny.xor %a, %i : tensor<i64>
    %on = tiny.cmplt %n, %a : tensor<i64>
    tiny.yield %on, %n : tensor<i1>, tensor<i64>
  }
  return %l, %m : tensor<4xf32>, tensor<i64>
}
