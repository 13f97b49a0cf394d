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

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
func.func @slot(%x: memref<64xf32>, %unit: index) attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [64], warps = [1]>} {
  %s = memref.alloca() : memref<2x32xf32, #gpu.address_space<workgroup>>
  %t = tiny.load %x[%unit] by affine_map<(d0) -> (d0)> : memref<64xf32> -> vector<64xf32>
  // expected-error @below {{expected a slot of 'vector<64xf32>' (the tile), found one of 'vector<32xf32>'}}
  lane.write %t, %s[%unit] : vector<64xf32>, memref<2x32xf32, #gpu.address_space<workgroup>>
  return
}
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
func.func @global(%x: memref<2x64xf32>, %unit: index) attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [64], warps = [1]>} {
  // expected-error @below {{expected slots in workgroup memory, counted by the first dimension, found 'memref<2x64xf32>'}}
  %t = lane.read %x[%unit] : memref<2x64xf32> -> vector<64xf32>
  return
}
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
func.func @map(%x: memref<64x64xf32>, %unit: index) attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [64], warps = [1]>} {
  %s = memref.alloca() : memref<2x64xf32, #gpu.address_space<workgroup>>
  // expected-error @below {{expected a map from 1 dimensions (the tile's) to 2 (the buffer's)}}
  %t = lane.copy %x[%unit] by affine_map<(d0) -> (d0)> into %s[%unit] : memref<64x64xf32> into memref<2x64xf32, #gpu.address_space<workgroup>>
  return
}
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
func.func @odd_slot(%x: memref<64xf32>, %unit: index) attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [64], warps = [1]>} {
  %s = memref.alloca() : memref<2x48xf32, #gpu.address_space<workgroup>>
  // expected-error @below {{expected a slot whose sizes are powers of two, found 'memref<2x48xf32}}
  %t = lane.copy %x[%unit] by affine_map<(d0) -> (d0)> into %s[%unit] : memref<64xf32> into memref<2x48xf32, #gpu.address_space<workgroup>>
  return
}
}
