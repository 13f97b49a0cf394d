// A CPU's matrix instructions in what is compiled for it, on any machine; and what an artefact with them asks for.
// RUN: tinyc compile %s --target cpu:sapphirerapids --emit asm -o - | FileCheck %s
// CHECK-LABEL: matmul_0:
// CHECK: ldtilecfg
// CHECK: tdpbf16ps
// CHECK: tilestored
// CHECK: tilerelease
// CHECK-LABEL: matmul_1:
// CHECK: tdpbsud
// CHECK-LABEL: matmul_2:
// CHECK: vpdpbusd

// RUN: tinyc compile %s --target cpu:sapphirerapids -o %t.tinyc
// RUN: tinyc inspect %t.tinyc | FileCheck %s --check-prefix=INSPECT
// INSPECT: target cpu:sapphirerapids, needs {{.*}} avx512vnni avx512vbmi amx-tile amx-bf16 amx-int8
// RUN: tinyc compile %s --target cpu:x86-64-v4 --emit asm -o - | FileCheck %s --check-prefix=WITHOUT
// WITHOUT-NOT: tdpb
// WITHOUT-NOT: vpdpbusd

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
func.func @main(%a: tensor<40x70xbf16> {tiny.name = "a"}, %b: tensor<70x50xbf16> {tiny.name = "b"},
                %c: tensor<40x70xi8> {tiny.name = "c"}, %d: tensor<70x50xui8> {tiny.name = "d"},
                %e: tensor<2x70xi8> {tiny.name = "e"})
    -> (tensor<40x50xf32>, tensor<40x50xi32>, tensor<2x50xi32>) {
  %x0 = tiny.cast %a : tensor<40x70xbf16> to tensor<40x70xf32>
  %y0 = tiny.cast %b : tensor<70x50xbf16> to tensor<70x50xf32>
  %xv0 = tiny.view %x0 by #lhs : tensor<40x70xf32> -> tensor<40x50x70xf32>
  %yv0 = tiny.view %y0 by #rhs : tensor<70x50xf32> -> tensor<40x50x70xf32>
  %p0 = tiny.mul %xv0, %yv0 : tensor<40x50x70xf32>
  %s0 = tiny.reduce sum %p0 [2] : tensor<40x50x70xf32> -> tensor<40x50xf32>
  %x1 = tiny.cast %c : tensor<40x70xi8> to tensor<40x70xi32>
  %y1 = tiny.cast %d : tensor<70x50xui8> to tensor<70x50xi32>
  %xv1 = tiny.view %x1 by #lhs : tensor<40x70xi32> -> tensor<40x50x70xi32>
  %yv1 = tiny.view %y1 by #rhs : tensor<70x50xi32> -> tensor<40x50x70xi32>
  %p1 = tiny.mul %xv1, %yv1 : tensor<40x50x70xi32>
  %s1 = tiny.reduce sum %p1 [2] : tensor<40x50x70xi32> -> tensor<40x50xi32>
  %x2 = tiny.cast %e : tensor<2x70xi8> to tensor<2x70xi32>
  %y2 = tiny.cast %d : tensor<70x50xui8> to tensor<70x50xi32>
  %xv2 = tiny.view %x2 by #lhs : tensor<2x70xi32> -> tensor<2x50x70xi32>
  %yv2 = tiny.view %y2 by #rhs : tensor<70x50xi32> -> tensor<2x50x70xi32>
  %p2 = tiny.mul %xv2, %yv2 : tensor<2x50x70xi32>
  %s2 = tiny.reduce sum %p2 [2] : tensor<2x50x70xi32> -> tensor<2x50xi32>
  return %s0, %s1, %s2 : tensor<40x50xf32>, tensor<40x50xi32>, tensor<2x50xi32>
}
