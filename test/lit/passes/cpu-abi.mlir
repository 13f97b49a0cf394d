// RUN: tinyc-opt %s -pass-pipeline='builtin.module(cpu-abi)' | FileCheck %s

// CHECK: llvm.func @copy(%[[BUFFERS:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[BEGIN:.*]]: i32, %[[END:.*]]: i32, %[[SCRATCH:.*]]: !llvm.ptr) -> i32 attributes {tiny.kernel, tiny.scratch = 64 : i64}
// CHECK: %[[A:.*]] = llvm.load
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[BUFFERS]][1]
// CHECK: %[[C:.*]] = llvm.load %[[SLOT]]
// CHECK: llvm.br ^[[HEAD:.*]](%[[BEGIN]] : i32)
// CHECK: ^[[HEAD]](%[[I:.*]]: i32):
// CHECK: llvm.icmp "ult" %[[I]], %[[END]]
// CHECK: %[[UNIT:.*]] = llvm.zext %[[I]] : i32 to i64
// CHECK: llvm.call @copy.unit(%[[A]], %[[C]], %[[UNIT]], %[[SCRATCH]])
// CHECK: llvm.func internal @copy.unit
llvm.func @copy(%a: !llvm.ptr, %c: !llvm.ptr, %unit: i64, %scratch: !llvm.ptr) attributes {tiny.kernel, tiny.scratch = 64 : i64} {
  llvm.return
}
