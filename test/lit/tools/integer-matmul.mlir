// REQUIRES: emulators
// Integers have the same bits on every machine: a product whose sizes no tile divides, compared by hash.
// RUN: tinyc run %s --device reference --input random:1 --hash > %t-reference
// RUN: tinyc run %s --device cpu --input random:1 --hash | cmp - %t-reference
// RUN: env LD_LIBRARY_PATH=%emulators tinyc run %s --device cuda:0 --input random:1 --hash 2>/dev/null | cmp - %t-reference
// RUN: env LD_LIBRARY_PATH=%emulators tinyc run %s --device hip:0 --input random:1 --hash | cmp - %t-reference
func.func @main(%a: tensor<19x30xi32>, %b: tensor<30x23xi32>) -> tensor<19x23xi32> {
  %av = tiny.view %a by affine_map<(m, n, k) -> (m, k)> : tensor<19x30xi32> -> tensor<19x23x30xi32>
  %bv = tiny.view %b by affine_map<(m, n, k) -> (k, n)> : tensor<30x23xi32> -> tensor<19x23x30xi32>
  %p = tiny.mul %av, %bv : tensor<19x23x30xi32>
  %s = tiny.reduce sum %p [2] : tensor<19x23x30xi32> -> tensor<19x23xi32>
  return %s : tensor<19x23xi32>
}
