func.func @main(%x: tensor<4xf32> {tiny.name = "x"}) -> (tensor<4xf32> {tiny.name = "y"}) {
  %y = tiny.exp e %x : tensor<4xf32> loc("<img src=x onerror=a()>")
  return %y : tensor<4xf32>
}
