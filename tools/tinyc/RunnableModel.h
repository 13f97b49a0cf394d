// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model that can be run: a .tinyc file or a model compiled in this process on a device of the runtime, or a model
// under the reference interpreter.

#ifndef TINYC_TOOLS_TINYC_RUNNABLEMODEL_H
#define TINYC_TOOLS_TINYC_RUNNABLEMODEL_H

#include "lib/Artefact/FileBytes.h"
#include "runtime/tensorio/DeviceLimits.h"
#include "runtime/tensorio/HostTensor.h"
#include "tools/tinyc/CommandLine.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <memory>
#include <vector>

namespace tinyc {

class Session;

class RunnableModel {
public:
  virtual ~RunnableModel() = default;

  /// Opens (and compiles) `path` for the device of the arguments. Null after an error was printed. `known` are tensors
  /// that inputs will hold, as far as that is known: their shapes bind what the model leaves open, and where an
  /// operator has to know a value, the model is specialised for it.
  static std::unique_ptr<RunnableModel> open(const Arguments &arguments, llvm::StringRef path,
                                             llvm::ArrayRef<tensorio::HostTensor> known = {});
  /// Compiles a module of the session, which outlives the model, for `device`. Null after an error was printed.
  static std::unique_ptr<RunnableModel> compile(Session &session, mlir::ModuleOp module, llvm::StringRef device,
                                                unsigned threads);

  /// The same of the bytes of an artefact.
  static std::unique_ptr<RunnableModel> openBytes(artefact::FileBytes file, llvm::StringRef device, unsigned threads);

  /// Names, types and shapes; valid as long as the model.
  const std::vector<tinyc_tensor_info> &inputs() const { return inputInfos; }
  const std::vector<tinyc_tensor_info> &outputs() const { return outputInfos; }

  /// Inputs that must hold the values for which the model is specialised, with those.
  const std::vector<tensorio::HostTensor> &fixedInputs() const { return fixed; }

  /// Whether tensors of this shape and, where the model is specialised, of this content are what it takes; tensors of
  /// other names are passed over.
  bool takes(llvm::ArrayRef<tensorio::HostTensor> tensors) const;

  /// Runs @main. `outputs` are made with the right types and shapes before the first run and reused after. False, with
  /// a sentence in `error`, on failure (none if diagnostics were printed).
  virtual bool run(std::vector<tensorio::HostTensor> &inputs, std::vector<tensorio::HostTensor> &outputs,
                   std::string &error) = 0;

  /// Reports each launch of the next runs; null switches it off. Does nothing for the reference.
  virtual void setProfiler(tinyc_profile_callback callback, void *user) {}
  /// The device's own name, e.g. "cuda:0".
  virtual std::string deviceName() const = 0;
  /// The target whose code runs; empty for the reference.
  virtual std::string target() const { return ""; }
  /// What the device's threads reach at most, for shares; measured now if need be. Not known for the reference.
  virtual tensorio::DeviceLimits limits() const { return {}; }
  /// Seconds it took to compile; 0 for a .tinyc file.
  double compileSeconds = 0;

protected:
  /// Refuses, by name, an input whose value is not the one for which the model is specialised.
  bool checkFixed(llvm::ArrayRef<tensorio::HostTensor> inputs, std::string &error) const;
  /// Allocates what is missing in `outputs`.
  bool makeOutputs(std::vector<tensorio::HostTensor> &outputs, std::string &error) const;

  std::vector<tinyc_tensor_info> inputInfos, outputInfos;
  std::vector<tensorio::HostTensor> fixed;
};

/// The chip that code for the device must be compiled for: "cpu", "nvidia:sm_80". Null after an error was printed.
const struct Chip *chipOfDevice(tinyc_device *device);

/// Prints a status as "tinyc: ..." and frees it; true if there was one.
bool printStatus(tinyc_status *status);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_RUNNABLEMODEL_H
