// RUN: tinyc-opt --expand-elementary --verify-diagnostics --split-input-file %s

func.func @sin_f64(%x: f64) -> f64 {
  // expected-error @+1 {{'tiny.sin' op expected f16, bf16 or f32, found 'f64', for which there is no expansion}}
  %y = tiny.sin %x : f64
  return %y : f64
}

// -----

func.func @exp_fp8(%x: f8E5M2) -> f8E5M2 {
  // expected-error @+1 {{'tiny.exp' op expected f16, bf16 or f32 or f64, found 'f8E5M2', for which there is no expansion}}
  %y = tiny.exp e %x : f8E5M2
  return %y : f8E5M2
}
