// RUN: tinyc-opt %s --pipeline-loads | FileCheck %s --check-prefix=ASYNC
// RUN: sed s/nvidia:sm_80/amd:gfx1100/ %s | tinyc-opt --pipeline-loads | FileCheck %s --check-prefix=SYNC

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
module attributes {tiny.target = "nvidia:sm_80"} {
// Three slots; two copies are under way when the loop begins, and the third starts in each iteration.
// ASYNC-LABEL: func.func @matmul
// ASYNC: memref.alloca() : memref<3x64x32xf16, #gpu.address_space<workgroup>>
// ASYNC-COUNT-4: lane.copy
// ASYNC: scf.for {{.*}} -> (vector<64x64xf32>, !nvgpu.device.async.token, !nvgpu.device.async.token)
// ASYNC: lane.read %{{.*}} after
// ASYNC: lane.read %{{.*}} after
// ASYNC-COUNT-2: lane.copy {{.*}} mask
// ASYNC: vector.contract
// ASYNC: scf.yield

// Without asynchronous copies: load early, write late, two slots.
// SYNC-LABEL: func.func @matmul
// SYNC: memref.alloca() : memref<2x64x32xf16, #gpu.address_space<workgroup>>
// SYNC-NOT: lane.copy
// SYNC: scf.for
// SYNC-COUNT-2: tiny.load
// SYNC: lane.read
// SYNC: lane.read
// SYNC: vector.contract
// SYNC-COUNT-2: lane.write
func.func @matmul(%a: memref<64x512xf16>, %b: memref<512x64xf16>, %c: memref<64x64xf32>, %unit: index)
    attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [64, 64], strip = [32], warps = [2, 2, 1],
                instruction = "mma.sync.m16n8k16.f32.f16", pipeline = 3, vector = 8>} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c512 = arith.constant 512 : index
  %zero = tiny.const dense<0.0> : vector<64x64xf32>
  %acc = scf.for %k = %c0 to %c512 step %c32 iter_args(%x = %zero) -> (vector<64x64xf32>) {
    %ta = tiny.load %a[%c0, %k] by affine_map<(d0, d1) -> (d0, d1)> : memref<64x512xf16> -> vector<64x32xf16>
    %tb = tiny.load %b[%k, %c0] by affine_map<(d0, d1) -> (d0, d1)> : memref<512x64xf16> -> vector<32x64xf16>
    %p = vector.contract {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"],
         kind = #vector.kind<add>} %ta, %tb, %x : vector<64x32xf16>, vector<32x64xf16> into vector<64x64xf32>
    scf.yield %p : vector<64x64xf32>
  }
  tiny.store %acc, %c[%c0, %c0] by affine_map<(d0, d1) -> (d0, d1)> : vector<64x64xf32>, memref<64x64xf32>
  return
}
}
