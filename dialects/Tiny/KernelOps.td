// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel level (kernel, stage, yield, launch) and the tile level (load, store).

#ifndef TINYC_DIALECTS_TINY_KERNELOPS
#define TINYC_DIALECTS_TINY_KERNELOPS

include "dialects/Tiny/TinyOps.td"
include "mlir/IR/SymbolInterfaces.td"

def Tiny_YieldOp : Tiny_Op<"yield", [Pure, Terminator, ReturnLike,
                                     ParentOneOf<["KernelOp", "StageOp", "LoopOp", "CondOp"]>]> {
  let summary = "Ends a region and gives its results";
  let description = [{
    ```mlir
    %r = tiny.cond %c (%x) : (tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%a: tensor<4xf32>):
      tiny.yield %a : tensor<4xf32>
    } else {
    ^bb0(%a: tensor<4xf32>):
      %d = tiny.add %a, %a : tensor<4xf32>
      tiny.yield %d : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Tiny_Value>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

def Tiny_KernelOp : Tiny_Op<"kernel", [Pure, IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "What one launch reads, computes and writes";
  let description = [{
    The body holds `tiny.stage`s, loop nests in the order in which they run, and yields the stage results that leave the
    kernel. A result that is not yielded stays on chip. Or it holds one `tiny.scatter` of its arguments, whose updates are
    walked in order: then the dimensions that the indices do not stand for are the shared ones.

    The first `shared` dimensions of every stage's domain are the same parallel dimensions with the same sizes: the
    kernel is cut into work units along them, and a stage may read what an earlier stage of the same kernel computed
    only at its own position in them (the first `shared` results of that read's map are `d0, d1, ..`), so no unit needs
    anything of another.

    A stage counts its points from the shared dimensions inwards, which need not be the order in which a result lies in
    memory: `writes` has a map for each result, from the coordinates of the value that is yielded to those of the result,
    one to one. Without `writes` all are identities.

    `name` is for people and takes no part in comparing kernels; `schedule` says how the kernel runs on the chip that
    the module names, and is absent before the `schedule` pass.

    `in_place` has a number for each result: of the input where whose value lay the result will lie, or -1. That input
    ends with the kernel. Only the stage that computes the result reads it, each point where it writes it, and nobody
    reads that stage.

    ```mlir
    %r = tiny.kernel "softmax_0" shared 1 (%x) : (tensor<8x100xf32>) -> tensor<8x100xf32> {
    ^bb0(%in: tensor<8x100xf32>):
      %m = tiny.stage parallel [8] reduce [100] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x100xf32>)
           -> (max tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      %e, %s = tiny.stage parallel [8] reduce [100] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x100xf32>,
                                                     %m by affine_map<(d0, d1) -> (d0)> : tensor<8xf32>)
               -> (none tensor<8x100xf32>, sum tensor<8xf32>) {
      ^bb0(%v: f32, %max: f32):
        %minus = tiny.const -1.0 : f32
        %n = tiny.mul %max, %minus : f32
        %d = tiny.add %v, %n : f32
        %p = tiny.exp e %d : f32
        tiny.yield %p, %p : f32, f32
      }
      %o = tiny.stage parallel [8, 100] (%e by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x100xf32>,
                                         %s by affine_map<(d0, d1) -> (d0)> : tensor<8xf32>) -> (none tensor<8x100xf32>) {
      ^bb0(%v: f32, %sum: f32):
        %q = tiny.div %v, %sum : f32
        tiny.yield %q : f32
      }
      tiny.yield %o : tensor<8x100xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$shared, Variadic<Tiny_Tensor>:$inputs,
                       OptionalAttr<AffineMapArrayAttr>:$writes, OptionalAttr<Tiny_ScheduleAttr>:$schedule,
                       OptionalAttr<DenseI64ArrayAttr>:$in_place);
  let results = (outs Variadic<Tiny_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $name `shared` $shared (`writes` $writes^)? (`schedule` $schedule^)? `(` $inputs `)` attr-dict-with-keyword `:`
    functional-type($inputs, $results) $body
  }];
  // Before a schedule is chosen. `writes` may be null.
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::StringAttr":$name, "int64_t":$shared,
                                 "::mlir::ValueRange":$inputs, "::mlir::ArrayAttr":$writes), [{
    build($_builder, $_state, results, name, $_builder.getI64IntegerAttr(shared), inputs, writes,
          ::tinyc::tiny::ScheduleAttr(), ::mlir::DenseI64ArrayAttr());
  }]>];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::tinyc::tiny::YieldOp getYield();
    /// The scatter that the body is; null for a body of stages.
    ::tinyc::tiny::ScatterOp getScatter();
    /// Where a point of the value yielded as result `result` stands in that result.
    ::mlir::AffineMap getWrite(unsigned result);
    /// The stages in the order in which they run.
    auto getStages() { return getBody().front().getOps<::tinyc::tiny::StageOp>(); }
    /// The input whose memory result `result` takes over; nothing where it has its own.
    ::std::optional<unsigned> getInPlaceInput(unsigned result);
    /// Whether it could: each point of the input is read, if at all, where that point of the result is computed.
    bool canComputeInPlace(unsigned result, unsigned input);
  }];
}

def Tiny_StageOp : Tiny_Op<"stage", [Pure, SingleBlockImplicitTerminator<"YieldOp">, ParentOneOf<["KernelOp"]>]> {
  let summary = "One loop nest of a kernel: reads, a scalar body, reductions";
  let description = [{
    The domain is `parallel` dimensions followed by `reduce` dimensions. At each point `p` read `i` gives
    `operand_i[map_i(p)]` where `mask_i(p)` holds, else `fill_i`: the arguments of the body, which is a list of
    elementwise tiny ops on scalars (`tiny.iota` gives coordinates of the domain).

    Each result has a kind. `none`: the value at each point of the *whole* domain, shape parallel + reduce. `sum`,
    `prod`, `max`: combined over the reduce dimensions, shape parallel; a masked point still takes part with what its
    body computes, so a padded reduction has the identity as fill.

    Coordinates are the buffer's own (global), also after tiling: tiling offsets the domain and never slices an operand.
  }];
  let arguments = (ins DenseI64ArrayAttr:$parallel, DenseI64ArrayAttr:$reduce, Variadic<Tiny_Tensor>:$operands,
                       AffineMapArrayAttr:$maps, ArrayAttr:$masks, ArrayAttr:$fills, ArrayAttr:$kinds);
  let results = (outs Variadic<Tiny_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Sizes of the whole domain: parallel dimensions, then reduce dimensions.
    ::llvm::SmallVector<int64_t> getDomain();
    ::mlir::AffineMap getMap(unsigned read) { return ::llvm::cast<::mlir::AffineMapAttr>(getMaps()[read]).getValue(); }
    /// The mask of a read; a null set where it has none (then every point is read).
    ::mlir::IntegerSet getMask(unsigned read);
    /// The fill of a read; null where it has no mask.
    ::mlir::TypedAttr getFill(unsigned read);
    ::tinyc::tiny::ReduceKind getKind(unsigned result);
    ::tinyc::tiny::YieldOp getYield();
    unsigned getNumParallel() { return getParallel().size(); }
  }];
  // masks and fills hold a unit attribute where a read has none.
  let builders = [OpBuilder<(ins "::llvm::ArrayRef<int64_t>":$parallel, "::llvm::ArrayRef<int64_t>":$reduce,
                                 "::mlir::ValueRange":$operands, "::llvm::ArrayRef<::mlir::AffineMap>":$maps,
                                 "::llvm::ArrayRef<::mlir::IntegerSet>":$masks,
                                 "::llvm::ArrayRef<::mlir::TypedAttr>":$fills,
                                 "::llvm::ArrayRef<::tinyc::tiny::ReduceKind>":$kinds,
                                 "::llvm::ArrayRef<::mlir::Type>":$elementTypes)>];
}

def Tiny_LookupOp : Tiny_Op<"lookup", [Pure, ParentOneOf<["StageOp"]>]> {
  let summary = "Reads an input of the kernel at a position that is data, at one point of a stage";
  let description = [{
    At the point `p` of the stage's domain the result is `table[map(p)[indices]]` where each index `i` is at least 0 and
    below its number in `below`, and `mask(p)` holds; else `fill`. The map takes the domain's dimensions and one symbol
    an index. No element is touched where an index is out of range: the range check is the op's own, and what
    `prove-bounds` takes for the ranges of the symbols.

    `table` is an argument of the kernel: what a stage computed is read at the reader's own unit only, and nobody knows
    where data points to.

    ```mlir
    %r = tiny.kernel "gather_0" shared 2 (%t, %i) : (tensor<100x8xf32>, tensor<7xi32>) -> tensor<7x8xf32> {
    ^bb0(%table: tensor<100x8xf32>, %ids: tensor<7xi32>):
      %o = tiny.stage parallel [7, 8] (%ids by affine_map<(d0, d1) -> (d0)> : tensor<7xi32>) -> (none tensor<7x8xf32>) {
      ^bb0(%id: i32):
        %v = tiny.lookup %table by affine_map<(d0, d1)[s0] -> (s0, d1)> at (%id : i32) below [100] fill 0.0 : f32
             : tensor<100x8xf32> -> f32
        tiny.yield %v : f32
      }
      tiny.yield %o : tensor<7x8xf32>
    }
    ```
  }];
  let arguments = (ins Tiny_Tensor:$table, AffineMapAttr:$map, Variadic<Tiny_IndexScalar>:$indices,
                       DenseI64ArrayAttr:$below, OptionalAttr<IntegerSetAttr>:$mask, TypedAttrInterface:$fill);
  let results = (outs Tiny_Element:$result);
  let assemblyFormat = [{
    $table `by` $map `at` `(` $indices `:` type($indices) `)` `below` $below (`mask` $mask^)? `fill` $fill attr-dict `:`
    type($table) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tiny_LaunchOp : Tiny_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a tiled kernel over all its work units";
  let description = [{
    What the `tile` pass leaves in place of a `tiny.kernel`. `kernel` names a `func.func` whose arguments are one memref
    for each input, one for each result, and last the number of the work unit (index), below `units`. Equal kernels
    share one function; `name` and the location are the launch's own. `flops` and `bytes` are those of the unfused
    definition of its stages and of its inputs and outputs. A result that is computed in place (`in_place`, as in
    `tiny.kernel`) has no memref of its own, and no later op may use the input whose memory it takes over.

    ```mlir
    func.func private @softmax(memref<8x100xf32>, memref<8x100xf32>, index)
    %r = tiny.launch @softmax "softmax_0" units 8 (%x) {bytes = 6400 : i64, flops = 4000 : i64}
         : (tensor<8x100xf32>) -> tensor<8x100xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, StrAttr:$name, I64Attr:$units, Variadic<Tiny_Tensor>:$inputs,
                       DefaultValuedAttr<I64Attr, "0">:$flops, DefaultValuedAttr<I64Attr, "0">:$bytes,
                       OptionalAttr<DenseI64ArrayAttr>:$in_place);
  let results = (outs Variadic<Tiny_Tensor>:$results);
  let assemblyFormat = "$kernel $name `units` $units `(` $inputs `)` attr-dict `:` functional-type($inputs, $results)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The input whose memory result `result` takes over; nothing where it has its own.
    ::std::optional<unsigned> getInPlaceInput(unsigned result);
  }];
}

class Tiny_AccessOp<string mnemonic, list<Trait> traits = []> : Tiny_Op<mnemonic, traits> {
  let hasVerifier = 1;
}

def Tiny_LoadOp : Tiny_AccessOp<"load", [AttrSizedOperandSegments]> {
  let summary = "Reads a tile of a buffer through an affine map and a mask";
  let description = [{
    The tile has as many dimensions as there are `offsets`. Its element `t` stands at the point `p = offsets + t` of the
    access's domain and is `buffer[map(p)]` where `mask(p)` holds, else `fill` (zero of the element type if absent).
    No element outside the mask is touched.

    With `indices`, tiles of the result's shape, the map has one symbol for each: the position is data there. An element
    is read only where each of its indices is at least 0 and below its number in `below`, else it is `fill`.

    ```mlir
    %t = tiny.load %a[%i, %k] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (16 - d0 >= 0)>
         : memref<17x64xf16> -> vector<16x32xf16>
    %g = tiny.load %a[%i, %k] by affine_map<(d0, d1)[s0] -> (s0, d1)> at (%rows : vector<16x32xi32>) below [17]
         : memref<17x64xf16> -> vector<16x32xf16>
    ```
  }];
  let arguments = (ins Arg<Tiny_Buffer, "", [MemRead]>:$buffer, Variadic<Index>:$offsets, AffineMapAttr:$map,
                       Variadic<Tiny_IndexTile>:$indices, OptionalAttr<DenseI64ArrayAttr>:$below,
                       OptionalAttr<IntegerSetAttr>:$mask, OptionalAttr<TypedAttrInterface>:$fill);
  let results = (outs Tiny_Vector:$result);
  let assemblyFormat = [{
    $buffer `[` $offsets `]` `by` $map (`at` `(` $indices^ `:` type($indices) `)` `below` $below)? (`mask` $mask^)?
    (`fill` $fill^)? attr-dict `:` type($buffer) `->` type($result)
  }];
  // Without indices.
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$buffer, "::mlir::ValueRange":$offsets,
                                 "::mlir::AffineMapAttr":$map, "::mlir::IntegerSetAttr":$mask,
                                 "::mlir::TypedAttr":$fill)>];
  let extraClassDeclaration = [{
    /// The limits of the indices; empty where there are none.
    ::llvm::ArrayRef<int64_t> getLimits() { return getBelow().value_or(::llvm::ArrayRef<int64_t>()); }
  }];
}

def Tiny_StoreOp : Tiny_AccessOp<"store", [AttrSizedOperandSegments]> {
  let summary = "Writes a tile to a buffer through an affine map and a mask";
  let description = [{
    Element `t` of the tile, at the point `p = offsets + t`, is written to `buffer[map(p)]` where `mask(p)` holds. The
    map is injective over the mask. `indices` and `below` are as those of `tiny.load`: where an index is out of range
    nothing is written.

    ```mlir
    tiny.store %t, %c[%i, %j] by affine_map<(d0, d1) -> (d0, d1)> : vector<16x32xf32>, memref<64x64xf32>
    ```
  }];
  let arguments = (ins Tiny_Vector:$value, Arg<Tiny_Buffer, "", [MemWrite]>:$buffer, Variadic<Index>:$offsets,
                       AffineMapAttr:$map, Variadic<Tiny_IndexTile>:$indices, OptionalAttr<DenseI64ArrayAttr>:$below,
                       OptionalAttr<IntegerSetAttr>:$mask);
  let assemblyFormat = [{
    $value `,` $buffer `[` $offsets `]` `by` $map (`at` `(` $indices^ `:` type($indices) `)` `below` $below)?
    (`mask` $mask^)? attr-dict `:` type($value) `,` type($buffer)
  }];
  // Without indices.
  let builders = [OpBuilder<(ins "::mlir::Value":$value, "::mlir::Value":$buffer, "::mlir::ValueRange":$offsets,
                                 "::mlir::AffineMapAttr":$map, "::mlir::IntegerSetAttr":$mask)>];
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<int64_t> getLimits() { return getBelow().value_or(::llvm::ArrayRef<int64_t>()); }
  }];
}

#endif
