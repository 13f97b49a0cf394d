// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/tinyc/GivenInputs.h"

#include "lib/Compiler/BuildArtefact.h"
#include "runtime/tensorio/TensorFiles.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/RunnableModel.h"
#include "tools/tinyc/TensorConversion.h"

#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

std::optional<GivenInputs> tinyc::givenInputs(const Arguments &arguments, std::string &error) {
  GivenInputs given;
  for (const std::string &flag : arguments.inputs)
    if (!given.flags.add(flag, error))
      return std::nullopt;
  for (const tensorio::InputFlags::File &file : given.flags.files) {
    tensorio::HostTensor tensor;
    std::string unread;
    if (!tensorio::readTensorFile(file.path, TINYC_DTYPE_INVALID, tensor, unread))
      continue;
    tensor.name = file.name;
    given.known.push_back(std::move(tensor));
  }
  return given;
}

std::optional<GivenInputs> tinyc::givenOrRandomInputs(const Arguments &arguments, std::string &error) {
  std::optional<GivenInputs> given = givenInputs(arguments, error);
  if (given && !given->flags.randomSeed)
    given->flags.randomSeed = 0;
  return given;
}

std::optional<GivenInputs> tinyc::givenValues(const Arguments &arguments, std::string &error) {
  std::optional<GivenInputs> given = givenInputs(arguments, error);
  if (!given || !given->flags.randomSeed)
    return given;
  error = "--input random:" + std::to_string(*given->flags.randomSeed) +
          ": expected the values of inputs on which shapes depend, as NAME=@FILE; random values are for what is run";
  return std::nullopt;
}

static bool fitInputs(const GivenInputs &given, llvm::ArrayRef<tinyc_tensor_info> wanted) {
  tensorio::InputFlags filled = given.flags;
  filled.randomSeed = 0; // for those that may hold any value
  std::vector<tensorio::HostTensor> inputs;
  std::string error;
  if (tensorio::makeInputs(filled, wanted, inputs, error))
    return true;
  hideProgress();
  llvm::errs() << "tinyc: " << error << "\n";
  return false;
}

bool tinyc::fitInputs(const GivenInputs &given, tinyc_artefact *artefact) {
  if (given.flags.files.empty())
    return true;
  std::vector<tinyc_tensor_info> wanted(tinyc_artefact_input_count(artefact, "main"));
  for (auto [i, info] : llvm::enumerate(wanted))
    if (printStatus(tinyc_artefact_input(artefact, "main", i, &info)))
      return false;
  return ::fitInputs(given, wanted);
}

bool tinyc::fitInputs(const GivenInputs &given, mlir::ModuleOp model) {
  if (given.flags.files.empty())
    return true;
  mlir::func::FuncOp main = findMain(model);
  if (!main)
    return false;
  artefact::EntryPoint entry = entryPointOf(main);
  return ::fitInputs(given, llvm::map_to_vector(entry.inputs, infoOf));
}

bool tinyc::fitInputsOfFile(const GivenInputs &given, const std::string &path) {
  if (given.flags.files.empty())
    return true;
  tinyc_artefact *artefact = nullptr;
  bool fit = !printStatus(tinyc_artefact_open_file(path.c_str(), &artefact)) && fitInputs(given, artefact);
  tinyc_artefact_close(artefact);
  return fit;
}
