// RUN: tinyc-opt %s --pass-pipeline='builtin.module(lanes,canonicalize,cse)' | FileCheck %s

module attributes {tiny.target = "nvidia:sm_80"} {

// Four elements to a lane, 32 lanes, two warps: the lane's place is its thread number times four.
// CHECK-LABEL: func.func @twice
// CHECK-SAME: tiny.threads = 64
// CHECK: %[[THREAD:.*]] = gpu.thread_id x
// CHECK: %[[PLACE:.*]] = arith.shli
// CHECK: vector.load %{{.*}}[%{{.*}}] {alignment = 16 : i64} : memref<4096xf32>, vector<4xf32>
// CHECK: tiny.add %{{.*}} : vector<4xf32>
// CHECK: vector.store %{{.*}} {alignment = 16 : i64} : memref<4096xf32>, vector<4xf32>
func.func @twice(%x: memref<4096xf32>, %o: memref<4096xf32>, %unit: index)
    attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [256], warps = [2], vector = 4>} {
  %c256 = arith.constant 256 : index
  %i = arith.muli %unit, %c256 : index
  %t = tiny.load %x[%i] by affine_map<(d0) -> (d0)> : memref<4096xf32> -> vector<256xf32>
  %u = tiny.add %t, %t : vector<256xf32>
  tiny.store %u, %o[%i] by affine_map<(d0) -> (d0)> : vector<256xf32>, memref<4096xf32>
  return
}

// A row of 255 leaves no access wider than one element; each is under its mask, and nothing is touched outside.
// CHECK-LABEL: func.func @ragged
// CHECK: %[[IN:.*]] = arith.cmpi sge
// CHECK: scf.if %[[IN]]
// CHECK: memref.load
// CHECK: else
// CHECK: scf.if %[[IN]]
// CHECK: memref.store
// CHECK-NOT: vector.store
func.func @ragged(%x: memref<9x255xf32>, %o: memref<9x255xf32>, %unit: index)
    attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [1, 256], warps = [1, 2], vector = 4>} {
  %c0 = arith.constant 0 : index
  %t = tiny.load %x[%unit, %c0] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (254 - d1 >= 0)>
       : memref<9x255xf32> -> vector<1x256xf32>
  tiny.store %t, %o[%unit, %c0] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (254 - d1 >= 0)>
      : vector<1x256xf32>, memref<9x255xf32>
  return
}

// Registers by halves, five exchanges between lanes, two warps through shared memory.
// CHECK-LABEL: func.func @sum
// CHECK: %[[PARTS:.*]] = memref.alloca() {{.*}} : memref<1x2xf32, #gpu.address_space<workgroup>>
// CHECK: tiny.add %{{.*}} : vector<2xf32>
// CHECK: tiny.add %{{.*}} : vector<1xf32>
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: memref.store %{{.*}}, %[[PARTS]]
// CHECK: vector.load %[[PARTS]]{{.*}} vector<2xf32>
// CHECK: scf.if
// CHECK: memref.store
func.func @sum(%x: memref<9x256xf32>, %o: memref<9xf32>, %unit: index)
    attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [1], strip = [256], warps = [1, 2], vector = 4>} {
  %c0 = arith.constant 0 : index
  %t = tiny.load %x[%unit, %c0] by affine_map<(d0, d1) -> (d0, d1)> : memref<9x256xf32> -> vector<1x256xf32>
  %s = tiny.reduce sum %t [1] : vector<1x256xf32> -> vector<1xf32>
  tiny.store %s, %o[%unit] by affine_map<(d0) -> (d0)> : vector<1xf32>, memref<9xf32>
  return
}
}
