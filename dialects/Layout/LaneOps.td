// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of GPU kernels between tiles and lanes: tiles staged in shared memory, and one warp's matrix products.

#ifndef TINYC_DIALECTS_LAYOUT_LANEOPS
#define TINYC_DIALECTS_LAYOUT_LANEOPS

include "dialects/Tiny/TinyBase.td"
include "mlir/Dialect/NVGPU/IR/NVGPUTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Lane_Dialect : Dialect {
  let name = "lane";
  let cppNamespace = "::tinyc::lane";
  let summary = "Tiles staged in shared memory, and what one warp does with its fragments";
  let description = [{
    `copy`, `write` and `read` move whole tiles between global memory, registers and shared memory; the `lanes` pass
    gives each lane its part. A staged tile is a memref in workgroup memory whose first dimension counts slots; where
    an element stands within a slot is chosen by the `lanes` pass (a swizzle). `await` and `mma` stand in code of one
    lane.
  }];
  let dependentDialects = ["::mlir::nvgpu::NVGPUDialect"];
}

class Lane_Op<string mnemonic, list<Trait> traits = []> : Op<Lane_Dialect, mnemonic, traits>;

def Lane_CopyOp : Lane_Op<"copy"> {
  let summary = "Starts an asynchronous copy of a tile from global to shared memory";
  let description = [{
    The tile is that of a `tiny.load`: element `t` of the slot becomes `buffer[map(offsets + t)]`, or zero outside the
    mask. The data may be read after the token (or a group made of it) has been awaited by all warps.

    ```mlir
    %t = lane.copy %a[%i, %k] by affine_map<(d0, d1) -> (d0, d1)> into %s[%slot]
         : memref<64x64xf16> into memref<3x64x32xf16, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins Arg<Tiny_Buffer, "", [MemRead]>:$buffer, Variadic<Index>:$offsets, AffineMapAttr:$map,
                       OptionalAttr<IntegerSetAttr>:$mask, Arg<Tiny_Buffer, "", [MemWrite]>:$shared, Index:$slot);
  let results = (outs NVGPU_DeviceAsyncToken:$token);
  let assemblyFormat = [{
    $buffer `[` $offsets `]` `by` $map (`mask` $mask^)? `into` $shared `[` $slot `]` attr-dict
    `:` type($buffer) `into` type($shared)
  }];
  let hasVerifier = 1;
}

def Lane_WriteOp : Lane_Op<"write"> {
  let summary = "Writes a tile to a slot of shared memory";
  let description = [{
    ```mlir
    lane.write %tile, %s[%slot] : vector<64x32xf16>, memref<2x64x32xf16, #gpu.address_space<workgroup>>
    ```
  }];
  let arguments = (ins Tiny_Vector:$tile, Arg<Tiny_Buffer, "", [MemWrite]>:$shared, Index:$slot);
  let assemblyFormat = "$tile `,` $shared `[` $slot `]` attr-dict `:` type($tile) `,` type($shared)";
  let hasVerifier = 1;
}

def Lane_ReadOp : Lane_Op<"read"> {
  let summary = "Reads a tile from a slot of shared memory";
  let description = [{
    With `after`, the slot was filled by copies of that token.

    ```mlir
    %tile = lane.read %s[%slot] after %t : memref<3x64x32xf16, #gpu.address_space<workgroup>> -> vector<64x32xf16>
    ```
  }];
  let arguments = (ins Arg<Tiny_Buffer, "", [MemRead]>:$shared, Index:$slot, Optional<NVGPU_DeviceAsyncToken>:$after);
  let results = (outs Tiny_Vector:$tile);
  let assemblyFormat = "$shared `[` $slot `]` (`after` $after^)? attr-dict `:` type($shared) `->` type($tile)";
  let hasVerifier = 1;
}

def Lane_AwaitOp : Lane_Op<"await"> {
  let summary = "What follows reads what the copies of a token have brought, from any lane";
  let description = [{
    A statement about data, not a machine instruction: `insert-barriers` makes a wait and a barrier of it.

    ```mlir
    lane.await %token
    ```
  }];
  let arguments = (ins NVGPU_DeviceAsyncToken:$token);
  let assemblyFormat = "$token attr-dict";
}

def Lane_MmaOp : Lane_Op<"mma", [Pure, AllTypesMatch<["c", "result"]>]> {
  let summary = "A warp's product of fragments, added to its accumulators";
  let description = [{
    `instruction` names a row of the table of matrix instructions; `repeats` says how many of them stand along m, n and
    k. The vectors hold one lane's registers: A's with k repeating before m, B's with n before k, C's with n before m.

    ```mlir
    %r = lane.mma "mma.sync.m16n8k16.f32.f16" [2, 4, 2] %a, %b, %c : vector<32xf16>, vector<32xf16>, vector<32xf32>
    ```
  }];
  let arguments = (ins StrAttr:$instruction, DenseI64ArrayAttr:$repeats, Tiny_Vector:$a, Tiny_Vector:$b,
                       Tiny_Vector:$c);
  let results = (outs Tiny_Vector:$result);
  let assemblyFormat = "$instruction $repeats $a `,` $b `,` $c attr-dict `:` type($a) `,` type($b) `,` type($c)";
  let hasVerifier = 1;
}

#endif
