// A maximum between ops that have nothing to do with it.
func.func @main(%x: tensor<8x16xf32> {tiny.name = "x"}) -> (tensor<8xf32> {tiny.name = "y"}, tensor<8x16xf32> {tiny.name = "z"}) {
  %a = tiny.exp e %x : tensor<8x16xf32>
  %b = tiny.mul %a, %x : tensor<8x16xf32>
  %c = tiny.sqrt %a : tensor<8x16xf32>
  %m = tiny.reduce max %b [1] : tensor<8x16xf32> -> tensor<8xf32>
  %d = tiny.mul %m, %m : tensor<8xf32>
  return %d, %c : tensor<8xf32>, tensor<8x16xf32>
}
