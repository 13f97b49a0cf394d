// A small transformer block written by hand: 16 positions of 32 features, two heads of attention of 16 features each,
// then a feed-forward layer of 64 with a sigmoid-weighted unit; each after a normalisation by the root mean square,
// each added to what came in.
//
//   tinyc check examples/transformer_block

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#row = affine_map<(m, n) -> (m)>
#column = affine_map<(m, n) -> (n)>
// Head h of the queries, keys and values stands in columns 16h to 16h + 15 of its matrix.
#query = affine_map<(h, i, j, f) -> (i, h * 16 + f)>
#key = affine_map<(h, i, j, f) -> (j, h * 16 + f)>
#weight = affine_map<(h, i, f, j) -> (h, i, j)>
#value = affine_map<(h, i, f, j) -> (j, h * 16 + f)>
#position = affine_map<(h, i, j) -> (h, i)>

func.func @main(%x: tensor<16x32xf32> {tiny.name = "x"}, %g1: tensor<32xf32> {tiny.name = "g1"},
                %wq: tensor<32x32xf32> {tiny.name = "wq"}, %wk: tensor<32x32xf32> {tiny.name = "wk"},
                %wv: tensor<32x32xf32> {tiny.name = "wv"}, %wo: tensor<32x32xf32> {tiny.name = "wo"},
                %g2: tensor<32xf32> {tiny.name = "g2"}, %w1: tensor<32x64xf32> {tiny.name = "w1"},
                %w2: tensor<64x32xf32> {tiny.name = "w2"}) -> (tensor<16x32xf32> {tiny.name = "y"}) {
  %epsilon = tiny.const dense<1.0e-5> : tensor<16xf32>
  %count = tiny.const dense<32.0> : tensor<16xf32>

  // n1 = x / sqrt(mean(x * x) + epsilon) * g1
  %xx = tiny.mul %x, %x : tensor<16x32xf32>
  %xxs = tiny.reduce sum %xx [1] : tensor<16x32xf32> -> tensor<16xf32>
  %xxm = tiny.div %xxs, %count : tensor<16xf32>
  %xxe = tiny.add %xxm, %epsilon : tensor<16xf32>
  %r1 = tiny.sqrt %xxe : tensor<16xf32>
  %r1v = tiny.view %r1 by #row : tensor<16xf32> -> tensor<16x32xf32>
  %q1 = tiny.div %x, %r1v : tensor<16x32xf32>
  %g1v = tiny.view %g1 by #column : tensor<32xf32> -> tensor<16x32xf32>
  %n1 = tiny.mul %q1, %g1v : tensor<16x32xf32>

  // q, k, v = n1 wq, n1 wk, n1 wv
  %n1v = tiny.view %n1 by #lhs : tensor<16x32xf32> -> tensor<16x32x32xf32>
  %wqv = tiny.view %wq by #rhs : tensor<32x32xf32> -> tensor<16x32x32xf32>
  %wkv = tiny.view %wk by #rhs : tensor<32x32xf32> -> tensor<16x32x32xf32>
  %wvv = tiny.view %wv by #rhs : tensor<32x32xf32> -> tensor<16x32x32xf32>
  %qp = tiny.mul %n1v, %wqv : tensor<16x32x32xf32>
  %q = tiny.reduce sum %qp [2] : tensor<16x32x32xf32> -> tensor<16x32xf32>
  %kp = tiny.mul %n1v, %wkv : tensor<16x32x32xf32>
  %k = tiny.reduce sum %kp [2] : tensor<16x32x32xf32> -> tensor<16x32xf32>
  %vp = tiny.mul %n1v, %wvv : tensor<16x32x32xf32>
  %v = tiny.reduce sum %vp [2] : tensor<16x32x32xf32> -> tensor<16x32xf32>

  // scores = q k^T / 4, causal: position i sees positions up to i
  %qh = tiny.view %q by #query : tensor<16x32xf32> -> tensor<2x16x16x16xf32>
  %kh = tiny.view %k by #key : tensor<16x32xf32> -> tensor<2x16x16x16xf32>
  %qk = tiny.mul %qh, %kh : tensor<2x16x16x16xf32>
  %dot = tiny.reduce sum %qk [3] : tensor<2x16x16x16xf32> -> tensor<2x16x16xf32>
  %scale = tiny.const dense<0.25> : tensor<2x16x16xf32>
  %scaled = tiny.mul %dot, %scale : tensor<2x16x16xf32>
  %i = tiny.iota affine_map<(h, i, j) -> (i)> : tensor<2x16x16xi32>
  %j = tiny.iota affine_map<(h, i, j) -> (j)> : tensor<2x16x16xi32>
  %later = tiny.cmplt %i, %j : tensor<2x16x16xi32>
  %never = tiny.const dense<-1.0e30> : tensor<2x16x16xf32>
  %scores = tiny.where %later, %never, %scaled : tensor<2x16x16xf32>

  // attention weights = softmax(scores)
  %max = tiny.reduce max %scores [2] : tensor<2x16x16xf32> -> tensor<2x16xf32>
  %maxv = tiny.view %max by #position : tensor<2x16xf32> -> tensor<2x16x16xf32>
  %minus = tiny.const dense<-1.0> : tensor<2x16x16xf32>
  %negated = tiny.mul %maxv, %minus : tensor<2x16x16xf32>
  %shifted = tiny.add %scores, %negated : tensor<2x16x16xf32>
  %e = tiny.exp e %shifted : tensor<2x16x16xf32>
  %sum = tiny.reduce sum %e [2] : tensor<2x16x16xf32> -> tensor<2x16xf32>
  %sumv = tiny.view %sum by #position : tensor<2x16xf32> -> tensor<2x16x16xf32>
  %weights = tiny.div %e, %sumv : tensor<2x16x16xf32>

  // mixed = weights v, heads side by side again
  %wh = tiny.view %weights by #weight : tensor<2x16x16xf32> -> tensor<2x16x16x16xf32>
  %vh = tiny.view %v by #value : tensor<16x32xf32> -> tensor<2x16x16x16xf32>
  %wvp = tiny.mul %wh, %vh : tensor<2x16x16x16xf32>
  %heads = tiny.reduce sum %wvp [3] : tensor<2x16x16x16xf32> -> tensor<2x16x16xf32>
  %mixed = tiny.view %heads by affine_map<(i, c) -> (c floordiv 16, i, c mod 16)>
           : tensor<2x16x16xf32> -> tensor<16x32xf32>

  // a = x + mixed wo
  %mv = tiny.view %mixed by #lhs : tensor<16x32xf32> -> tensor<16x32x32xf32>
  %wov = tiny.view %wo by #rhs : tensor<32x32xf32> -> tensor<16x32x32xf32>
  %op = tiny.mul %mv, %wov : tensor<16x32x32xf32>
  %o = tiny.reduce sum %op [2] : tensor<16x32x32xf32> -> tensor<16x32xf32>
  %a = tiny.add %x, %o : tensor<16x32xf32>

  // n2 = a / sqrt(mean(a * a) + epsilon) * g2
  %aa = tiny.mul %a, %a : tensor<16x32xf32>
  %aas = tiny.reduce sum %aa [1] : tensor<16x32xf32> -> tensor<16xf32>
  %aam = tiny.div %aas, %count : tensor<16xf32>
  %aae = tiny.add %aam, %epsilon : tensor<16xf32>
  %r2 = tiny.sqrt %aae : tensor<16xf32>
  %r2v = tiny.view %r2 by #row : tensor<16xf32> -> tensor<16x32xf32>
  %q2 = tiny.div %a, %r2v : tensor<16x32xf32>
  %g2v = tiny.view %g2 by #column : tensor<32xf32> -> tensor<16x32xf32>
  %n2 = tiny.mul %q2, %g2v : tensor<16x32xf32>

  // y = a + silu(n2 w1) w2, where silu(h) = h / (1 + exp(-h))
  %n2v = tiny.view %n2 by #lhs : tensor<16x32xf32> -> tensor<16x64x32xf32>
  %w1v = tiny.view %w1 by #rhs : tensor<32x64xf32> -> tensor<16x64x32xf32>
  %hp = tiny.mul %n2v, %w1v : tensor<16x64x32xf32>
  %h = tiny.reduce sum %hp [2] : tensor<16x64x32xf32> -> tensor<16x64xf32>
  %minus64 = tiny.const dense<-1.0> : tensor<16x64xf32>
  %one = tiny.const dense<1.0> : tensor<16x64xf32>
  %nh = tiny.mul %h, %minus64 : tensor<16x64xf32>
  %eh = tiny.exp e %nh : tensor<16x64xf32>
  %dh = tiny.add %eh, %one : tensor<16x64xf32>
  %silu = tiny.div %h, %dh : tensor<16x64xf32>
  %sv = tiny.view %silu by #lhs : tensor<16x64xf32> -> tensor<16x32x64xf32>
  %w2v = tiny.view %w2 by #rhs : tensor<64x32xf32> -> tensor<16x32x64xf32>
  %yp = tiny.mul %sv, %w2v : tensor<16x32x64xf32>
  %ys = tiny.reduce sum %yp [2] : tensor<16x32x64xf32> -> tensor<16x32xf32>
  %y = tiny.add %a, %ys : tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}
