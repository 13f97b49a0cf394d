// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc inspect: what is in an artefact, or in the artefact that a model compiles to.

#include "runtime/src/ArtefactFile.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/Session.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

static const char *formName(format::CodeKind kind) {
  switch (kind) {
  case format::CodeKind::elf_shared_object:
    return "elf";
  case format::CodeKind::ptx:
    return "ptx";
  case format::CodeKind::cubin:
    return "cubin";
  case format::CodeKind::hsaco:
    return "hsaco";
  }
  return "?";
}

static std::string tensorLine(const format::Tensor &tensor) {
  return (tensor.name() ? tensor.name()->str() : std::string("(unnamed)")) + " " + describe(tensor);
}

static void printEntry(const format::EntryPoint &entry) {
  llvm::outs() << "entry point " << entry.name()->str() << "\n";
  if (entry.inputs())
    for (const format::Tensor *input : *entry.inputs())
      llvm::outs() << "  input  " << tensorLine(*input) << "\n";
  if (entry.outputs())
    for (const format::Tensor *output : *entry.outputs())
      llvm::outs() << "  output " << tensorLine(*output) << "\n";
}

static void printTarget(const ArtefactFile &file, const format::Target &target) {
  llvm::outs() << "target " << target.name()->str();
  if (target.features() && target.features()->size()) {
    llvm::outs() << ", needs";
    for (const auto *feature : *target.features())
      llvm::outs() << " " << feature->str();
  }
  llvm::outs() << "\n";
  if (target.modules())
    for (const format::Module *module : *target.modules())
      for (const format::Code *form : *module->forms())
        llvm::outs() << "  code " << formName(form->kind()) << " " << file.code(*form).size() << " bytes\n";
  if (target.plans())
    for (const format::Plan *plan : *target.plans())
      llvm::outs() << "  plan of entry point " << plan->entry_point() << ": "
                   << (plan->commands() ? plan->commands()->size() : 0) << " commands, arena " << plan->arena_size()
                   << " bytes\n";
  if (!target.kernels())
    return;
  uint64_t flops = 0, bytes = 0;
  for (const format::Kernel *kernel : *target.kernels()) {
    flops += kernel->flops();
    bytes += kernel->bytes();
    llvm::outs() << llvm::formatv("  kernel {0,-28} {1,8} units {2,12} flops {3,12} bytes ", kernel->name()->str(),
                                  kernel->units(), kernel->flops(), kernel->bytes());
    if (kernel->ops())
      for (unsigned i = 0; i < kernel->ops()->size(); ++i)
        llvm::outs() << (i ? ", " : " ") << kernel->ops()->Get(i)->str();
    llvm::outs() << "\n";
  }
  llvm::outs() << "  " << target.kernels()->size() << " kernels, " << flops << " flops, " << bytes << " bytes\n";
}

int tinyc::runInspect(const Arguments &arguments) {
  const std::string &path = arguments.files[0];
  std::shared_ptr<ArtefactFile> file;
  std::vector<uint8_t> bytes; // of the artefact compiled here
  Status status;
  if (llvm::StringRef(path).ends_with(".tinyc")) {
    status = ArtefactFile::openFile(path, file);
  } else {
    std::string error;
    std::vector<const Chip *> chips = parseTargets(arguments.target.empty() ? "cpu" : arguments.target, error);
    if (chips.empty()) {
      llvm::errs() << "tinyc: " << error << "\n";
      return kUsage;
    }
    Session session(arguments);
    mlir::OwningOpRef<mlir::ModuleOp> model;
    if (!session.good() || !(model = session.load(path)))
      return kInputWrong;
    bytes = session.compile(*model, chips);
    if (bytes.empty())
      return kInputWrong;
    status = ArtefactFile::openMemory(bytes, file);
  }
  if (status.failed()) {
    llvm::errs() << "tinyc: " << status.message() << "\n";
    return kInputWrong;
  }
  const format::Artefact &root = file->root();
  llvm::outs() << path << ": " << (root.producer() ? root.producer()->str() : "") << "\n";
  if (root.entry_points())
    for (const format::EntryPoint *entry : *root.entry_points())
      printEntry(*entry);
  uint64_t weightBytes = 0, size = 0, count = root.weights() ? root.weights()->size() : 0;
  for (unsigned i = 0; i < count; ++i)
    weightBytes += tensorByteSize(*root.weights()->Get(i)->tensor(), size) ? size : 0;
  llvm::outs() << count << " weights, " << weightBytes << " bytes\n";
  if (root.targets())
    for (const format::Target *target : *root.targets())
      printTarget(*file, *target);
  return kDone;
}
