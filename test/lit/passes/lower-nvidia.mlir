// A kernel of the gpu dialect becomes NVVM: bare pointers, thread numbers from special registers, barriers, and no call
// of a math library.
// RUN: tinyc-opt %s --pass-pipeline='builtin.module(gpu.module(lower-nvidia))' | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: llvm.func @scale
  // CHECK-SAME: !llvm.ptr<1>
  // CHECK-SAME: nvvm.kernel
  // CHECK-NOT: gpu.
  // CHECK: nvvm.read.ptx.sreg.tid.x
  // CHECK: llvm.load
  // CHECK: llvm.intr.sqrt
  // CHECK: nvvm.barrier
  // CHECK: llvm.store
  // CHECK-NOT: __nv_
  gpu.func @scale(%x: memref<128xf32, #gpu.address_space<global>>, %y: memref<128xf32, #gpu.address_space<global>>) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %t = gpu.thread_id x
    %v = memref.load %x[%t] : memref<128xf32, #gpu.address_space<global>>
    %r = math.sqrt %v : f32
    gpu.barrier
    memref.store %r, %y[%t] : memref<128xf32, #gpu.address_space<global>>
    gpu.return
  }
}
