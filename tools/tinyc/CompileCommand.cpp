// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc compile: a .tinyc file, or what stands at the end of a stage.

#include "tools/output/OutputFile.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/CompiledModel.h"
#include "tools/tinyc/GivenInputs.h"
#include "tools/tinyc/RunnableModel.h"
#include "tools/tinyc/Session.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tinyc;

static int fail(const llvm::Twine &error, int code = kInputWrong) {
  llvm::errs() << "tinyc: " << error << "\n";
  return code;
}

namespace {
/// A value of --emit that is code, and the chips whose back ends make it; one of a plug-in is asked by itself.
struct EmittedCode {
  StringRef name;
  CodeForm form;
  SmallVector<ChipKind> kinds;
  bool isText = false; ///< so that the code of several chips can stand one behind the other

  bool isOf(const Chip &chip) const { return chip.kind == ChipKind::Other || llvm::is_contained(kinds, chip.kind); }
};
} // namespace

static ArrayRef<EmittedCode> emittedCode() {
  static const EmittedCode table[] = {
      {"ptx", CodeForm::Ptx, {ChipKind::Nvidia}, true},
      {"cubin", CodeForm::Cubin, {ChipKind::Nvidia}},
      {"amdgcn", CodeForm::Assembly, {ChipKind::Amd}, true},
      {"hsaco", CodeForm::Hsaco, {ChipKind::Amd}},
      {"asm", CodeForm::Assembly, {ChipKind::Cpu, ChipKind::Nvidia, ChipKind::Amd}, true},
      {"object", CodeForm::Object, {ChipKind::Cpu, ChipKind::Amd}},
  };
  return table;
}

// Says what the chip's code can be printed as; always an error of usage.
static int refuseForm(StringRef form, const Chip &chip) {
  auto ofChip = llvm::make_filter_range(emittedCode(), [&](const EmittedCode &code) { return code.isOf(chip); });
  return fail("cannot emit " + form + " for " + chip.name + ": its code is emitted as " +
                  llvm::join(llvm::map_range(ofChip, [](const EmittedCode &code) { return code.name; }), ", "),
              kUsage);
}

static int write(const std::string &path, llvm::function_ref<void(llvm::raw_ostream &)> print) {
  return writeFile(path, print) ? kDone : kInputWrong;
}

static int firstTargetStage() {
  int first = 0;
  while (first < static_cast<int>(stages().size()) && !stages()[first].perTarget)
    ++first;
  return first;
}

// The module of each chip at the end of stage `last`; one module where the stage asks for no chip.
static FailureOr<std::vector<OwningOpRef<ModuleOp>>> modulesAt(Session &session, ModuleOp model, int last,
                                                               ArrayRef<const Chip *> chips) {
  int shared = std::min(last, firstTargetStage() - 1);
  if (stageOf(model) > last)
    return model.emitError("the model stands at the end of stage '")
               << stages()[stageOf(model)].name << "', past '" << stages()[last].name << "'",
           failure();
  if (stageOf(model) <= shared && failed(runStages(model, shared, nullptr, session.stageOptions())))
    return failure();
  std::vector<OwningOpRef<ModuleOp>> modules;
  if (last == shared) {
    modules.push_back(model.clone());
    return modules;
  }
  for (const Chip *chip : chips) {
    auto module = lowerForChip(model, *chip, last, session.stageOptions());
    if (failed(module))
      return failure();
    modules.push_back(std::move(*module));
  }
  return modules;
}

static int printStage(Session &session, ModuleOp model, int last, ArrayRef<const Chip *> chips,
                      const std::string &output) {
  auto modules = modulesAt(session, model, last, chips);
  std::string error;
  if (failed(modules))
    return kInputWrong;
  // What is printed names weights by hash: keep their bytes where a later run finds them.
  if (!session.weightStore().save(error))
    return fail(error);
  return write(output, [&](llvm::raw_ostream &os) {
    for (OwningOpRef<ModuleOp> &module : *modules) {
      (*module)->print(os, OpPrintingFlags().enableDebugInfo());
      os << "\n";
    }
  });
}

static int printCode(Session &session, ModuleOp model, CodeForm form, ArrayRef<const Chip *> chips,
                     const std::string &output) {
  auto modules = modulesAt(session, model, stages().size() - 1, chips);
  if (failed(modules))
    return kInputWrong;
  std::vector<std::vector<uint8_t>> texts;
  for (auto [module, chip] : llvm::zip_equal(*modules, chips)) {
    EmitOptions options = session.stageOptions().emit;
    options.forms = {form};
    FailureOr<TargetCode> code = findBackend(*chip)->emit(*module, *chip, options);
    if (failed(code))
      return kInputWrong;
    size_t before = texts.size();
    for (CodeBlob &blob : code->blobs)
      if (blob.form == form)
        texts.push_back(std::move(blob.bytes));
    if (texts.size() == before)
      return fail("there is no such form of code for " + chip->name);
  }
  return write(output, [&](llvm::raw_ostream &os) {
    for (const std::vector<uint8_t> &text : texts)
      os.write(reinterpret_cast<const char *>(text.data()), text.size());
  });
}

int tinyc::runCompile(const Arguments &arguments) {
  if (!arguments.tune.empty())
    return fail("--tune is not built yet: schedules come from the cost model; TINYC_DEBUG=3 prints them", kUsage);
  if (!arguments.emit.empty() && !arguments.stopAfter.empty())
    return fail("--emit and --stop-after exclude each other", kUsage);
  std::string error;
  std::vector<const Chip *> chips = parseTargets(arguments.target.empty() ? "cpu" : arguments.target, error);
  if (chips.empty())
    return fail(error, kUsage);
  // --emit of IR is a stage by another name.
  std::string stageName = !arguments.stopAfter.empty() ? arguments.stopAfter
                                                       : llvm::StringSwitch<std::string>(arguments.emit)
                                                             .Case("tiny", "simplify")
                                                             .Case("kernels", "fuse")
                                                             .Case("scheduled", "schedule")
                                                             .Case("gpu", "lanes")
                                                             .Case("llvm", "lower")
                                                             .Default("");
  const EmittedCode *form = llvm::find_if(emittedCode(), [&](auto &code) { return code.name == arguments.emit; });
  if (form == emittedCode().end())
    form = nullptr;
  if (!arguments.emit.empty() && stageName.empty() && !form)
    return fail("cannot emit '" + arguments.emit +
                    "': expected tiny, kernels, scheduled, gpu, llvm, ptx, cubin, amdgcn, hsaco, asm or object",
                kUsage);
  for (const Chip *chip : chips)
    if (form && !form->isOf(*chip))
      return refuseForm(form->name, *chip);
  if (form && !form->isText && chips.size() > 1)
    return fail("--emit " + form->name + " writes the code of one target, found --target " + arguments.target, kUsage);
  int stage = stageName.empty() ? -1 : findStage(stageName);
  if (!stageName.empty() && stage < 0) {
    std::string names;
    for (const Stage &known : stages())
      names += " " + known.name.str();
    return fail("no stage '" + stageName + "'; there are:" + names, kUsage);
  }
  if (stageName.empty() && !form && arguments.output.empty())
    return fail("compile needs -o OUT.tinyc", kUsage);
  StringRef output = arguments.output;
  if (stageName.empty() && !form && (output.ends_with(".onnx") || output.ends_with(".mlir")))
    return fail("compile writes an artefact: expected -o OUT.tinyc, found -o " + output, kUsage);

  std::optional<GivenInputs> given = givenValues(arguments, error);
  if (!given)
    return fail(error, kUsage);
  if (stage < 0 && !form) {
    std::unique_ptr<CompiledModel> compiled = CompiledModel::open(arguments, arguments.files[0], chips, given->known);
    if (!compiled || !fitInputs(*given, compiled->artefact()))
      return kInputWrong;
    llvm::StringRef file(reinterpret_cast<const char *>(compiled->bytes().data()), compiled->bytes().size());
    return write(arguments.output, [&](llvm::raw_ostream &os) { os << file; });
  }
  Session session(arguments);
  if (!session.good())
    return kInputWrong;
  OwningOpRef<ModuleOp> model = session.load(arguments.files[0], given->known);
  if (!model || !fitInputs(*given, *model))
    return kInputWrong;
  return form ? printCode(session, *model, form->form, chips, arguments.output)
              : printStage(session, *model, stage, chips, arguments.output);
}
