// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc import: a model as tiny ops in a text file, and beside it a folder with its weights, so that the two can be
// moved, read, changed and compiled.

#include "lib/Compiler/ModelFile.h"
#include "tools/output/OutputFile.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/GivenInputs.h"
#include "tools/tinyc/Session.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tinyc;

bool tinyc::writeModel(ModuleOp module, const WeightStore &weights, const std::string &path) {
  std::string error;
  bool toFile = !path.empty() && path != "-";
  // What goes to standard output has no place beside it: its weights go where every run of tinyc finds them.
  if (toFile ? !weights.writeTo(weightFolderBeside(path), weightsOf(module), error) : !weights.save(error)) {
    llvm::errs() << "tinyc: " << error << "\n";
    return false;
  }
  return writeFile(path, [&](llvm::raw_ostream &os) {
    module->print(os, OpPrintingFlags().enableDebugInfo());
    os << "\n";
  });
}

int tinyc::runImport(const Arguments &arguments) {
  llvm::StringRef output = arguments.output;
  if (!output.empty() && output != "-" && !output.ends_with(".mlir")) {
    llvm::errs() << "tinyc: import writes MLIR: expected -o OUT.mlir or -o -, found -o " << output << "\n";
    return kUsage;
  }
  std::string error;
  std::optional<GivenInputs> given = givenValues(arguments, error);
  if (!given) {
    llvm::errs() << "tinyc: " << error << "\n";
    return kUsage;
  }
  Session session(arguments);
  if (!session.good())
    return kInputWrong;
  OwningOpRef<ModuleOp> model = session.load(arguments.files[0], given->known);
  return model && fitInputs(*given, *model) && writeModel(*model, session.weightStore(), arguments.output)
             ? kDone
             : kInputWrong;
}
