// RUN: tinyc-opt %s --lanes --split-input-file --verify-diagnostics

module attributes {tiny.target = "nvidia:sm_80"} {
func.func @odd(%x: memref<100xf32>, %unit: index)
    attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [100], warps = [1]>} {
  // expected-error @below {{expected tile sizes that are powers of two, found 'vector<100xf32>'}}
  %t = tiny.load %x[%unit] by affine_map<(d0) -> (d0)> : memref<100xf32> -> vector<100xf32>
  return
}
}

// -----

// expected-error @below {{expected a module attribute tiny.target that names a chip with lanes, found none}}
module {
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
// expected-error @below {{expected a schedule on the kernel}}
func.func @bare(%x: memref<100xf32>, %unit: index) attributes {tiny.kernel} {
  return
}
}
