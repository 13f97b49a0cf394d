// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conformance suite's kernels for AMD GPUs: a group of 64 work items does one unit of conformance.c. No library is
// linked, so the item's index comes from the builtins.

#define INDEX (__builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x())

kernel void add(global const float *a, global const float *b, global float *sum) { sum[INDEX] = a[INDEX] + b[INDEX]; }

kernel void scale(global const float *x, global float *y, long factor, long offset) {
  y[INDEX] = x[INDEX] * (float)factor + (float)offset;
}

kernel void accumulate(global const float *x, global float *total) { total[INDEX] = total[INDEX] + x[INDEX]; }

kernel void reached(global const float *total, global uchar *flag, long limit) { *flag = total[0] >= (float)limit; }

kernel void fail(long code) {}
