#row = affine_map<(m, n) -> (m)>
func.func @main(%x: tensor<21x130xf32> {tiny.name = "x"}) -> (tensor<21x130xf32> {tiny.name = "y"}) {
  %max = tiny.reduce max %x [1] : tensor<21x130xf32> -> tensor<21xf32>
  %maxv = tiny.view %max by #row : tensor<21xf32> -> tensor<21x130xf32>
  %minus = tiny.const dense<-1.0> : tensor<21x130xf32>
  %negated = tiny.mul %maxv, %minus : tensor<21x130xf32>
  %shifted = tiny.add %x, %negated : tensor<21x130xf32>
  %e = tiny.exp e %shifted : tensor<21x130xf32>
  %sum = tiny.reduce sum %e [1] : tensor<21x130xf32> -> tensor<21xf32>
  %sumv = tiny.view %sum by #row : tensor<21xf32> -> tensor<21x130xf32>
  %y = tiny.div %e, %sumv : tensor<21x130xf32>
  return %y : tensor<21x130xf32>
}
