// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The thirty ops of a network. Kernel and tile level stand in KernelOps.td. The file is over 500 lines because the list of
// all ops, read from top to bottom, is what one comes here for.

#ifndef TINYC_DIALECTS_TINY_TINYOPS
#define TINYC_DIALECTS_TINY_TINYOPS

include "dialects/Tiny/TinyBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Tiny_Op<string mnemonic, list<Trait> traits = []> : Op<Tiny_Dialect, mnemonic, traits>;

//===- Source ----------------------------------------------------------------------------------------------------===//

def Tiny_ConstOp : Tiny_Op<"const", [ConstantLike, Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "A small constant";
  let description = [{
    A scalar, or a tensor or vector given by its elements. Weights are not constants but `tiny.param`s: their bytes
    stay outside the IR.

    ```mlir
    %half = tiny.const 5.000000e-01 : f32
    %steps = tiny.const dense<[8.0, 16.0]> : tensor<2xf32>
    ```
  }];
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs Tiny_Value:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Tiny_IotaOp : Tiny_Op<"iota", [Pure]> {
  let summary = "The value of an affine expression at each point";
  let description = [{
    `result[p] = map(offsets + p)`, cast to the element type; the map has one result. The only source of coordinates:
    positions, comparisons of an index with a bound, masks of attention.

    On a tensor or a vector the map takes one dimension for each of the result's. In the body of a `tiny.stage` the
    result is a scalar and the map takes the dimensions of the stage's domain. On tiles (vectors) `offsets` give the
    tile's place in the domain.

    ```mlir
    %column = tiny.iota affine_map<(d0, d1) -> (d1)> : tensor<4x5xi64>
    ```
  }];
  let arguments = (ins AffineMapAttr:$map, Variadic<Index>:$offsets);
  let results = (outs Tiny_NumberValue:$result);
  let assemblyFormat = "$map (`at` `[` $offsets^ `]`)? attr-dict `:` type($result)";
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::AffineMap":$map),
                            [{ build($_builder, $_state, type, map, ::mlir::ValueRange()); }]>];
  let hasVerifier = 1;
}

def Tiny_ParamOp : Tiny_Op<"param", [Pure]> {
  let summary = "A weight: its name and the hash of its bytes";
  let description = [{
    The bytes are little-endian, row-major, found by `hash` (64 hexadecimal digits of SHA-256) in the weight store that
    goes with the module, or stored in the artefact. `name` is the user's.

    ```mlir
    %w = tiny.param "conv1.weight" "5d0f8f7a6e0b2c1d5d0f8f7a6e0b2c1d5d0f8f7a6e0b2c1d5d0f8f7a6e0b2c1d" : tensor<8x1x5x5xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$hash);
  let results = (outs Tiny_Tensor:$result);
  let assemblyFormat = "$name $hash attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===- Unary -----------------------------------------------------------------------------------------------------===//

class Tiny_UnaryOp<string mnemonic, Type type, list<Trait> traits = []>
    : Tiny_Op<mnemonic, [Pure, SameOperandsAndResultType] # traits> {
  let arguments = (ins type:$input);
  let results = (outs type:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Tiny_SqrtOp : Tiny_UnaryOp<"sqrt", Tiny_FloatValue> {
  let summary = "Square root, correctly rounded";
  let description = [{
    NaN for a negative input; `sqrt(-0) = -0`.

    ```mlir
    %r = tiny.sqrt %x : tensor<4xf32>
    ```
  }];
}

def Tiny_SinOp : Tiny_UnaryOp<"sin", Tiny_FloatValue> {
  let summary = "Sine of an angle in radians, within 2 ulp over the whole range";
  let description = [{
    NaN for an infinity. `cos` is a composition.

    ```mlir
    %r = tiny.sin %x : tensor<4xf32>
    ```
  }];
}

class Tiny_ExponentialOp<string mnemonic> : Tiny_Op<mnemonic, [Pure, SameOperandsAndResultType]> {
  let arguments = (ins Tiny_LogBaseAttr:$base, Tiny_FloatValue:$input);
  let results = (outs Tiny_FloatValue:$result);
  let assemblyFormat = "`` $base $input attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Tiny_ExpOp : Tiny_ExponentialOp<"exp"> {
  let summary = "e or 2 to the power of the input, within 2 ulp";
  let description = [{
    Both bases are ops: base 2 of a rounded `x * log2(e)` errs by up to 63 ulp, and hardware has base 2.
    Overflow gives infinity, underflow denormals and zero.

    ```mlir
    %r = tiny.exp e %x : tensor<4xf32>
    ```
  }];
}

def Tiny_LogOp : Tiny_ExponentialOp<"log"> {
  let summary = "Logarithm to base e or 2, within 2 ulp";
  let description = [{
    `log(±0) = -inf`, NaN for a negative input. Denormals are not flushed.

    ```mlir
    %r = tiny.log two %x : tensor<4xf32>
    ```
  }];
}

def Tiny_RoundOp : Tiny_Op<"round", [Pure, SameOperandsAndResultType]> {
  let summary = "The nearest integral value (ties to even), or floor, ceil, trunc";
  let description = [{
    ```mlir
    %r = tiny.round even %x : tensor<4xf32>
    ```
  }];
  let arguments = (ins Tiny_RoundModeAttr:$mode, Tiny_FloatValue:$input);
  let results = (outs Tiny_FloatValue:$result);
  let assemblyFormat = "`` $mode $input attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Tiny_CastOp : Tiny_Op<"cast", [Pure, SameOperandsAndResultShape]> {
  let summary = "Conversion of the value to another element type";
  let description = [{
    Float to float rounds to nearest even (an overflow becomes infinity, in formats without infinity NaN); float to
    integer truncates, saturates, and NaN gives 0; integer to integer wraps; integer to float rounds to nearest even;
    anything to `i1` is `x != 0` (NaN is true); `i1` to a number is 0 or 1.

    ```mlir
    %r = tiny.cast %x : tensor<4xf32> to tensor<4xui8>
    ```
  }];
  let arguments = (ins Tiny_Value:$input);
  let results = (outs Tiny_Value:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($result)";
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::mlir::Type":$elementType)>];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Tiny_BitcastOp : Tiny_Op<"bitcast", [Pure, SameOperandsAndResultShape]> {
  let summary = "The same bits as another element type of the same width";
  let description = [{
    ```mlir
    %r = tiny.bitcast %x : tensor<4xf32> to tensor<4xi32>
    ```
  }];
  let arguments = (ins Tiny_Value:$input);
  let results = (outs Tiny_Value:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($result)";
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::mlir::Type":$elementType)>];
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===- Binary ----------------------------------------------------------------------------------------------------===//

class Tiny_BinaryOp<string mnemonic, Type type, list<Trait> traits = []>
    : Tiny_Op<mnemonic, [Pure, SameOperandsAndResultType] # traits> {
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs type:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Tiny_AddOp : Tiny_BinaryOp<"add", Tiny_NumberValue, [Commutative]> {
  let summary = "Sum; integers wrap, floats round to nearest even";
  let description = [{
    ```mlir
    %r = tiny.add %a, %b : tensor<4xf32>
    ```
  }];
}

def Tiny_MulOp : Tiny_BinaryOp<"mul", Tiny_NumberValue, [Commutative]> {
  let summary = "Product; integers wrap, floats round to nearest even";
  let description = [{
    A product that is added is not contracted to a fused multiply-add, except in the sum of a contraction, whose
    schedule says so: by "fma", or by a row of matrix instructions, which also says in which order terms are summed and
    what becomes of denormals.

    ```mlir
    %r = tiny.mul %a, %b : tensor<4xf32>
    ```
  }];
}

def Tiny_DivOp : Tiny_BinaryOp<"div", Tiny_NumberValue> {
  let summary = "Quotient; floats correctly rounded, integers truncate";
  let description = [{
    Integers: `x / 0 = 0`, and the smallest integer by -1 is itself. A reciprocal followed by a product would overflow
    and differ from the correct quotient in a quarter of all cases; hence an op.

    ```mlir
    %r = tiny.div %a, %b : tensor<4xf32>
    ```
  }];
}

def Tiny_ModOp : Tiny_BinaryOp<"mod", Tiny_NumberValue> {
  let summary = "Remainder of the truncating division, with the sign of the dividend";
  let description = [{
    `a - trunc(a / b) * b`, exact for floats (as C's fmod). Integers: `x mod 0 = 0`; the smallest integer by -1 gives 0.

    ```mlir
    %r = tiny.mod %a, %b : tensor<4xi32>
    ```
  }];
}

def Tiny_MaxOp : Tiny_BinaryOp<"max", Tiny_NumberValue, [Commutative]> {
  let summary = "The larger of two numbers; NaN if either is NaN";
  let description = [{
    `max(-0, +0)` is `+0`. Minimum is a composition: `-max(-a, -b)`, for integers through the complement.

    ```mlir
    %r = tiny.max %a, %b : tensor<4xf32>
    ```
  }];
}

class Tiny_CompareOp<string mnemonic, Type type, list<Trait> traits = []>
    : Tiny_Op<mnemonic, [Pure, AllTypesMatch<["lhs", "rhs"]>,
                         TypesMatchWith<"result is i1 in the shape of the operands", "lhs", "result",
                                        "::tinyc::tiny::withElementType($_self, ::mlir::IntegerType::get($_self.getContext(), 1))">] # traits> {
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs Tiny_BoolValue:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
  let builders = [OpBuilder<(ins "::mlir::Value":$lhs, "::mlir::Value":$rhs), [{
    build($_builder, $_state, ::tinyc::tiny::withElementType(lhs.getType(), $_builder.getI1Type()), lhs, rhs);
  }]>];
  let hasFolder = 1;
}

def Tiny_CmpLtOp : Tiny_CompareOp<"cmplt", Tiny_NumberValue> {
  let summary = "Whether lhs is less than rhs; false if either is NaN";
  let description = [{
    ```mlir
    %r = tiny.cmplt %a, %b : tensor<4xf32>
    ```
  }];
}

def Tiny_CmpEqOp : Tiny_CompareOp<"cmpeq", Tiny_Value, [Commutative]> {
  let summary = "Whether lhs equals rhs; false if either is NaN";
  let description = [{
    ```mlir
    %r = tiny.cmpeq %a, %b : tensor<4xf32>
    ```
  }];
}

def Tiny_AndOp : Tiny_BinaryOp<"and", Tiny_BitsValue, [Commutative]> {
  let summary = "Bitwise and";
  let description = [{
    ```mlir
    %r = tiny.and %a, %b : tensor<4xi1>
    ```
  }];
}

def Tiny_OrOp : Tiny_BinaryOp<"or", Tiny_BitsValue, [Commutative]> {
  let summary = "Bitwise or";
  let description = [{
    ```mlir
    %r = tiny.or %a, %b : tensor<4xi1>
    ```
  }];
}

def Tiny_XorOp : Tiny_BinaryOp<"xor", Tiny_BitsValue, [Commutative]> {
  let summary = "Bitwise exclusive or; with all ones, the complement";
  let description = [{
    ```mlir
    %r = tiny.xor %a, %b : tensor<4xi1>
    ```
  }];
}

def Tiny_ShlOp : Tiny_BinaryOp<"shl", Tiny_IntegerValue> {
  let summary = "Shift left; 0 if the amount is negative or at least the width";
  let description = [{
    ```mlir
    %r = tiny.shl %a, %b : tensor<4xi32>
    ```
  }];
}

def Tiny_ShrOp : Tiny_BinaryOp<"shr", Tiny_IntegerValue> {
  let summary = "Shift right, arithmetic for signed types; 0 if the amount is negative or at least the width";
  let description = [{
    ```mlir
    %r = tiny.shr %a, %b : tensor<4xui32>
    ```
  }];
}

//===- Ternary ---------------------------------------------------------------------------------------------------===//

def Tiny_WhereOp : Tiny_Op<"where", [Pure, AllTypesMatch<["onTrue", "onFalse", "result"]>,
      TypesMatchWith<"condition is i1 in the shape of the result", "result", "condition",
                     "::tinyc::tiny::withElementType($_self, ::mlir::IntegerType::get($_self.getContext(), 1))">]> {
  let summary = "Chooses elementwise between two values";
  let description = [{
    Both values are computed; what is not chosen has no effect.

    ```mlir
    %r = tiny.where %c, %a, %b : tensor<4xf32>
    ```
  }];
  let arguments = (ins Tiny_BoolValue:$condition, Tiny_Value:$onTrue, Tiny_Value:$onFalse);
  let results = (outs Tiny_Value:$result);
  let assemblyFormat = "$condition `,` $onTrue `,` $onFalse attr-dict `:` type($result)";
  let builders = [OpBuilder<(ins "::mlir::Value":$condition, "::mlir::Value":$onTrue, "::mlir::Value":$onFalse), [{
    build($_builder, $_state, onTrue.getType(), condition, onTrue, onFalse);
  }]>];
  let hasFolder = 1;
}

//===- Reduce ----------------------------------------------------------------------------------------------------===//

def Tiny_ReduceOp : Tiny_Op<"reduce", [Pure]> {
  let summary = "Combines all elements along some dimensions: sum, product or maximum";
  let description = [{
    The reduced dimensions disappear from the shape; a tensor or vector of which nothing remains has rank 0. The order
    of combination is the schedule's (a fixed tree); a sum of zeros is either zero; over no elements at all the
    result is the identity: 0, 1, or the smallest value (-inf for floats). `max` propagates NaN. `i1` reduces with `max` (any) and `prod` (all) as cast to
    an integer.

    ```mlir
    %r = tiny.reduce sum %x [1] : tensor<4x5xf32> -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Tiny_ReduceKindAttr:$kind, Tiny_ShapedValue:$input, DenseI64ArrayAttr:$dims);
  let results = (outs Tiny_ShapedValue:$result);
  let assemblyFormat = "`` $kind $input $dims attr-dict `:` type($input) `->` type($result)";
  let builders = [OpBuilder<(ins "::tinyc::tiny::ReduceKind":$kind, "::mlir::Value":$input,
                                 "::llvm::ArrayRef<int64_t>":$dims)>];
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===- Movement --------------------------------------------------------------------------------------------------===//

def Tiny_ViewOp : Tiny_Op<"view", [Pure]> {
  let summary = "Reads a tensor through an affine map and a mask";
  let description = [{
    `result[p] = input[map(p)]` where `mask(p)` holds, else `fill`. The map takes the result's dimensions and gives the
    input's; it may hold `mod` and `floordiv`, so reshape, permute, expand, pad, shrink, flip and strided windows are
    all views, and a view of a view is one view. At every point of the mask `map` stays inside the input: the verifier
    proves it or rejects the op with a point at which it does not.

    `fill` has the element type and is given where there is a mask.

    ```mlir
    %t = tiny.view %x by affine_map<(d0, d1) -> (d1, d0)> : tensor<4x5xf32> -> tensor<5x4xf32>
    %p = tiny.view %x by affine_map<(d0, d1) -> (d0, d1 - 1)> mask affine_set<(d0, d1) : (d1 - 1 >= 0, 5 - d1 >= 0)>
         fill 0.0 : f32 : tensor<4x5xf32> -> tensor<4x7xf32>
    ```
  }];
  let arguments = (ins Tiny_ShapedValue:$input, AffineMapAttr:$map, OptionalAttr<IntegerSetAttr>:$mask,
                       OptionalAttr<TypedAttrInterface>:$fill);
  let results = (outs Tiny_ShapedValue:$result);
  let assemblyFormat = [{
    $input `by` $map (`mask` $mask^)? (`fill` $fill^)? attr-dict `:` type($input) `->` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$input, "::mlir::AffineMap":$map), [{
    build($_builder, $_state, type, input, ::mlir::AffineMapAttr::get(map), ::mlir::IntegerSetAttr(),
          ::mlir::TypedAttr());
  }]>];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Tiny_ConcatOp : Tiny_Op<"concat", [Pure]> {
  let summary = "Joins tensors along one dimension";
  let description = [{
    ```mlir
    %r = tiny.concat %a, %b dim 0 : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<6x3xf32>
    ```
  }];
  let arguments = (ins Variadic<Tiny_Tensor>:$inputs, I64Attr:$dim);
  let results = (outs Tiny_Tensor:$result);
  let assemblyFormat = "$inputs `dim` $dim attr-dict `:` functional-type($inputs, $result)";
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$inputs, "int64_t":$dim)>];
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===- Bounded addressing ----------------------------------------------------------------------------------------===//

def Tiny_GatherOp : Tiny_Op<"gather", [Pure]> {
  let summary = "Reads at positions that are data; out of range reads a given value";
  let description = [{
    `result[p, q, s] = input[p, indices[q], s]`, where `p` are the dimensions before `dim`, `q` those of `indices`, `s`
    those after `dim`. An index that is negative or not below the dimension's size reads `otherwise`. Negative indices
    that count from the end are the importer's to resolve.

    ```mlir
    %r = tiny.gather %table[%ids] dim 0 otherwise 0.0 : f32 : tensor<100x8xf32>, tensor<7xi64> -> tensor<7x8xf32>
    ```
  }];
  let arguments = (ins Tiny_Tensor:$input, Tiny_Tensor:$indices, I64Attr:$dim, TypedAttrInterface:$otherwise);
  let results = (outs Tiny_Tensor:$result);
  let assemblyFormat = [{
    $input `[` $indices `]` `dim` $dim `otherwise` $otherwise attr-dict `:` type($input) `,` type($indices) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Tiny_ScatterOp : Tiny_Op<"scatter", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "Writes updates at positions that are data; out of range is dropped";
  let description = [{
    Starts as `input`; then for every `q` of `indices`, in row-major order, `result[p, indices[q], s]` is set to, has
    added, or is maximised with `updates[p, q, s]`. With repeated indices the last one wins for `set`; `sum` adds in
    that order: the result is deterministic.

    ```mlir
    %r = tiny.scatter sum %x[%ids], %u dim 0 : tensor<100x8xf32>, tensor<7xi64>, tensor<7x8xf32>
    ```
  }];
  let arguments = (ins Tiny_ScatterKindAttr:$kind, Tiny_Tensor:$input, Tiny_Tensor:$indices, Tiny_Tensor:$updates,
                       I64Attr:$dim);
  let results = (outs Tiny_Tensor:$result);
  let assemblyFormat = [{
    `` $kind $input `[` $indices `]` `,` $updates `dim` $dim attr-dict `:` type($input) `,` type($indices) `,`
    type($updates)
  }];
  let hasVerifier = 1;
}

//===- Bounded control -------------------------------------------------------------------------------------------===//

def Tiny_LoopOp : Tiny_Op<"loop", [AttrSizedOperandSegments, RecursiveMemoryEffects, SingleBlockImplicitTerminator<"YieldOp">,
                                   IsolatedFromAbove]> {
  let summary = "A loop with carried values and a static maximum of trips";
  let description = [{
    The body takes the trip's number (a scalar `tensor<i64>`) and the carried values, then the invariant ones; it yields
    whether to go on (`tensor<i1>`) and the new carried values. The loop ends after `trips` trips, or after the first
    that yields false.

    ```mlir
    %r = tiny.loop 10 carry(%x) use(%w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %u: tensor<4xf32>):
      %n = tiny.add %c, %u : tensor<4xf32>
      %on = tiny.const dense<true> : tensor<i1>
      tiny.yield %on, %n : tensor<i1>, tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins I64Attr:$trips, Variadic<Tiny_Tensor>:$carried, Variadic<Tiny_Tensor>:$invariant);
  let results = (outs Variadic<Tiny_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tiny_CondOp : Tiny_Op<"cond", [RecursiveMemoryEffects, SingleBlockImplicitTerminator<"YieldOp">,
                                   IsolatedFromAbove]> {
  let summary = "One of two computations, chosen by a value";
  let description = [{
    Both regions take `inputs` and yield the same types; only the chosen one runs.

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
  let arguments = (ins Tiny_Condition:$condition, Variadic<Tiny_Tensor>:$inputs);
  let results = (outs Variadic<Tiny_Tensor>:$results);
  let regions = (region SizedRegion<1>:$onTrue, SizedRegion<1>:$onFalse);
  let assemblyFormat = [{
    $condition `(` $inputs `)` attr-dict-with-keyword `:` functional-type($inputs, $results) $onTrue `else` $onFalse
  }];
  let hasRegionVerifier = 1;
}

#endif
