// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc graph: the kernels that run, drawn.

#include "tools/output/OutputFile.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/GivenInputs.h"
#include "tools/tinyc/KernelGraph.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/ReferenceModel.h"
#include "tools/tinyc/RunnableModel.h"
#include "tools/tinyc/Session.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Path.h"
#include <map>

using namespace mlir;
using namespace tinyc;

static int fail(const llvm::Twine &error, int code = kInputWrong) {
  hideProgress();
  llvm::errs() << "tinyc: " << error << "\n";
  return code;
}

// Median times of the launches of a run, in order.
static bool measure(KernelGraph &graph, RunnableModel &model, const tensorio::InputFlags &flags) {
  std::vector<tensorio::HostTensor> inputs, outputs;
  std::string error;
  if (!tensorio::makeInputs(flags, model.inputs(), inputs, error, model.fixedInputs()))
    return fail(error), false;
  tensorio::DeviceLimits limits = model.limits();
  std::map<std::string, std::vector<double>> times;
  auto note = [](void *user, const tinyc_launch_profile *launch) {
    (*static_cast<decltype(times) *>(user))[launch->kernel].push_back(launch->duration_ns * 1e-3);
  };
  showStep("measuring " + graph.title);
  for (int i = 0; i < 12; ++i) {
    if (i == 2) // the first runs fetch pages
      model.setProfiler(note, &times);
    if (!model.run(inputs, outputs, error))
      return fail(error), false;
  }
  for (GraphNode &node : graph.nodes)
    if (auto found = times.find(node.name); node.kind == GraphNode::Kernel && found != times.end()) {
      std::vector<double> &of = found->second;
      llvm::sort(of);
      node.microseconds = of[of.size() / 2];
      if (limits.known())
        node.share = limits.share(node.flops, node.bytes, *node.microseconds * 1e-6);
    }
  return true;
}

static std::optional<std::string> assemblyOf(ModuleOp lowered, const Chip &chip) {
  OwningOpRef<ModuleOp> copy = lowered.clone();
  EmitOptions options;
  options.forms = {CodeForm::Assembly};
  FailureOr<TargetCode> code = findBackend(chip)->emit(*copy, chip, options);
  if (failed(code))
    return std::nullopt;
  std::string text;
  for (const CodeBlob &blob : code->blobs)
    text.append(blob.bytes.begin(), blob.bytes.end());
  return text;
}

static std::optional<KernelGraph> graphOfModel(const Arguments &arguments, const Chip &chip, const GivenInputs &given,
                                               artefact::FileBytes &file) {
  Session session(arguments);
  OwningOpRef<ModuleOp> model, scheduled, lowered;
  if (!session.good() || !(model = session.load(arguments.files[0], given.known)) || !fitInputs(given, *model))
    return std::nullopt;
  session.afterStage = [&](ModuleOp module, const Stage &stage, const Chip *) {
    if (stage.name == "schedule")
      scheduled = module.clone();
    else if (stage.name == "lower")
      lowered = module.clone();
  };
  file = session.compile(*model, &chip);
  session.printTimes();
  std::shared_ptr<ArtefactFile> artefact;
  if (file.empty())
    return std::nullopt;
  if (Status status = ArtefactFile::openMemory(file, artefact); status.failed())
    return fail(status.message()), std::nullopt;
  std::string error;
  std::optional<KernelGraph> graph = readGraph(*artefact, chip.name, error);
  if (!graph)
    return fail(error), std::nullopt;
  if (scheduled)
    addScheduled(*graph, *scheduled);
  if (std::optional<std::string> text = lowered ? assemblyOf(*lowered, chip) : std::nullopt)
    addAssembly(*graph, *text);
  return graph;
}

static std::optional<KernelGraph> graphOfFile(const std::string &path, llvm::StringRef target) {
  std::shared_ptr<ArtefactFile> artefact;
  if (Status status = ArtefactFile::openFile(path, artefact); status.failed())
    return fail(status.message()), std::nullopt;
  std::string error;
  std::optional<KernelGraph> graph = readGraph(*artefact, target, error);
  if (!graph)
    fail(error);
  return graph;
}

// The chip to compile for: of the device that is measured, or of --target. Null after an error was printed.
static const Chip *chipFor(const Arguments &arguments) {
  if (arguments.profile) {
    tinyc_device *device = nullptr;
    const Chip *chip =
        printStatus(tinyc_device_open(arguments.device.c_str(), &device)) ? nullptr : chipOfDevice(device);
    tinyc_device_close(device);
    return chip;
  }
  std::string error;
  std::vector<const Chip *> chips = parseTargets(arguments.target.empty() ? "cpu" : arguments.target, error);
  if (chips.size() == 1)
    return chips.front();
  fail(chips.empty() ? error : "graph draws one target at a time, found " + arguments.target);
  return nullptr;
}

int tinyc::runGraph(const Arguments &arguments) {
  llvm::StringRef output = arguments.output, kind = llvm::sys::path::extension(output);
  if (kind != ".html" && kind != ".svg" && kind != ".dot")
    return fail("graph needs -o OUT.html, -o OUT.svg or -o OUT.dot" + (output.empty() ? "" : ", found -o " + output),
                kUsage);
  if (arguments.profile && (isReference(arguments.device) || !arguments.target.empty()))
    return fail("--profile measures on --device cpu, cuda:0 or hip:0, and takes its chip for the target", kUsage);
  if (!arguments.profile && arguments.device != Arguments().device)
    return fail("--device says where --profile measures, which is not given; --target says for what kernels are drawn",
                kUsage);
  std::string error;
  std::optional<GivenInputs> given =
      arguments.profile ? givenOrRandomInputs(arguments, error) : givenValues(arguments, error);
  if (!given)
    return fail(error, kUsage);
  const std::string &path = arguments.files[0];
  bool compiled = llvm::StringRef(path).ends_with(".tinyc");
  const Chip *chip = compiled ? nullptr : chipFor(arguments);
  if (!compiled && !chip)
    return arguments.profile ? kInputWrong : kUsage;
  artefact::FileBytes file;
  std::unique_ptr<RunnableModel> model; // of a .tinyc file; the device takes its target, and the graph shows that one
  if (!arguments.profile && compiled && !fitInputsOfFile(*given, path))
    return kInputWrong;
  if (arguments.profile && compiled && !(model = RunnableModel::open(arguments, path)))
    return kInputWrong;
  std::optional<KernelGraph> graph = compiled ? graphOfFile(path, model ? model->target() : arguments.target)
                                              : graphOfModel(arguments, *chip, *given, file);
  if (!graph)
    return kInputWrong;
  graph->title = path;
  if (arguments.profile && !model)
    model = RunnableModel::openBytes(std::move(file), arguments.device, arguments.threads);
  if (arguments.profile && (!model || !measure(*graph, *model, given->flags)))
    return kInputWrong;
  std::optional<std::string> drawing;
  if (kind != ".dot" && !(drawing = layOut(*graph)))
    return kInputWrong;
  hideProgress();
  bool written = writeFile(arguments.output, [&](llvm::raw_ostream &os) {
    if (kind == ".dot")
      printDot(*graph, os);
    else if (kind == ".svg")
      printSvg(*drawing, os);
    else
      printHtml(*graph, *drawing, os);
  });
  return written ? kDone : kInputWrong;
}
