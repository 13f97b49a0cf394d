func.func @main(%x: tensor<4xf32> {tiny.name = "x"}) -> (tensor<4xf32> {tiny.name = "y"}) {
  %y = example.mish %x beta 1.0 : tensor<4xf32>
  return %y : tensor<4xf32>
}
