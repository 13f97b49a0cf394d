func.func @main(%x: tensor<8xf64>) -> tensor<8xf64> {
  %y = tiny.add %x, %x : tensor<8xf64>
  return %y : tensor<8xf64>
}
