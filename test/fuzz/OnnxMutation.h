// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes of ONNX messages that keep most of what the importer asks for: names that nodes give, operators that exist,
// tensors whose bytes fit their shapes.

#ifndef TINYC_TEST_FUZZ_ONNXMUTATION_H
#define TINYC_TEST_FUZZ_ONNXMUTATION_H

#include "lib/Onnx/onnx.pb.h"
#include "test/fuzz/Fuzz.h"

namespace tinyc::fuzz {

/// One change of type, shape or elements.
void mutateTensor(onnx::TensorProto &tensor, Choice &choose);

/// One change anywhere. `operators` are names to choose from, with their domains.
struct OperatorName {
  std::string domain, name;
};
void mutateModel(onnx::ModelProto &model, const std::vector<OperatorName> &operators, Choice &choose);

/// Puts a node of `other` into `model`, with what it reads that other nodes do not give.
void graft(onnx::ModelProto &model, const onnx::ModelProto &other, Choice &choose);

} // namespace tinyc::fuzz

#endif // TINYC_TEST_FUZZ_ONNXMUTATION_H
