// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the command line says of a model's inputs.

#ifndef TINYC_TOOLS_TINYC_GIVENINPUTS_H
#define TINYC_TOOLS_TINYC_GIVENINPUTS_H

#include "runtime/tensorio/Inputs.h"
#include "tools/tinyc/CommandLine.h"

#include "mlir/IR/BuiltinOps.h"

namespace tinyc {

struct GivenInputs {
  tensorio::InputFlags flags;
  /// The tensors of the files that could be read, in the types of the files: they may bind shapes, and values that the
  /// model must know. What is wrong with the others is said when the inputs are made.
  std::vector<tensorio::HostTensor> known;
};

/// The inputs that `--input` gives; nothing, with an error, if a flag is malformed.
std::optional<GivenInputs> givenInputs(const Arguments &arguments, std::string &error);

/// The same, and the values of seed 0 for what is not given, unless `--input` names another seed.
std::optional<GivenInputs> givenOrRandomInputs(const Arguments &arguments, std::string &error);

/// The same as givenInputs() for a command that runs nothing: the values of inputs on which shapes depend. Random ones
/// are an error.
std::optional<GivenInputs> givenValues(const Arguments &arguments, std::string &error);

/// Whether the files hold tensors for the inputs of a model: a name that is no input's, a file that cannot be read, and
/// another type or shape are printed. For commands that make no inputs, where nothing else says so.
bool fitInputs(const GivenInputs &given, tinyc_artefact *artefact);
bool fitInputs(const GivenInputs &given, mlir::ModuleOp model);
/// The same of a .tinyc file.
bool fitInputsOfFile(const GivenInputs &given, const std::string &path);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_GIVENINPUTS_H
