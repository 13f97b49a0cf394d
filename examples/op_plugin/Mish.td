// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dialect of one op, to show how an op of one's own joins the pipeline.

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Example_Dialect : Dialect {
  let name = "example";
  let cppNamespace = "::example";
}

def Example_MishOp : Op<Example_Dialect, "mish", [Pure, SameOperandsAndResultType]> {
  let summary = "x * tanh(beta * log(1 + exp(x))), element by element";
  let description = [{
    An activation that is smooth and not monotonic. `beta` scales the argument of the tangent.

    ```mlir
    %y = example.mish %x beta 1.0 : tensor<4xf32>
    ```
  }];
  let arguments = (ins StaticShapeTensorOf<[F32, F64]>:$input, F64Attr:$beta);
  let results = (outs StaticShapeTensorOf<[F32, F64]>:$result);
  let assemblyFormat = "$input `beta` $beta attr-dict `:` type($result)";
  let hasVerifier = 1;
}
