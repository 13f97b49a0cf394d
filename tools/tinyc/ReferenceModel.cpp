// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a model's tiny ops under the reference interpreter.

#include "tools/tinyc/ReferenceModel.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Compiler/BuildArtefact.h"
#include "lib/Reference/Reference.h"
#include "tools/tinyc/Session.h"
#include "tools/tinyc/TensorConversion.h"

#include "llvm/Support/raw_ostream.h"
#include <cstring>

using namespace tinyc;

namespace {
class ReferenceModel : public RunnableModel {
public:
  /// With a session of its own, or in the one given.
  explicit ReferenceModel(const Arguments &arguments)
      : own(std::make_unique<Session>(arguments)), session(*own), device(arguments.device) {}
  ReferenceModel(Session &session, llvm::StringRef device) : session(session), device(device) {}

  bool open(llvm::StringRef path, llvm::ArrayRef<tensorio::HostTensor> known);
  bool open(mlir::OwningOpRef<mlir::ModuleOp> model);
  bool run(std::vector<tensorio::HostTensor> &inputs, std::vector<tensorio::HostTensor> &outputs,
           std::string &error) override;
  std::string deviceName() const override { return device; }

private:
  std::unique_ptr<Session> own;
  Session &session;
  std::string device;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp main;
  artefact::EntryPoint entry; // what the infos point to
};
} // namespace

bool ReferenceModel::open(llvm::StringRef path, llvm::ArrayRef<tensorio::HostTensor> known) {
  if (path.ends_with(".tinyc")) {
    llvm::errs() << "tinyc: '" << path << "' is compiled: the reference interprets models (.onnx, .mlir)\n";
    return false;
  }
  return session.good() && open(session.load(path, known));
}

bool ReferenceModel::open(mlir::OwningOpRef<mlir::ModuleOp> model) {
  if (!model)
    return false;
  module = std::move(model);
  // Plug-ins take the ops of their dialects apart in the first stage.
  if (!(*module)->hasAttr(kStageAttr) && llvm::failed(runStages(*module, 0, nullptr, session.stageOptions())))
    return false;
  int stage = stageOf(*module);
  if (stage > findStage("fuse")) {
    module->emitError("the model stands at the end of stage '")
        << stages()[stage].name << "': the reference interprets models up to stage 'fuse'";
    return false;
  }
  main = findMain(*module);
  fixed = tinyc::fixedInputs(main);
  entry = entryPointOf(main);
  llvm::append_range(inputInfos, llvm::map_range(entry.inputs, infoOf));
  llvm::append_range(outputInfos, llvm::map_range(entry.outputs, infoOf));
  return true;
}

bool ReferenceModel::run(std::vector<tensorio::HostTensor> &inputs, std::vector<tensorio::HostTensor> &outputs,
                         std::string &error) {
  if (!checkFixed(inputs, error) || !makeOutputs(outputs, error))
    return false;
  std::vector<TensorRef> arguments;
  for (const tinyc_tensor_info &info : inputInfos) {
    auto given = llvm::find_if(inputs, [&](const tensorio::HostTensor &t) { return t.name == info.name; });
    std::vector<int64_t> shape(info.shape, info.shape + info.rank);
    if (given == inputs.end() || given->dtype != info.dtype || given->shape != shape) {
      error = std::string("input '") + info.name + "' is not given with the model's type and shape";
      return false;
    }
    arguments.push_back(toReference(*given));
  }
  Reference reference([this](llvm::StringRef hash) -> std::optional<llvm::ArrayRef<char>> {
    auto bytes = session.weightStore().find(hash);
    if (!bytes)
      return std::nullopt;
    return llvm::ArrayRef<char>(reinterpret_cast<const char *>(bytes->data()), bytes->size());
  });
  reference.setWide(device == "reference:f64");
  reference.setThreads(session.stageOptions().emit.threads);
  llvm::FailureOr<std::vector<TensorRef>> results = reference.run(main, arguments);
  if (llvm::failed(results))
    return false; // said as diagnostics
  for (auto [result, output] : llvm::zip_equal(*results, outputs))
    std::memcpy(output.data(), result->bytes.data(), output.byteSize());
  return true;
}

std::unique_ptr<RunnableModel> tinyc::openReferenceModel(const Arguments &arguments, llvm::StringRef path,
                                                         llvm::ArrayRef<tensorio::HostTensor> known) {
  auto model = std::make_unique<ReferenceModel>(arguments);
  return model->open(path, known) ? std::move(model) : nullptr;
}

std::unique_ptr<RunnableModel> tinyc::openReferenceModel(Session &session, mlir::ModuleOp module,
                                                         llvm::StringRef device) {
  auto model = std::make_unique<ReferenceModel>(session, device);
  return model->open(module.clone()) ? std::move(model) : nullptr;
}

bool tinyc::isReference(llvm::StringRef device) { return device == "reference" || device == "reference:f64"; }
