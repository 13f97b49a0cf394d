// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc diff: which kernel is wrong. The model is cut apart at the borders of its kernels: each gets the inputs that
// are right, by the reference's run of the model before fusion, so that no kernel suffers from the errors of another.
// The cut model is compiled as the whole one is, and runs once.

#include "dialects/Tiny/TinyOps.h"
#include "lib/Compiler/BuildArtefact.h"
#include "lib/Compiler/KernelBoundaries.h"
#include "lib/Compiler/SourceNames.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/Compare.h"
#include "tools/tinyc/DiffReproducer.h"
#include "tools/tinyc/GivenInputs.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/RunnableModel.h"
#include "tools/tinyc/ShellWords.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tinyc;
using HostTensors = std::vector<tensorio::HostTensor>;

namespace {
class Diff {
public:
  Diff(const Arguments &arguments, Session &session) : arguments(arguments), session(session) {}
  int run(const GivenInputs &given);

private:
  bool prepare(ArrayRef<tensorio::HostTensor> known);
  bool computeExpected(const tensorio::InputFlags &flags);
  bool runKernels();
  int reportKernels();
  int compareWhole();
  void report(Operation *kernel, const Boundary &boundary, const tensorio::HostTensor &result);
  int reproduce(Operation *kernel);
  int writeReproducer(const std::string &name, const CheckCase &check);

  std::unique_ptr<RunnableModel> compile(ModuleOp module, const std::string &device) {
    return RunnableModel::compile(session, module, device, arguments.threads);
  }
  bool runModel(RunnableModel &model, HostTensors &inputs, HostTensors &outputs);
  CheckCase caseOf(const Piece &piece, ArrayRef<Value> arguments, Operation *kernel);

  const Arguments &arguments;
  Session &session;
  OwningOpRef<ModuleOp> imported; // as the user wrote it
  OwningOpRef<ModuleOp> tagged;   // simplified, each op with a note
  OwningOpRef<ModuleOp> fused;
  std::vector<Boundary> boundaries;
  HostTensors inputs, expected, found; // of the model; of its outputs and then `origins`; of the boundaries
  llvm::SetVector<Value> origins;      // of the boundaries
  llvm::DenseMap<Value, const tensorio::HostTensor *> right; // arguments of @main and origins
};
} // namespace

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

static int fail(const llvm::Twine &error, int code = kInputWrong) {
  hideProgress();
  llvm::errs() << "tinyc: " << error << "\n";
  return code;
}

// The model before and after fusion.
bool Diff::prepare(ArrayRef<tensorio::HostTensor> known) {
  OwningOpRef<ModuleOp> model = session.load(arguments.files[0], known);
  if (!model)
    return false;
  int stage = stageOf(*model), simplify = findStage("simplify"), fuse = findStage("fuse");
  if (stage > fuse)
    return model->emitError("the model stands at the end of stage '")
               << stages()[stage].name << "': kernels are compared with ops up to stage 'fuse'",
           false;
  imported = model->clone();
  if (stage < simplify && failed(runStages(*model, simplify, nullptr, session.stageOptions())))
    return false;
  tagged = std::move(model);
  tagOps(*tagged);
  fused = tagged->clone();
  if (stage < fuse && failed(runStages(*fused, fuse, nullptr, session.stageOptions())))
    return false;
  boundaries = findBoundaries(*fused, *tagged);
  for (const Boundary &boundary : boundaries)
    if (boundary.origin)
      origins.insert(boundary.origin);
  return true;
}

bool Diff::runModel(RunnableModel &model, HostTensors &in, HostTensors &out) {
  std::string error;
  if (model.run(in, out, error))
    return true;
  if (!error.empty())
    fail(error);
  return false;
}

// What is right at every border: one run of the model that gives all of them.
bool Diff::computeExpected(const tensorio::InputFlags &flags) {
  OwningOpRef<ModuleOp> oracle = withResults(*tagged, origins.getArrayRef());
  std::unique_ptr<RunnableModel> model = compile(*oracle, arguments.against);
  std::string error;
  if (!model)
    return false;
  if (!tensorio::makeInputs(flags, model->inputs(), inputs, error, model->fixedInputs()))
    return fail(error), false;
  showStep("computing what is right on " + arguments.against);
  if (!runModel(*model, inputs, expected))
    return false;
  for (auto [argument, tensor] : llvm::zip_equal(findMain(*tagged).getArguments(), inputs))
    right[argument] = &tensor;
  size_t outputs = expected.size() - origins.size();
  for (auto [i, origin] : llvm::enumerate(origins))
    right[origin] = &expected[outputs + i];
  return true;
}

bool Diff::runKernels() {
  std::vector<size_t> cuts;
  OwningOpRef<ModuleOp> apart = cutApart(*fused, boundaries, cuts);
  std::unique_ptr<RunnableModel> model = compile(*apart, arguments.device);
  if (!model)
    return false;
  HostTensors given;
  for (auto [i, info] : llvm::enumerate(model->inputs()))
    given.push_back(
        copyTensor(i < inputs.size() ? inputs[i] : *right[boundaries[cuts[i - inputs.size()]].origin], info.name));
  showStep("running each kernel on " + arguments.device);
  return runModel(*model, given, found);
}

// The ops of a location in the user's file: nodes by name, else places.
static std::vector<std::string> sourceOps(Location loc) {
  std::vector<std::string> ops;
  for (const std::string &name : sourceNames(loc))
    ops.push_back("node '" + name + "'");
  if (ops.empty()) {
    llvm::SetVector<Attribute> places;
    loc->walk([&](Location inner) {
      if (auto place = dyn_cast<FileLineColLoc>(inner); place && places.insert(place))
        ops.push_back(
            (place.getFilename().getValue() + ":" + Twine(place.getLine()) + ":" + Twine(place.getColumn())).str());
      return WalkResult::advance();
    });
  }
  return ops;
}

void Diff::report(Operation *kernel, const Boundary &boundary, const tensorio::HostTensor &result) {
  const tensorio::HostTensor &good = *right[boundary.origin];
  Difference difference = compareTensors(good, result, arguments.rtol, arguments.atol);
  llvm::outs() << "kernel " << kernelLabel(kernel) << " is wrong on " << arguments.device << ": " << difference.wrong
               << " of " << good.elementCount() << " elements of result " << boundary.result.getResultNumber() << ", "
               << good.type() << ", are beyond rtol " << number(arguments.rtol) << ", atol " << number(arguments.atol)
               << "\n"
               << "  worst: element " << coordinates(good, difference.worst) << ": expected "
               << tensorio::elementText(good, difference.worst) << ", found "
               << tensorio::elementText(result, difference.worst) << "\n  it computes, of " << arguments.files[0]
               << ":\n";
  for (const std::string &op : sourceOps(kernel->getLoc()))
    llvm::outs() << "    " << op << "\n";
}

int Diff::reportKernels() {
  llvm::SetVector<Operation *> wrong;
  size_t unknown = 0, kernels = 0;
  Operation *last = nullptr;
  for (auto [boundary, result] : llvm::zip_equal(boundaries, found)) {
    Operation *kernel = boundary.result.getOwner();
    kernels += std::exchange(last, kernel) != kernel;
    unknown += !boundary.origin;
    if (!boundary.origin || !compareTensors(*right[boundary.origin], result, arguments.rtol, arguments.atol))
      continue;
    if (wrong.empty())
      report(kernel, boundary, result);
    wrong.insert(kernel);
  }
  if (unknown)
    llvm::outs() << unknown << " results of kernels could not be led back to ops of the model and were not compared\n";
  if (wrong.empty()) {
    llvm::outs() << kernels << " kernels on " << arguments.device << ", each on the inputs of " << arguments.against
                 << ", agree with it (rtol " << number(arguments.rtol) << ", atol " << number(arguments.atol) << ")\n";
    return compareWhole();
  }
  for (Operation *kernel : wrong.getArrayRef().drop_front())
    llvm::outs() << "kernel " << kernelLabel(kernel) << " is wrong too ("
                 << llvm::join(sourceOps(kernel->getLoc()), ", ") << ")\n";
  return reproduce(wrong.front());
}

CheckCase Diff::caseOf(const Piece &piece, ArrayRef<Value> values, Operation *kernel) {
  CheckCase check{*piece.module, {}, {}};
  for (Value value : values)
    check.inputs.push_back(right[value]);
  for (const Boundary &boundary : boundaries)
    if (boundary.result.getOwner() == kernel)
      check.outputs.push_back(right[boundary.origin]);
  return check;
}

// As a model of the ops, which goes through all stages again; if fusion makes another kernel of them, which is right,
// the kernel as it stands.
int Diff::reproduce(Operation *kernel) {
  SmallVector<Value> results, reads;
  bool known = true; // whether all that the kernel reads and gives is
  for (const Boundary &boundary : boundaries)
    if (boundary.result.getOwner() == kernel) {
      results.push_back(boundary.origin);
      known &= static_cast<bool>(boundary.origin);
    }
  for (Value operand : kernel->getOperands())
    if (Value origin = operandOrigin(operand, boundaries, *tagged))
      reads.push_back(origin);
    else if (Operation *op = operand.getDefiningOp())
      known &= !isKernelLike(op);
  if (!known)
    return fail("no reproducer: not all values at the kernel's border are values of the model", kCheckFailed);
  std::string name = kernelLabel(kernel);
  showStep("looking for what reproduces it");
  if (!isa<tiny::KernelOp>(results.front().getDefiningOp())) {
    Piece ops = extractOps(*tagged, results, reads);
    CheckCase check = caseOf(ops, ops.arguments, kernel);
    if (fails(session, arguments, check).value_or(false))
      return writeReproducer(name, check);
  }
  Piece alone = extractKernel(kernel);
  SmallVector<Value> values =
      llvm::map_to_vector(alone.arguments, [&](Value v) { return operandOrigin(v, boundaries, *tagged); });
  CheckCase check = caseOf(alone, values, kernel);
  if (!fails(session, arguments, check).value_or(false))
    return fail("no reproducer: alone, the kernel is right", kCheckFailed);
  hideProgress();
  llvm::outs() << "its ops alone become another kernel, which is right: the reproducer holds the kernel itself\n";
  return writeReproducer(name, check);
}

int Diff::writeReproducer(const std::string &name, const CheckCase &check) {
  hideProgress();
  std::string folder = arguments.outputDir;
  for (unsigned i = 0; folder.empty() || (arguments.outputDir.empty() && llvm::sys::fs::exists(folder)); ++i)
    folder = "tinyc-diff-" + name + (i ? "-" + std::to_string(i) : "");
  if (!writeCase(folder, check, session.weightStore()))
    return kInputWrong;
  llvm::outs() << "reproducer, which fails by itself:\n  tinyc check " << shellWord(folder);
  if (arguments.device != "cpu")
    llvm::outs() << " --device " << arguments.device;
  if (arguments.threads)
    llvm::outs() << " --threads " << arguments.threads;
  llvm::outs() << " --rtol " << number(arguments.rtol) << " --atol " << number(arguments.atol);
  for (const std::string &word : pluginWords(arguments))
    llvm::outs() << " " << shellWord(word);
  for (const std::string &driver : arguments.driverPlugins)
    llvm::outs() << " --load-driver-plugin " << shellWord(driver);
  llvm::outs() << "\n";
  return kCheckFailed;
}

// No kernel is wrong by itself. What is left: the stages before fusion, and how launches follow each other.
int Diff::compareWhole() {
  size_t count = expected.size() - origins.size();
  auto differs = [&](const HostTensors &outputs) {
    for (size_t i = 0; i < count; ++i)
      if (compareTensors(expected[i], outputs[i], arguments.rtol, arguments.atol))
        return true;
    return false;
  };
  auto runWhole = [&](ModuleOp module, const std::string &device, HostTensors &outputs) {
    showStep("running the whole model on " + device);
    std::unique_ptr<RunnableModel> model = compile(module, device);
    bool good = model && runModel(*model, inputs, outputs);
    hideProgress();
    return good;
  };
  HostTensors outputs;
  OwningOpRef<ModuleOp> copy = imported->clone();
  CheckCase check{*imported, {}, {}};
  for (const tensorio::HostTensor &input : inputs)
    check.inputs.push_back(&input);
  if (arguments.against == "reference") {
    HostTensors before;
    if (!runWhole(*copy, "reference", before))
      return kInputWrong;
    if (differs(before)) {
      llvm::outs() << "the model is another one after stage 'simplify': the reference's results differ\n";
      for (const tensorio::HostTensor &output : before)
        check.outputs.push_back(&output);
      return writeReproducer("simplify", check);
    }
  }
  if (!runWhole(*copy, arguments.device, outputs))
    return kInputWrong;
  if (!differs(outputs)) {
    llvm::outs() << "the whole model agrees too\n";
    return kDone;
  }
  llvm::outs() << "the whole model differs: its kernels' small errors add up, or the order of launches or their memory "
                  "is wrong\n";
  for (size_t i = 0; i < count; ++i)
    check.outputs.push_back(&expected[i]);
  return writeReproducer("whole", check);
}

int Diff::run(const GivenInputs &given) {
  if (!prepare(given.known) || !computeExpected(given.flags) || !runKernels())
    return kInputWrong;
  hideProgress();
  return reportKernels();
}

int tinyc::runDiff(const Arguments &arguments) {
  std::string error;
  std::optional<GivenInputs> given = givenOrRandomInputs(arguments, error);
  if (!given)
    return fail(error, kUsage);
  // Files of another case there would be taken for the reproducer's.
  std::error_code code;
  if (llvm::sys::fs::exists(arguments.outputDir) &&
      llvm::sys::fs::directory_iterator(arguments.outputDir, code) != llvm::sys::fs::directory_iterator())
    return fail("--output-dir '" + arguments.outputDir + "' is not empty: a reproducer gets a folder of its own");
  if (arguments.device == arguments.against)
    return fail("--device and --against name the same device, '" + arguments.device + "'", kUsage);
  Session session(arguments);
  return session.good() ? Diff(arguments, session).run(*given) : int(kInputWrong);
}
