// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc run: inputs in, outputs printed.

#include "runtime/tensorio/Report.h"
#include "runtime/tensorio/TensorFiles.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/GivenInputs.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/ReferenceModel.h"
#include "tools/tinyc/RunnableModel.h"
#include "tools/tinyc/Session.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

static int fail(const std::string &error, int code = kInputWrong) {
  hideProgress();
  llvm::errs() << "tinyc: " << error << "\n";
  return code;
}

int tinyc::runRun(const Arguments &arguments) {
  std::string error;
  std::optional<GivenInputs> given = givenInputs(arguments, error);
  if (!given)
    return fail(error, kUsage);
  // Before the work that would be lost.
  if (!arguments.outputDir.empty()) {
    std::error_code code = llvm::sys::fs::create_directories(arguments.outputDir);
    if (!code && !llvm::sys::fs::is_directory(arguments.outputDir))
      code = std::make_error_code(std::errc::not_a_directory);
    if (code)
      return fail("cannot make the folder '" + arguments.outputDir + "': " + code.message());
  }
  std::unique_ptr<RunnableModel> model = RunnableModel::open(arguments, arguments.files[0], given->known);
  if (!model)
    return kInputWrong;
  std::vector<tensorio::HostTensor> inputs, outputs;
  if (!tensorio::makeInputs(given->flags, model->inputs(), inputs, error, model->fixedInputs()))
    return fail(error);
  tensorio::ProfileTable profile(model->deviceName());
  bool profiling = arguments.profile || debugLevel() >= 2;
  if (profiling && isReference(model->deviceName())) {
    llvm::errs() << "tinyc: the reference has no kernels to time\n";
    profiling = false;
  }
  if (profiling) {
    profile.setLimits(model->limits());
    model->setProfiler(tensorio::ProfileTable::callback, &profile);
  }
  showStep("running " + arguments.files[0]);
  if (!model->run(inputs, outputs, error))
    return error.empty() ? kInputWrong : fail(error);
  hideProgress();
  for (const tensorio::HostTensor &output : outputs)
    tensorio::printTensor(stdout, output);
  if (arguments.hash)
    tensorio::printHashes(stdout, outputs);
  if (!arguments.outputDir.empty()) {
    std::vector<std::string> names = tensorio::outputFileNames(outputs);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!tensorio::writeNpy(arguments.outputDir + "/" + names[i], outputs[i], error))
        return fail(error);
  }
  if (profiling)
    profile.print(stdout);
  return kDone;
}
