// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer of ONNX models, up to simplified tiny ops. An input is a model file. It must end in a module that
// verifies and that simplifies, or in an error that says something.

#include "lib/Compiler/Compile.h"
#include "lib/Onnx/NodeImport.h"
#include "lib/Weights/WeightStore.h"
#include "test/fuzz/Diagnostics.h"
#include "test/fuzz/OnnxMutation.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::fuzz;
using onnx::ModelProto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const InputFile file("model.onnx");
  file.write(data, size);
  MLIRContext context(compilerDialects(), MLIRContext::Threading::DISABLED);
  Diagnostics said(context);
  WeightStore weights;
  auto module = loadModel(file.path(), {}, weights, context);
  require(succeeded(module) == (said.errors() == 0), "imported with errors, or refused without: " + said.last());
  if (failed(module))
    return 0;
  StageOptions options;
  options.verifyEachPass = true;
  LogicalResult simplified = runStages(**module, findStage("simplify"), nullptr, options);
  require(succeeded(simplified), "an imported model cannot be simplified: " + said.last());
  return 0;
}

static const std::vector<OperatorName> &operatorNames() {
  static const std::vector<OperatorName> names = [] {
    std::vector<OperatorName> all;
    for (const onnx::Operator *row : onnx::operators())
      all.push_back({row->domain.str(), row->name.str()});
    return all;
  }();
  return names;
}

static size_t give(const ModelProto &model, uint8_t *data, size_t most) {
  std::string bytes = model.SerializeAsString();
  if (bytes.size() > most)
    return 0;
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  Choice choose(seed);
  ModelProto model;
  if (!choose.oneIn(20) && model.ParseFromArray(data, static_cast<int>(size))) {
    for (size_t i = choose.below(3) + 1; i > 0; --i)
      mutateModel(model, operatorNames(), choose);
    if (size_t changed = give(model, data, most))
      return changed;
  }
  return LLVMFuzzerMutate(data, size, most);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t firstSize, const uint8_t *second,
                                            size_t secondSize, uint8_t *out, size_t most, unsigned seed) {
  Choice choose(seed);
  ModelProto model, other;
  if (!model.ParseFromArray(first, static_cast<int>(firstSize)) ||
      !other.ParseFromArray(second, static_cast<int>(secondSize)))
    return 0;
  graft(model, other, choose);
  return give(model, out, most);
}
