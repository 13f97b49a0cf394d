// RUN: tinyc-opt %s --pass-pipeline='builtin.module(func.func(tensor-core))' | FileCheck %s

// CHECK-LABEL: func.func @nvidia
// CHECK-COUNT-2: nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK-NOT: nvvm.mma.sync
func.func @nvidia(%a: vector<8xf16>, %b: vector<8xf16>, %c: vector<8xf32>) -> vector<8xf32> {
  %d = lane.mma "mma.sync.m16n8k16.f32.f16" [1, 2, 1] %a, %b, %c : vector<8xf16>, vector<8xf16>, vector<8xf32>
  return %d : vector<8xf32>
}

// CHECK-LABEL: func.func @amd
// CHECK-COUNT-2: rocdl.wmma.f32.16x16x16.bf16 {{.*}} (vector<16xi16>, vector<16xi16>, vector<8xf32>)
// CHECK-NOT: rocdl.wmma
func.func @amd(%a: vector<32xbf16>, %b: vector<32xbf16>, %c: vector<8xf32>) -> vector<8xf32> {
  %d = lane.mma "wmma.f32.16x16x16.bf16" [1, 1, 2] %a, %b, %c : vector<32xbf16>, vector<32xbf16>, vector<8xf32>
  return %d : vector<8xf32>
}

// CHECK-LABEL: func.func @plain
// CHECK-COUNT-16: math.fma
// CHECK-NOT: math.fma
func.func @plain(%a: vector<4xf32>, %b: vector<4xf32>, %c: vector<16xf32>) -> vector<16xf32> {
  %d = lane.mma "fma" [1, 1, 1] %a, %b, %c : vector<4xf32>, vector<4xf32>, vector<16xf32>
  return %d : vector<16xf32>
}
