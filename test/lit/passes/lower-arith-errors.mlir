// RUN: tinyc-opt --lower-arith --verify-diagnostics --split-input-file %s

func.func @elementary(%a: f32) -> f32 {
  // expected-error @+1 {{'tiny.exp' op expected expand-elementary to have replaced this op on f32}}
  %r = tiny.exp e %a : f32
  return %r : f32
}

// -----

func.func @reduction(%a: vector<4xui8>) -> vector<ui8> {
  // expected-error @+1 {{'tiny.reduce' op expected reductions of unsigned numbers to be lowered before their types lose the sign}}
  %r = tiny.reduce max %a [0] : vector<4xui8> -> vector<ui8>
  return %r : vector<ui8>
}
