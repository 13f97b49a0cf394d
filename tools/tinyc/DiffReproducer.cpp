// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trying and writing a case.

#include "tools/tinyc/DiffReproducer.h"

#include "runtime/tensorio/TensorFiles.h"
#include "tools/tinyc/Compare.h"
#include "tools/tinyc/RunnableModel.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

using namespace tinyc;

tensorio::HostTensor tinyc::copyTensor(const tensorio::HostTensor &tensor, std::string name) {
  tensorio::HostTensor copy;
  std::string error;
  copy.name = std::move(name);
  if (copy.allocate(tensor.dtype, tensor.shape, error) && tensor.byteSize())
    std::memcpy(copy.data(), tensor.data(), tensor.byteSize());
  return copy;
}

std::optional<bool> tinyc::fails(Session &session, const Arguments &arguments, const CheckCase &check) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = mlir::ModuleOp(check.module).clone(); // compiling changes it
  std::unique_ptr<RunnableModel> model = RunnableModel::compile(session, *copy, arguments.device, arguments.threads);
  if (!model)
    return std::nullopt;
  std::vector<tensorio::HostTensor> inputs, outputs;
  for (auto [tensor, info] : llvm::zip_equal(check.inputs, model->inputs()))
    inputs.push_back(copyTensor(*tensor, info.name));
  std::string error;
  if (!model->run(inputs, outputs, error)) {
    if (!error.empty())
      llvm::errs() << "tinyc: " << error << "\n";
    return std::nullopt;
  }
  for (auto [expected, found] : llvm::zip_equal(check.outputs, outputs))
    if (compareTensors(*expected, found, arguments.rtol, arguments.atol))
      return true;
  return false;
}

bool tinyc::writeCase(const std::string &folder, const CheckCase &check, const WeightStore &weights) {
  auto inside = [&](const llvm::Twine &name) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(path, name);
    return path.str().str();
  };
  auto fail = [](const std::string &error) {
    llvm::errs() << "tinyc: " << error << "\n";
    return false;
  };
  if (std::error_code code = llvm::sys::fs::create_directories(inside("test_data_set_0")))
    return fail("cannot make the folder '" + inside("test_data_set_0") + "': " + code.message());
  std::string error;
  auto writeAll = [&](llvm::StringRef prefix, llvm::ArrayRef<const tensorio::HostTensor *> tensors) {
    for (auto [i, tensor] : llvm::enumerate(tensors))
      if (!tensorio::writeNpy(inside("test_data_set_0/" + prefix + llvm::Twine(i) + ".npy"), *tensor, error))
        return false;
    return true;
  };
  if (!writeAll("input_", check.inputs) || !writeAll("output_", check.outputs))
    return fail(error);
  return writeModel(check.module, weights, inside("model.mlir"));
}
