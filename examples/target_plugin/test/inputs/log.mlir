func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = tiny.log e %x : tensor<8xf32>
  return %y : tensor<8xf32>
}
