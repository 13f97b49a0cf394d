// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models on the runtime's devices. ReferenceModel.cpp has the interpreter's.

#include "tools/tinyc/RunnableModel.h"

#include "runtime/tensorio/Inputs.h"

#include "tools/tinyc/CompiledModel.h"
#include "tools/tinyc/CrashReport.h"
#include "tools/tinyc/MeasureCpu.h"
#include "tools/tinyc/ReferenceModel.h"
#include "tools/tinyc/Session.h"
#include "tools/tinyc/TensorConversion.h"

#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

bool tinyc::printStatus(tinyc_status *status) {
  if (!status)
    return false;
  llvm::errs() << "tinyc: " << tinyc_status_message(status) << "\n";
  tinyc_status_free(status);
  return true;
}

bool RunnableModel::takes(llvm::ArrayRef<tensorio::HostTensor> tensors) const {
  return llvm::all_of(tensors, [&](const tensorio::HostTensor &tensor) {
    auto same = [&](const tinyc_tensor_info &info) { return info.name == tensor.name; };
    auto info = llvm::find_if(inputInfos, same);
    auto value = llvm::find_if(fixed, [&](const tensorio::HostTensor &f) { return f.name == tensor.name; });
    return info == inputInfos.end() ||
           (info->dtype == tensor.dtype && llvm::ArrayRef(info->shape, info->rank) == llvm::ArrayRef(tensor.shape) &&
            (value == fixed.end() || equals(tensor, *value)));
  });
}

bool RunnableModel::checkFixed(llvm::ArrayRef<tensorio::HostTensor> inputs, std::string &error) const {
  for (const tensorio::HostTensor &value : fixed)
    for (const tensorio::HostTensor &input : inputs)
      if (input.name == value.name && !equals(input, value)) {
        error = "input '" + value.name +
                "': the model is compiled for another value, on which shapes of its tensors depend; " +
                "compile it again with the new one";
        return false;
      }
  return true;
}

bool RunnableModel::makeOutputs(std::vector<tensorio::HostTensor> &outputs, std::string &error) const {
  if (outputs.size() == outputInfos.size())
    return true;
  outputs.clear();
  for (const tinyc_tensor_info &info : outputInfos) {
    tensorio::HostTensor &tensor = outputs.emplace_back();
    tensor.name = info.name;
    if (!tensor.allocate(info.dtype, std::vector<int64_t>(info.shape, info.shape + info.rank), error))
      return false;
  }
  return true;
}

const Chip *tinyc::chipOfDevice(tinyc_device *device) {
  llvm::StringRef name = tinyc_device_name(device), chip = tinyc_device_chip(device);
  llvm::StringRef driver = name.split(':').first;
  std::string target = driver == "cuda"                      ? ("nvidia:" + chip).str()
                       : driver == "hip"                     ? ("amd:" + chip).str()
                       : driver == "cpu" || driver == "null" ? std::string("cpu")
                                                             : (driver + ":" + chip).str(); // a plug-in's
  const Chip *row = findChipOfDevice(target);
  if (!row)
    llvm::errs() << "tinyc: device " << name << " is a " << chip << ", for which tinyc has no target\n";
  return row;
}

namespace {
/// Objects of the C API, freed in the order in which they may be.
class DeviceModel : public RunnableModel {
public:
  ~DeviceModel() override {
    tinyc_context_free(context);
    tinyc_model_free(model);
    if (!compiled)
      tinyc_artefact_close(artefact);
    tinyc_device_close(device);
  }

  bool open(const Arguments &arguments, llvm::StringRef path, llvm::ArrayRef<tensorio::HostTensor> known);
  bool open(Session &session, mlir::ModuleOp module, llvm::StringRef device, unsigned threads);
  bool open(artefact::FileBytes bytes, llvm::StringRef device, unsigned threads) {
    file = std::move(bytes);
    return openDevice(device, threads) &&
           !printStatus(tinyc_artefact_open_memory(file.data(), file.size(), &artefact)) && load();
  }
  bool run(std::vector<tensorio::HostTensor> &inputs, std::vector<tensorio::HostTensor> &outputs,
           std::string &error) override;
  void setProfiler(tinyc_profile_callback callback, void *user) override {
    printStatus(tinyc_context_set_profiler(context, callback, user));
  }
  std::string deviceName() const override { return tinyc_device_name(device); }
  std::string target() const override { return tinyc_model_target(model); }
  tensorio::DeviceLimits limits() const override {
    return limitsOfDevice(deviceName(), tinyc_model_target(model), threads);
  }

private:
  bool openDevice(llvm::StringRef name, unsigned threads);
  bool compile(Session &session, mlir::ModuleOp module);
  bool load();

  std::unique_ptr<CompiledModel> compiled; // owns the artefact, or
  artefact::FileBytes file;                // outlives what is made from it
  std::string path;                        // of the user's file, if it is one
  unsigned threads = 0;
  tinyc_device *device = nullptr;
  tinyc_artefact *artefact = nullptr;
  tinyc_model *model = nullptr;
  tinyc_context *context = nullptr;
};
} // namespace

bool DeviceModel::openDevice(llvm::StringRef name, unsigned threads) {
  this->threads = threads;
  return !printStatus(tinyc_device_open(name.str().c_str(), &device));
}

bool DeviceModel::compile(Session &session, mlir::ModuleOp module) {
  const Chip *chip = chipOfDevice(device);
  if (!chip)
    return false;
  file = session.compile(module, chip);
  session.printTimes();
  compileSeconds = session.seconds();
  return !file.empty() && !printStatus(tinyc_artefact_open_memory(file.data(), file.size(), &artefact));
}

// The artefact on the device.
bool DeviceModel::load() {
  fixed = tensorio::fixedInputs(artefact, "main");
  for (size_t i = 0, n = tinyc_artefact_input_count(artefact, "main"); i < n; ++i)
    if (printStatus(tinyc_artefact_input(artefact, "main", i, &inputInfos.emplace_back())))
      return false;
  for (size_t i = 0, n = tinyc_artefact_output_count(artefact, "main"); i < n; ++i)
    if (printStatus(tinyc_artefact_output(artefact, "main", i, &outputInfos.emplace_back())))
      return false;
  // Once, not at each run: a run may take less than that.
  noteStep("running kernels on " + deviceName(), path);
  tinyc_context_options options = {sizeof(options), threads};
  return !printStatus(tinyc_model_create(artefact, device, nullptr, &model)) &&
         !printStatus(tinyc_context_create(model, &options, &context));
}

bool DeviceModel::open(const Arguments &arguments, llvm::StringRef path, llvm::ArrayRef<tensorio::HostTensor> known) {
  this->path = path.str();
  // The device first: compiling for one that is not there would be for nothing.
  if (!openDevice(arguments.device, arguments.threads))
    return false;
  if (path.ends_with(".tinyc"))
    return !printStatus(tinyc_artefact_open_file(path.str().c_str(), &artefact)) && load();
  const Chip *chip = chipOfDevice(device);
  if (!chip || !(compiled = CompiledModel::open(arguments, path, chip, known)))
    return false;
  artefact = compiled->artefact();
  compileSeconds = compiled->seconds();
  return load();
}

bool DeviceModel::open(Session &session, mlir::ModuleOp module, llvm::StringRef device, unsigned threads) {
  return openDevice(device, threads) && compile(session, module) && load();
}

bool DeviceModel::run(std::vector<tensorio::HostTensor> &inputs, std::vector<tensorio::HostTensor> &outputs,
                      std::string &error) {
  if (!makeOutputs(outputs, error))
    return false;
  std::vector<tinyc_tensor> in, out;
  for (tensorio::HostTensor &tensor : inputs)
    in.push_back(tensor.view());
  for (tensorio::HostTensor &tensor : outputs)
    out.push_back(tensor.view());
  tinyc_status *status = tinyc_context_run(context, "main", in.data(), in.size(), out.data(), out.size());
  if (status)
    error = tinyc_status_message(status);
  tinyc_status_free(status);
  return !status;
}

std::unique_ptr<RunnableModel> RunnableModel::open(const Arguments &arguments, llvm::StringRef path,
                                                   llvm::ArrayRef<tensorio::HostTensor> known) {
  if (isReference(arguments.device))
    return openReferenceModel(arguments, path, known);
  auto model = std::make_unique<DeviceModel>();
  return model->open(arguments, path, known) ? std::move(model) : nullptr;
}

std::unique_ptr<RunnableModel> RunnableModel::compile(Session &session, mlir::ModuleOp module, llvm::StringRef device,
                                                      unsigned threads) {
  if (isReference(device))
    return openReferenceModel(session, module, device);
  auto model = std::make_unique<DeviceModel>();
  return model->open(session, module, device, threads) ? std::move(model) : nullptr;
}

std::unique_ptr<RunnableModel> RunnableModel::openBytes(artefact::FileBytes file, llvm::StringRef device,
                                                        unsigned threads) {
  auto model = std::make_unique<DeviceModel>();
  return model->open(std::move(file), device, threads) ? std::move(model) : nullptr;
}
