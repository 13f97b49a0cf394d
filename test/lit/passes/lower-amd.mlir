// A kernel of the gpu dialect becomes ROCDL: bare pointers, thread numbers from registers, barriers, and no call
// of a math library.
// RUN: tinyc-opt %s --pass-pipeline='builtin.module(gpu.module(lower-amd))' | FileCheck %s

module attributes {tiny.target = "amd:gfx1100"} {
gpu.module @kernels {
  // CHECK-LABEL: llvm.func @scale
  // CHECK-SAME: !llvm.ptr<1>
  // CHECK-SAME: rocdl.kernel
  // CHECK-NOT: gpu.
  // CHECK: rocdl.workitem.id.x
  // CHECK: llvm.load
  // CHECK: llvm.intr.sqrt
  // CHECK: llvm.fence syncscope("workgroup") release {llvm.mmra
  // CHECK-NEXT: rocdl.s.barrier
  // CHECK-NEXT: llvm.fence syncscope("workgroup") acquire {llvm.mmra
  // A barrier that orders global memory too.
  // CHECK-NEXT: llvm.fence syncscope("workgroup") release{{ *$}}
  // CHECK-NEXT: rocdl.s.barrier
  // CHECK-NEXT: llvm.fence syncscope("workgroup") acquire{{ *$}}
  // CHECK: llvm.store
  // CHECK-NOT: __ocml_
  gpu.func @scale(%x: memref<128xf32, #gpu.address_space<global>>, %y: memref<128xf32, #gpu.address_space<global>>) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>} {
    %t = gpu.thread_id x
    %v = memref.load %x[%t] : memref<128xf32, #gpu.address_space<global>>
    %r = math.sqrt %v : f32
    gpu.barrier
    gpu.barrier {tiny.in_place}
    memref.store %r, %y[%t] : memref<128xf32, #gpu.address_space<global>>
    gpu.return
  }
}
}
