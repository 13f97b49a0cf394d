// RUN: tinyc-opt %s --pass-pipeline='builtin.module(to-gpu)' | FileCheck %s
// RUN: tinyc-opt %s --pass-pipeline='builtin.module(to-gpu,gpu.module(lower-nvidia))' | FileCheck %s --check-prefix=NVVM
// RUN: sed s/nvidia:sm_80/amd:gfx1100/ %s | tinyc-opt --pass-pipeline='builtin.module(to-gpu,gpu.module(lower-amd))' | FileCheck %s --check-prefix=ROCDL

module attributes {tiny.target = "nvidia:sm_80"} {
// CHECK: gpu.module @kernels
// CHECK: gpu.func @copy(%{{.*}}: memref<64xf32, #gpu.address_space<global>> {llvm.noalias},
// CHECK-SAME: kernel
// CHECK-SAME: tiny.shared = 256
// CHECK: gpu.block_id x
// CHECK: gpu.dynamic_shared_memory
// CHECK: memref.view

// Dynamic shared memory is external: an internal variable of size zero would be given one byte.
// NVVM: llvm.mlir.global external @{{.*}}addr_space = 3{{.*}}!llvm.array<0 x i8>
// NVVM: llvm.func @copy(%{{.*}}: !llvm.ptr<1>
// NVVM: nvvm.barrier
// ROCDL: #[[LOCAL:.*]] = #llvm.mmra_tag<"amdgpu-synchronize-as":"local">
// ROCDL: llvm.func @copy(%{{.*}}: !llvm.ptr<1>
// ROCDL: llvm.fence syncscope("workgroup") release {llvm.mmra = #[[LOCAL]]}
// ROCDL-NEXT: rocdl.s.barrier
func.func @copy(%x: memref<64xf32>, %o: memref<64xf32>, %unit: index)
    attributes {tiny.kernel, tiny.threads = 64 : i64} {
  %t = gpu.thread_id x
  %s = memref.alloca() : memref<64xf32, #gpu.address_space<workgroup>>
  %v = memref.load %x[%t] : memref<64xf32>
  memref.store %v, %s[%t] : memref<64xf32, #gpu.address_space<workgroup>>
  gpu.barrier
  %w = memref.load %s[%t] : memref<64xf32, #gpu.address_space<workgroup>>
  memref.store %w, %o[%t] : memref<64xf32>
  return
}

// Each way out of a kernel ends it.
// CHECK: gpu.func @ways
// CHECK: cf.cond_br
// CHECK-COUNT-2: gpu.return
// CHECK-NOT: func.return
func.func @ways(%x: memref<64xf32>, %c: memref<1xi1>, %unit: index) attributes {tiny.kernel, tiny.threads = 64 : i64} {
  %zero = arith.constant 0 : index
  %early = memref.load %c[%zero] : memref<1xi1>
  cf.cond_br %early, ^done, ^work
^done:
  return
^work:
  %v = memref.load %x[%zero] : memref<64xf32>
  memref.store %v, %x[%unit] : memref<64xf32>
  return
}
}
