// RUN: tinyc-opt %s --pass-pipeline='builtin.module(func.func(verify-barriers))' --split-input-file --verify-diagnostics

func.func @no_barrier(%x: f32, %i: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  // expected-note @below {{other access here}}
  memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  // expected-error @below {{meets another lane's access with no barrier between them}}
  %v = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  return
}

// -----

// The wait leaves the group it should wait for under way.
func.func @weak_wait(%x: memref<64xf32>, %i: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  // expected-note @below {{other access here}}
  %a = nvgpu.device_async_copy %x[%c0], %s[%c0, %i], 4 : memref<64xf32> to memref<1x4xf32, #gpu.address_space<workgroup>>
  %g = nvgpu.device_async_create_group %a
  nvgpu.device_async_wait %g {numGroups = 1 : i32}
  gpu.barrier
  // expected-error @below {{reads a copy that has not been waited for}}
  %v = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  return
}

// -----

// Two slots, written late: without a barrier the next iteration reads what other lanes still write.
func.func @loop(%x: f32, %i: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %s = memref.alloca() : memref<2x4xf32, #gpu.address_space<workgroup>>
  scf.for %n = %c0 to %c8 step %c1 {
    %now = affine.apply affine_map<(d0) -> (d0 mod 2)>(%n)
    %next = affine.apply affine_map<(d0) -> ((d0 + 1) mod 2)>(%n)
    // expected-error @below {{meets another lane's access with no barrier between them}}
    %v = vector.load %s[%now, %c0] : memref<2x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
    // expected-note @below {{other access here}}
    memref.store %x, %s[%next, %i] : memref<2x4xf32, #gpu.address_space<workgroup>>
  }
  return
}

// -----

// The barrier orders what stands around the branch only if the branch runs.
func.func @perhaps(%x: f32, %i: index, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  // expected-note @below {{other access here}}
  memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  %some = arith.cmpi slt, %unit, %c3 : index
  scf.if %some {
    gpu.barrier
  }
  // expected-error @below {{meets another lane's access with no barrier between them}}
  %v = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  return
}

// -----

// The same of a loop of which nobody knows how often it runs.
func.func @sometimes(%x: f32, %i: index, %unit: index) attributes {tiny.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.alloca() : memref<1x4xf32, #gpu.address_space<workgroup>>
  // expected-note @below {{other access here}}
  memref.store %x, %s[%c0, %i] : memref<1x4xf32, #gpu.address_space<workgroup>>
  scf.for %n = %c0 to %unit step %c1 {
    gpu.barrier
  }
  // expected-error @below {{meets another lane's access with no barrier between them}}
  %v = vector.load %s[%c0, %c0] : memref<1x4xf32, #gpu.address_space<workgroup>>, vector<4xf32>
  return
}

// -----

// A buffer that the kernel reads and overwrites: the barrier orders shared memory only.
func.func @overwrites(%b: memref<64xf32> {tiny.in_place}, %i: index, %unit: index) attributes {tiny.kernel} {
  // expected-note @below {{other access here}}
  %v = memref.load %b[%i] : memref<64xf32>
  gpu.barrier
  // expected-error @below {{meets another lane's access with no barrier between them}}
  memref.store %v, %b[%i] : memref<64xf32>
  return
}

// -----

func.func @apart(%x: f32, %i: index, %unit: index) attributes {tiny.kernel} {
  %c3 = arith.constant 3 : index
  %some = arith.cmpi slt, %i, %c3 : index
  scf.if %some {
    // expected-error @below {{stands in a branch that lanes may not take together}}
    gpu.barrier
  }
  return
}
