// RUN: tinyc-opt %s --pass-pipeline='builtin.module(func.func(insert-barriers,verify-barriers))' | FileCheck %s

// A write and a read of one buffer by other lanes: one barrier, before the branch's successor.
// CHECK-LABEL: func.func @exchange
// CHECK: memref.store
// CHECK-NEXT: }
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: vector.load
// CHECK-NEXT: return
func.func @exchange(%x: f32, %i: index, %c: i1) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  scf.if %c {
    memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  }
  %v = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  return
}

// Three slots: one wait and one barrier an iteration; the copy fills the slot that was read before the barrier.
// CHECK-LABEL: func.func @pipeline
// CHECK: scf.for
// CHECK: nvgpu.device_async_wait %{{.*}} {numGroups = 1 : i32}
// CHECK-NEXT: gpu.barrier
// CHECK: vector.load
// CHECK-NOT: gpu.barrier
// CHECK: scf.yield
func.func @pipeline(%x: memref<64xf32>, %i: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %s = memref.alloca() : memref<3x4xf32, #gpu.address_space<workgroup>>
  %a = nvgpu.device_async_copy %x[%c0], %s[%c0, %i], 4 : memref<64xf32> to memref<3x4xf32, #gpu.address_space<workgroup>>
  %ga = nvgpu.device_async_create_group %a
  %b = nvgpu.device_async_copy %x[%c0], %s[%c1, %i], 4 : memref<64xf32> to memref<3x4xf32, #gpu.address_space<workgroup>>
  %gb = nvgpu.device_async_create_group %b
  scf.for %n = %c0 to %c16 step %c1 iter_args(%t = %ga, %u = %gb)
      -> (!nvgpu.device.async.token, !nvgpu.device.async.token) {
    %now = affine.apply affine_map<(d0) -> (d0 mod 3)>(%n)
    %next = affine.apply affine_map<(d0) -> ((d0 + 2) mod 3)>(%n)
    lane.await %t
    %v = vector.load %s[%now, %c0] : memref<3x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
    %c = nvgpu.device_async_copy %x[%n], %s[%next, %i], 4 : memref<64xf32> to memref<3x4xf32, #gpu.address_space<workgroup>>
    %gc = nvgpu.device_async_create_group %c
    scf.yield %u, %gc : !nvgpu.device.async.token, !nvgpu.device.async.token
  }
  return
}

// All lanes take the branch or none: barriers may stand in it. What was touched before it may still be in use after it.
// CHECK-LABEL: func.func @together
// CHECK: memref.store
// CHECK: scf.if
// CHECK: gpu.barrier
// CHECK-NEXT: vector.load
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.store
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: vector.load
// CHECK: }
// CHECK: gpu.barrier
// CHECK-NEXT: memref.store
// CHECK: return
func.func @together(%x: f32, %i: index, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  %rest = affine.apply affine_map<(d0) -> (d0 mod 7)>(%unit)
  %some = arith.cmpi slt, %rest, %c3 : index
  scf.if %some {
    %v = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
    memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
    %w = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  }
  memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  return
}

// Nobody knows how often the loop runs: its barrier orders nothing of what stands around it.
// CHECK-LABEL: func.func @sometimes
// CHECK: vector.load
// CHECK: scf.for
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.load
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.store
// CHECK-NEXT: }
// CHECK-NEXT: gpu.barrier
// CHECK-NEXT: memref.store
// CHECK-NEXT: return
func.func @sometimes(%x: f32, %i: index, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  %t = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  %v = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  scf.for %n = %c0 to %unit step %c1 {
    %w = memref.load %t[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>
    memref.store %x, %t[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  }
  memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  return
}

// A buffer that the kernel reads and overwrites is memory in which lanes meet.
// CHECK-LABEL: func.func @overwrites
// CHECK: memref.load
// CHECK-NEXT: gpu.barrier {tiny.in_place}
// CHECK-NEXT: memref.store
// CHECK-NEXT: memref.store
// CHECK-NEXT: return
func.func @overwrites(%b: memref<64xf32> {tiny.in_place}, %a: memref<64xf32>, %i: index, %unit: index) attributes {tiny.kernel} {
  %v = memref.load %b[%i] : memref<64xf32>
  memref.store %v, %b[%i] : memref<64xf32>
  memref.store %v, %a[%i] : memref<64xf32>
  return
}

// A barrier for shared memory does not order it.
// CHECK-LABEL: func.func @overwrites_later
// CHECK: memref.load
// CHECK-NEXT: memref.store %{{.*}}, %[[S:.*]][
// CHECK-NEXT: gpu.barrier{{$}}
// CHECK-NEXT: vector.load
// CHECK-NEXT: gpu.barrier {tiny.in_place}
// CHECK-NEXT: memref.store
// CHECK-NEXT: return
func.func @overwrites_later(%b: memref<64xf32> {tiny.in_place}, %i: index, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  %v = memref.load %b[%i] : memref<64xf32>
  memref.store %v, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  %w = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  memref.store %v, %b[%i] : memref<64xf32>
  return
}

// What is only declared has no accesses.
// CHECK: func.func private @declared
func.func private @declared(memref<64xf32>, index) attributes {tiny.kernel}
