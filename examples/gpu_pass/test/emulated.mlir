// The deeper pipeline computes the same bits on the emulated GPU, whose copies land only when they are waited for.
// REQUIRES: emulators
// RUN: %with-emulators TINYC_EMULATED_CHIP=sm_80 tinyc run %S/deepen-pipeline.mlir --device cuda:0 --input random:1 --hash > %t.before
// RUN: %with-emulators TINYC_EMULATED_CHIP=sm_80 tinyc run %S/deepen-pipeline.mlir --device cuda:0 --input random:1 --hash --load-pass-plugin %deepen-pipeline > %t.after
// RUN: diff %t.before %t.after
