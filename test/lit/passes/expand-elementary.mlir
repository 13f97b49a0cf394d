// Elementary functions become arithmetic: no tiny op of theirs is left, and no libm-like op of math, which some targets
// would turn into calls or approximate instructions.
// RUN: tinyc-opt --expand-elementary %s | FileCheck %s
// RUN: tinyc-opt --expand-elementary --lower-arith %s | FileCheck %s --check-prefix=ARITH
// ARITH-NOT: {{tiny\.|math\.(exp|log|sin|powf)|fastmath|remf}}

// CHECK-LABEL: func @exp2
// CHECK-SAME: (%[[X:.*]]: vector<16xf32>)
func.func @exp2(%x: vector<16xf32>) -> vector<16xf32> {
  // The nearest integer in the lower bits of a sum.
  // CHECK: %[[SHIFT:.*]] = arith.constant dense<0x4B400000> : vector<16xf32>
  // CHECK: %[[SHIFTED:.*]] = arith.addf %{{.*}}, %[[SHIFT]]
  // CHECK: %[[K:.*]] = arith.subf %[[SHIFTED]], %[[SHIFT]]
  // CHECK: %[[R:.*]] = arith.subf %{{.*}}, %[[K]]
  // CHECK-COUNT-5: math.fma %{{.*}}, %[[R]], %{{.*}} : vector<16xf32>
  // CHECK: %[[POWER:.*]] = math.fma %[[R]]
  // Times 2^k in two steps, so that denormals are rounded once.
  // CHECK: %[[FIRST:.*]] = arith.mulf %[[POWER]]
  // CHECK: arith.mulf %[[FIRST]]
  %y = tiny.exp two %x : vector<16xf32>
  return %y : vector<16xf32>
}

// CHECK-LABEL: func @exp_f64
func.func @exp_f64(%x: f64) -> f64 {
  // CHECK: math.fma %{{.*}} : f64
  // CHECK-NOT: tiny
  %y = tiny.exp e %x : f64
  return %y : f64
}

// CHECK-LABEL: func @log_bf16
func.func @log_bf16(%x: vector<2x4xbf16>) -> vector<2x4xbf16> {
  // CHECK: tiny.cast %{{.*}} : vector<2x4xbf16> to vector<2x4xf32>
  // CHECK: tiny.cast %{{.*}} : vector<2x4xf32> to vector<2x4xbf16>
  %y = tiny.log e %x : vector<2x4xbf16>
  return %y : vector<2x4xbf16>
}

// CHECK-LABEL: func @sin
func.func @sin(%x: f32) -> f32 {
  // 2/pi, in 64 bits at an offset.
  // CHECK: arith.muli %{{.*}} : i64
  // CHECK-NOT: tiny
  %y = tiny.sin %x : f32
  return %y : f32
}

// CHECK-LABEL: func @mod
func.func @mod(%x: vector<8xf32>, %y: vector<8xf32>, %i: i32) -> (vector<8xf32>, i32) {
  // CHECK-COUNT-10: arith.divf %{{.*}} : vector<8xf64>
  %r = tiny.mod %x, %y : vector<8xf32>
  // Integers are lower-arith's.
  // CHECK: tiny.mod %{{.*}} : i32
  %s = tiny.mod %i, %i : i32
  return %r, %s : vector<8xf32>, i32
}
