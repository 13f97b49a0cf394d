// Elementwise ops, masks and permutations: transfers take any map, in as few runs as it has.
// RUN: tinyc run %s --input random:5 --hash --device npu --load-target-plugin %npu-target --load-driver-plugin %npu-driver > %t.npu
// RUN: tinyc run %s --input random:5 --hash --device reference > %t.reference
// RUN: diff %t.npu %t.reference
// RUN: tinyc compile %s --target npu:v1 --load-target-plugin %npu-target --emit asm -o - | FileCheck %s

// A transposed read is a column of runs of one element each; a padded one is filled first.
// CHECK: load {{.*}} x 4 bytes
// CHECK: fill.f32
func.func @main(%x: tensor<33x47xf32>, %y: tensor<47x33xf32>) -> (tensor<33x47xf32>, tensor<35x47xf32>) {
  %yt = tiny.view %y by affine_map<(i, j) -> (j, i)> : tensor<47x33xf32> -> tensor<33x47xf32>
  %m = tiny.mul %x, %yt : tensor<33x47xf32>
  %less = tiny.cmplt %x, %yt : tensor<33x47xf32>
  %z = tiny.where %less, %m, %x : tensor<33x47xf32>
  %a = tiny.add %z, %m : tensor<33x47xf32>
  %p = tiny.view %x by affine_map<(i, j) -> (i - 1, j)> mask affine_set<(i, j) : (i - 1 >= 0, 33 - i >= 0)> fill 2.5 : f32
       : tensor<33x47xf32> -> tensor<35x47xf32>
  %pm = tiny.max %p, %p : tensor<35x47xf32>
  return %a, %pm : tensor<33x47xf32>, tensor<35x47xf32>
}
