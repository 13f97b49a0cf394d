// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tiny dialect itself: its types, enumerations and attributes.

#ifndef TINYC_DIALECTS_TINY_TINYBASE
#define TINYC_DIALECTS_TINY_TINYBASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Tiny_Dialect : Dialect {
  let name = "tiny";
  let cppNamespace = "::tinyc::tiny";
  let summary = "A reduced instruction set for neural networks";
  let description = [{
    About thirty ops express every network. The same elementwise ops stand at three levels:

    1. on **tensors**: the model as imported;
    2. on **scalars**: the bodies of the stages of a `tiny.kernel`, which says in global coordinates what one launch
       reads, computes and writes;
    3. on **vectors**: the tiles of a kernel after tiling, one value a tile, later one value a lane.

    Element types: `i1` is a truth value; `i8` to `i64` are *signed*, `ui8` to `ui64` unsigned (the ops take their
    meaning from the type: one `div`, one `max`); `f16`, `bf16`, `f32`, `f64`, and the four 8-bit floats. Every shape
    is static; every loop has a bound; every address is an affine function of loop variables, or a `gather` or `scatter`
    that is checked against the bounds of its buffer.

    Numbers behave the same on every target: f32 elementary functions are within 2 ulp, `add`, `mul`, `div` and `sqrt`
    correctly rounded; `max` propagates NaN; integers wrap; a division by zero gives 0 and the smallest integer divided
    by -1 itself; a shift by the width or more gives 0; a float that is cast to an integer saturates and NaN gives 0.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def Tiny_Bool : I<1>;
def Tiny_Integer : AnyTypeOf<[I<8>, I<16>, I<32>, I<64>, UI<8>, UI<16>, UI<32>, UI<64>], "8 to 64-bit integer">;
def Tiny_Float : AnyTypeOf<[F16, BF16, F32, F64, F8E4M3FN, F8E5M2, F8E4M3FNUZ, F8E5M2FNUZ], "float">;
def Tiny_Element : AnyTypeOf<[Tiny_Bool, Tiny_Integer, Tiny_Float], "element type of the tiny dialect">;

// A value at one of the three levels: scalar, statically shaped tensor, vector.
class Tiny_ValueOf<Type element, string description>
    : AnyTypeOf<[element, StaticShapeTensorOf<[element]>, VectorOfAnyRankOf<[element]>], description>;

def Tiny_Value : Tiny_ValueOf<Tiny_Element, "scalar, static tensor or vector">;
def Tiny_FloatValue : Tiny_ValueOf<Tiny_Float, "float scalar, tensor or vector">;
def Tiny_BoolValue : Tiny_ValueOf<Tiny_Bool, "i1 scalar, tensor or vector">;
def Tiny_NumberValue
    : Tiny_ValueOf<AnyTypeOf<[Tiny_Integer, Tiny_Float]>, "integer or float scalar, tensor or vector">;
def Tiny_BitsValue : Tiny_ValueOf<AnyTypeOf<[Tiny_Bool, Tiny_Integer]>, "i1 or integer scalar, tensor or vector">;
def Tiny_IntegerValue : Tiny_ValueOf<Tiny_Integer, "integer scalar, tensor or vector">;
def Tiny_Tensor : StaticShapeTensorOf<[Tiny_Element]>;
def Tiny_Vector : VectorOfAnyRankOf<[Tiny_Element]>;
def Tiny_ShapedValue : AnyTypeOf<[Tiny_Tensor, Tiny_Vector], "static tensor or vector">;
def Tiny_Condition
    : Type<CPred<"$_self == ::mlir::RankedTensorType::get({}, ::mlir::IntegerType::get($_self.getContext(), 1))">,
           "tensor<i1>", "::mlir::RankedTensorType">,
      BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI1Type())">;
def Tiny_IndexScalar : AnyTypeOf<[I32, I64], "i32 or i64">;
def Tiny_IndexTile : VectorOfAnyRankOf<[I32, I64]>;
def Tiny_Buffer : MemRefOf<[Tiny_Element]>;

def Tiny_ReduceKind : I32EnumAttr<"ReduceKind", "how a reduction combines", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Sum", 1, "sum">, I32EnumAttrCase<"Prod", 2, "prod">,
    I32EnumAttrCase<"Max", 3, "max">]> {
  let cppNamespace = "::tinyc::tiny";
  let genSpecializedAttr = 0;
}
def Tiny_ReduceKindAttr : EnumAttr<Tiny_Dialect, Tiny_ReduceKind, "reduce_kind">;

def Tiny_ScatterKind : I32EnumAttr<"ScatterKind", "how a scatter combines with what is there", [
    I32EnumAttrCase<"Set", 0, "set">, I32EnumAttrCase<"Sum", 1, "sum">, I32EnumAttrCase<"Max", 2, "max">]> {
  let cppNamespace = "::tinyc::tiny";
  let genSpecializedAttr = 0;
}
def Tiny_ScatterKindAttr : EnumAttr<Tiny_Dialect, Tiny_ScatterKind, "scatter_kind">;

def Tiny_RoundMode : I32EnumAttr<"RoundMode", "to which integral value", [
    I32EnumAttrCase<"Even", 0, "even">, I32EnumAttrCase<"Floor", 1, "floor">, I32EnumAttrCase<"Ceil", 2, "ceil">,
    I32EnumAttrCase<"Trunc", 3, "trunc">]> {
  let cppNamespace = "::tinyc::tiny";
  let genSpecializedAttr = 0;
}
def Tiny_RoundModeAttr : EnumAttr<Tiny_Dialect, Tiny_RoundMode, "round_mode">;

def Tiny_LogBase : I32EnumAttr<"LogBase", "base of exp and log", [
    I32EnumAttrCase<"E", 0, "e">, I32EnumAttrCase<"Two", 1, "two">]> {
  let cppNamespace = "::tinyc::tiny";
  let genSpecializedAttr = 0;
}
def Tiny_LogBaseAttr : EnumAttr<Tiny_Dialect, Tiny_LogBase, "log_base">;

def Tiny_ScheduleAttr : AttrDef<Tiny_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "How one kernel runs on one chip";
  let description = [{
    Chosen in one place (the `schedule` pass, from the cost model or a measured search), verified against the chip's
    row of facts, printed, overridable in the text. The passes after it only apply it.

    - `unit`: sizes of one work unit's tile, one number for each shared parallel dimension of the kernel. A work unit is
      a GPU's block, or one step of the range [begin, end) of a CPU kernel.
    - `inner`: the part of a unit's tile that is held in registers at once: on a CPU the micro-tile of a contraction
      (rows, columns; of a window rows, lines, columns), on a GPU the tile of one warp. Empty where a unit is not
      subdivided.
    - `strip`: how many points of a reduction, or of a row, are taken in one step; one number for each dimension that
      the shared ones leave: own parallel ones of the longest stage, then reduction ones.
    - `warps`: warps (waves) a block along each shared dimension, last the number along the strip; empty on a CPU.
    - `instruction`: the row of the tensor-core table that a contraction uses, or "fma"; empty without a contraction. On
      a CPU: "amx.tdpbf16ps" (bf16; denormals are zeros, going in and coming out; of each 32 terms the even and the odd
      ones are summed apart by fused multiply-adds, and the sum of both is added), "amx.tdpbssd" and its like for other
      signs, "avx512vnni.vpdpbusd.ui8.i8", "avx512vnni.vpdpbusd.i8.ui8" and "avx512vnni.vpdpwssd" (bytes into i32,
      exact). `inner` is a multiple of the row's m and n, and a strip that cuts the sum one of its k.
    - `columns`: how a CPU's contraction reads the factor along the output's last dimension: "packed" panel by panel,
      or as "window": what a unit's sliding windows cover is copied once, padded, and read in place. So it is in a
      "plane", where short lines stand side by side and the micro-tile's columns run on from one to the next. Empty
      elsewhere.
    - `pipeline`: how many tiles of a contraction's operands are in flight in shared memory (1: no overlap).
    - `vector`: elements of one vector access or register.
    - `keep`: whether values between stages are kept on chip (true) or computed again (false).
  }];
  let parameters = (ins "::mlir::DenseI64ArrayAttr":$unit, "::mlir::DenseI64ArrayAttr":$inner,
    "::mlir::DenseI64ArrayAttr":$strip, "::mlir::DenseI64ArrayAttr":$warps, "::mlir::StringAttr":$instruction,
    "::mlir::StringAttr":$columns, "int64_t":$pipeline, "int64_t":$vector, "bool":$keep);
  let hasCustomAssemblyFormat = 1;
}

#endif
