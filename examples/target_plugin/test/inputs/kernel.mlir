func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %r = tiny.kernel "add_0" shared 1 (%x) : (tensor<8xf32>) -> tensor<8xf32> {
  ^bb0(%in: tensor<8xf32>):
    %s = tiny.stage parallel [8] reduce [] (%in by affine_map<(d0) -> (d0)> : tensor<8xf32>) -> (none tensor<8xf32>) {
    ^bb0(%v: f32):
      %a = tiny.add %v, %v : f32
      tiny.yield %a : f32
    }
    tiny.yield %s : tensor<8xf32>
  }
  return %r : tensor<8xf32>
}
