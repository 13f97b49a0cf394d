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

def Example_SquareOp : Op<Example_Dialect, "square", [Pure, SameOperandsAndResultType]> {
  let summary = "Each element times itself";
  let description = [{
    ```mlir
    %y = example.square %x : tensor<4xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$input);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}
