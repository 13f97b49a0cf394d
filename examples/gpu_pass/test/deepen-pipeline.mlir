// The schedule is the policy, the passes after it are the mechanism: a deeper pipeline shows in the copies that are waited for.
// RUN: tinyc compile %s --target nvidia:sm_80 --stop-after schedule | FileCheck %s --check-prefix=BEFORE
// RUN: tinyc compile %s --target nvidia:sm_80 --stop-after schedule --load-pass-plugin %deepen-pipeline | FileCheck %s --check-prefix=AFTER
// RUN: tinyc compile %s --target nvidia:sm_80 --emit ptx -o - | FileCheck %s --check-prefix=PTX-BEFORE
// RUN: tinyc compile %s --target nvidia:sm_80 --emit ptx -o - --load-pass-plugin %deepen-pipeline | FileCheck %s --check-prefix=PTX-AFTER

// A chip without asynchronous copies is left alone, and so is a CPU.
// RUN: tinyc compile %s --target amd:gfx1100 --stop-after schedule --load-pass-plugin %deepen-pipeline | FileCheck %s --check-prefix=AMD

// BEFORE: pipeline = 3
// AFTER: pipeline = 4
// PTX-BEFORE: cp.async.wait_group{{[ 	]+}}1
// PTX-AFTER: cp.async.wait_group{{[ 	]+}}2
// AMD: schedule
// AMD-NOT: pipeline =
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
func.func @main(%x: tensor<64x512xf16>, %w: tensor<512x64xf16>) -> tensor<64x64xf32> {
  %xf = tiny.cast %x : tensor<64x512xf16> to tensor<64x512xf32>
  %wf = tiny.cast %w : tensor<512x64xf16> to tensor<512x64xf32>
  %xv = tiny.view %xf by #lhs : tensor<64x512xf32> -> tensor<64x64x512xf32>
  %wv = tiny.view %wf by #rhs : tensor<512x64xf32> -> tensor<64x64x512xf32>
  %p = tiny.mul %xv, %wv : tensor<64x64x512xf32>
  %s = tiny.reduce sum %p [2] : tensor<64x64x512xf32> -> tensor<64x64xf32>
  return %s : tensor<64x64xf32>
}
