// What the verifiers of the thirty ops refuse: each says what it expected and what it found.
// RUN: tinyc-opt --verify-diagnostics --split-input-file %s

func.func @iota() {
  // expected-error @+1 {{expected a map of 2 dimensions (the result's), found 1}}
  %r = tiny.iota affine_map<(d0) -> (d0)> : tensor<4x5xi64>
  return
}

// -----

func.func @iota_divisor() {
  // expected-error @+1 {{expected divisions by positive constants only, found d0 mod 0}}
  %r = tiny.iota affine_map<(d0) -> (d0 + d0 mod -0)> : tensor<4xi64>
  return
}

// -----

func.func @view_divisor(%x: tensor<4x30xf32>) {
  // expected-error @+1 {{expected divisions by positive constants only, found d0 mod 0}}
  %r = tiny.view %x by affine_map<(d0) -> (d0 floordiv 30, d0 mod -0)> : tensor<4x30xf32> -> tensor<120xf32>
  return
}

// -----

func.func @view_mask_divisor(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected divisions by positive constants only, found d0 floordiv 0}}
  %r = tiny.view %x by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (d0 floordiv -0 >= 0)> fill 0.0 : f32 : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @iota_scalar() {
  // expected-error @+1 {{a scalar iota stands in the body of a tiny.stage, whose domain its map takes}}
  %r = tiny.iota affine_map<(d0) -> (d0)> : i64
  return
}

// -----

func.func @param() {
  // expected-error @+1 {{expected a hash of 64 hexadecimal digits, found "abc"}}
  %r = tiny.param "w" "abc" : tensor<4xf32>
  return
}

// -----

func.func @bitcast(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected element types of one width, found 32 and 64 bits}}
  %r = tiny.bitcast %x : tensor<4xf32> to tensor<4xi64>
  return
}

// -----

func.func @cast(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected the result 'tensor<4xi8>', found 'vector<4xi8>'}}
  %r = tiny.cast %x : tensor<4xf32> to vector<4xi8>
  return
}

// -----

func.func @reduce(%x: tensor<4x5xf32>) {
  // expected-error @+1 {{expected increasing dimensions below 2, found 1, 0}}
  %r = tiny.reduce sum %x [1, 0] : tensor<4x5xf32> -> tensor<f32>
  return
}

// -----

func.func @reduce_shape(%x: tensor<4x5xf32>) {
  // expected-error @+1 {{expected the result 'tensor<4xf32>', found 'tensor<5xf32>'}}
  %r = tiny.reduce max %x [1] : tensor<4x5xf32> -> tensor<5xf32>
  return
}

// -----

func.func @reduce_bool(%x: tensor<4xi1>) {
  // expected-error @+1 {{i1 is not reduced: cast it to an integer first}}
  %r = tiny.reduce max %x [0] : tensor<4xi1> -> tensor<i1>
  return
}

// -----

func.func @view_map(%x: tensor<4x5xf32>) {
  // expected-error @+1 {{expected a map from 1 dimensions (the result's) to 2 (the input's), found}}
  %r = tiny.view %x by affine_map<(d0) -> (d0)> : tensor<4x5xf32> -> tensor<4xf32>
  return
}

// -----

func.func @view_fill(%x: tensor<4xf32>) {
  // expected-error @+1 {{has a mask and no fill}}
  %r = tiny.view %x by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (3 - d0 >= 0)> : tensor<4xf32> -> tensor<6xf32>
  return
}

// -----

func.func @concat(%x: tensor<2x3xf32>, %y: tensor<4x4xf32>) {
  // expected-error @+1 {{expected input 1 to differ from 'tensor<2x3xf32>' in dimension 0 only, found 'tensor<4x4xf32>'}}
  %r = tiny.concat %x, %y dim 0 : (tensor<2x3xf32>, tensor<4x4xf32>) -> tensor<6x3xf32>
  return
}

// -----

func.func @gather(%x: tensor<4x5xf32>, %i: tensor<7xi64>) {
  // expected-error @+1 {{expected a dimension below 2, found 2}}
  %r = tiny.gather %x[%i] dim 2 otherwise 0.0 : f32 : tensor<4x5xf32>, tensor<7xi64> -> tensor<4x5x7xf32>
  return
}

// -----

func.func @gather_otherwise(%x: tensor<4x5xf32>, %i: tensor<7xi64>) {
  // expected-error @+1 {{expected 'otherwise' of type 'f32', found 'i32'}}
  %r = tiny.gather %x[%i] dim 0 otherwise 0 : i32 : tensor<4x5xf32>, tensor<7xi64> -> tensor<7x5xf32>
  return
}

// -----

func.func @scatter(%x: tensor<4x5xf32>, %i: tensor<7xi64>, %u: tensor<7x4xf32>) {
  // expected-error @+1 {{expected updates 'tensor<7x5xf32>', found 'tensor<7x4xf32>'}}
  %r = tiny.scatter set %x[%i], %u dim 0 : tensor<4x5xf32>, tensor<7xi64>, tensor<7x4xf32>
  return
}

// -----

func.func @scatter_sum_bool(%x: tensor<4xi1>, %i: tensor<7xi64>, %u: tensor<7xi1>) {
  // expected-error @+1 {{i1 is not summed: cast it to an integer first, or take the maximum}}
  %r = tiny.scatter sum %x[%i], %u dim 0 : tensor<4xi1>, tensor<7xi64>, tensor<7xi1>
  return
}

// -----

func.func @loop(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected the body to yield ('tensor<i1>', 'tensor<4xf32>'), found ('tensor<4xf32>')}}
  %r = tiny.loop 10 carry(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    // expected-note @+1 {{here}}
    tiny.yield %c : tensor<4xf32>
  }
  return
}

// -----

func.func @trips(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected at least 0 trips, found -1}}
  %r = tiny.loop -1 carry(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %c : tensor<i1>, tensor<4xf32>
  }
  return
}

// -----

func.func @where(%c: tensor<4xi1>, %x: tensor<5xf32>) {
  // expected-note @-1 {{prior use here}}
  // expected-error @+1 {{use of value '%c' expects different type than prior uses: 'tensor<5xi1>' vs 'tensor<4xi1>'}}
  %r = tiny.where %c, %x, %x : tensor<5xf32>
  return
}
