// RUN: tinyc-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(lower-tiles)'

func.func @unknown(%a: memref<64xf32>, %unit: index) attributes {tiny.kernel} {
  // expected-error @below {{is no part of the tile level that a CPU lowers}}
  memref.dealloc %a : memref<64xf32>
  return
}

// -----

// expected-error @below {{expected a kernel with a body, found a declaration}}
func.func private @declared(memref<64xf32>, index) attributes {tiny.kernel}
