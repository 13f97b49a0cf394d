// A multilayer perceptron written by hand: 16 features, 32 hidden units with ReLU, 10 classes with softmax.
//
//   tinyc check examples/mlp
//   tinyc run examples/mlp/model.mlir --input random:1
//
// There is no matmul op: a product of matrices is two views that give both operands the dimensions (row, column, k),
// a mul, and a sum over k. Fusion makes one kernel of each layer.

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#bias = affine_map<(m, n) -> (n)>
#row = affine_map<(m, n) -> (m)>

func.func @main(%x: tensor<4x16xf32> {tiny.name = "x"},
                %w1: tensor<16x32xf32> {tiny.name = "w1"}, %b1: tensor<32xf32> {tiny.name = "b1"},
                %w2: tensor<32x10xf32> {tiny.name = "w2"}, %b2: tensor<10xf32> {tiny.name = "b2"})
    -> (tensor<4x10xf32> {tiny.name = "probabilities"}) {
  // hidden = relu(x w1 + b1)
  %xv = tiny.view %x by #lhs : tensor<4x16xf32> -> tensor<4x32x16xf32>
  %w1v = tiny.view %w1 by #rhs : tensor<16x32xf32> -> tensor<4x32x16xf32>
  %p1 = tiny.mul %xv, %w1v : tensor<4x32x16xf32>
  %s1 = tiny.reduce sum %p1 [2] : tensor<4x32x16xf32> -> tensor<4x32xf32>
  %b1v = tiny.view %b1 by #bias : tensor<32xf32> -> tensor<4x32xf32>
  %a1 = tiny.add %s1, %b1v : tensor<4x32xf32>
  %zero = tiny.const dense<0.0> : tensor<4x32xf32>
  %hidden = tiny.max %a1, %zero : tensor<4x32xf32>

  // logits = hidden w2 + b2
  %hv = tiny.view %hidden by #lhs : tensor<4x32xf32> -> tensor<4x10x32xf32>
  %w2v = tiny.view %w2 by #rhs : tensor<32x10xf32> -> tensor<4x10x32xf32>
  %p2 = tiny.mul %hv, %w2v : tensor<4x10x32xf32>
  %s2 = tiny.reduce sum %p2 [2] : tensor<4x10x32xf32> -> tensor<4x10xf32>
  %b2v = tiny.view %b2 by #bias : tensor<10xf32> -> tensor<4x10xf32>
  %logits = tiny.add %s2, %b2v : tensor<4x10xf32>

  // softmax over each row
  %max = tiny.reduce max %logits [1] : tensor<4x10xf32> -> tensor<4xf32>
  %maxv = tiny.view %max by #row : tensor<4xf32> -> tensor<4x10xf32>
  %minus = tiny.const dense<-1.0> : tensor<4x10xf32>
  %negated = tiny.mul %maxv, %minus : tensor<4x10xf32>
  %shifted = tiny.add %logits, %negated : tensor<4x10xf32>
  %e = tiny.exp e %shifted : tensor<4x10xf32>
  %sum = tiny.reduce sum %e [1] : tensor<4x10xf32> -> tensor<4xf32>
  %sumv = tiny.view %sum by #row : tensor<4xf32> -> tensor<4x10xf32>
  %probabilities = tiny.div %e, %sumv : tensor<4x10xf32>
  return %probabilities : tensor<4x10xf32>
}
