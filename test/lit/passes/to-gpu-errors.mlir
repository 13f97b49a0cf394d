// RUN: tinyc-opt %s --to-gpu --split-input-file --verify-diagnostics

module attributes {tiny.target = "nvidia:sm_80"} {
  // expected-error @below {{expected tiny.threads from 1 to 1024, as lanes leaves it, found none}}
  func.func @tiles(%x: memref<4xf32>, %unit: index) attributes {tiny.kernel} {
    return
  }
}

// -----

module attributes {tiny.target = "amd:gfx1100"} {
  // expected-error @below {{expected tiny.threads from 1 to 1024, as lanes leaves it, found 2048 : i64}}
  func.func @crowd(%x: memref<4xf32>, %unit: index) attributes {tiny.kernel, tiny.threads = 2048 : i64} {
    return
  }
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
  // expected-error @below {{expected a kernel with a body, found a declaration}}
  func.func private @declared(memref<4xf32>, index) attributes {tiny.kernel, tiny.threads = 32 : i64}
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
  // expected-error @below {{expected a kernel that returns nothing, found 'index'}}
  func.func @returns(%x: memref<4xf32>, %unit: index) -> index attributes {tiny.kernel, tiny.threads = 32 : i64} {
    return %unit : index
  }
}

// -----

module attributes {tiny.target = "nvidia:sm_80"} {
  // expected-error @below {{expected the work unit's number as last argument}}
  func.func @unnumbered(%x: memref<4xf32>) attributes {tiny.kernel, tiny.threads = 32 : i64} {
    return
  }
}

// -----

// expected-error @below {{expected a module attribute tiny.target that names a chip with lanes, found cpu}}
module attributes {tiny.target = "cpu"} {
}
