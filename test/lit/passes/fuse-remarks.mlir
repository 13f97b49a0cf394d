// What fusion decided, and what each kernel moves and computes: inputs and outputs once, no work twice.
// RUN: tinyc-opt %S/fuse.mlir --pass-pipeline='builtin.module(func.func(simplify,fuse{remarks}))' --split-input-file 2>&1 >/dev/null | FileCheck %s

// 8 x 100 floats in and out; sum, max, subtraction (two ops), exp, quotient at each.
// CHECK: remark: fused: saves 3232 of 6432 bytes
// CHECK: remark: kernel softmax_0: 6400 bytes, 4800 flops (4800 by its ops one by one), cut along 1 dimensions
// CHECK: remark: kernel layernorm_0: 7200 bytes, 6432 flops (6432 by its ops one by one), cut along 1 dimensions
// CHECK: remark: kernel rmsnorm_0: 6800 bytes, 3216 flops (3216 by its ops one by one), cut along 1 dimensions
// CHECK: remark: kernel argmax_0: 3264 bytes, 1616 flops (1616 by its ops one by one), cut along 1 dimensions
// (64*48 + 48*32 + 32 + 64*32) * 4 bytes; 2*64*32*48 + 2*64*32 flops.
// CHECK: remark: starts a kernel: a contraction
// CHECK: remark: kernel matmul_relu_0: 26752 bytes, 200704 flops (200704 by its ops one by one), cut along 2 dimensions
// CHECK: remark: kernel matmul_0: 3072 bytes, 8192 flops
// CHECK: remark: kernel matmul_1: 3072 bytes, 8192 flops
// CHECK: remark: kernel matmul_0: 34816 bytes, 198656 flops (198656 by its ops one by one), cut along 2 dimensions
// CHECK: remark: kernel layernorm_1: 16384 bytes, 10368 flops (10368 by its ops one by one), cut along 1 dimensions
// CHECK: remark: kernel exp_sqrt_0: 240 bytes, 40 flops (40 by its ops one by one), cut along 2 dimensions
// CHECK: remark: kernel mul_0: 252 bytes, 45 flops (45 by its ops one by one), cut along 1 dimensions
// The scale of 16 channels is computed again at each of 1024 points: 3 more flops, less than a tenth of 152.
// CHECK: remark: kernel conv_relu_0: 11008 bytes, 155648 flops (152624 by its ops one by one), cut along 4 dimensions
