// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc inspect: what is in an artefact, or in the artefact that a model compiles to.

#include "lib/Compiler/Compile.h"
#include "runtime/src/ArtefactFile.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/CompiledModel.h"
#include "tools/tinyc/GivenInputs.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

using namespace tinyc;

static const char *formName(format::CodeKind kind) {
  switch (kind) {
  case format::CodeKind::elf_shared_object:
    return "elf";
  case format::CodeKind::ptx:
    return "ptx";
  case format::CodeKind::cubin:
    return "cubin";
  case format::CodeKind::plugin:
    return "code of a plug-in";
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
      llvm::outs() << "  input  " << tensorLine(*input) << (input->value() ? ", of one value" : "") << "\n";
  if (entry.outputs())
    for (const format::Tensor *output : *entry.outputs())
      llvm::outs() << "  output " << tensorLine(*output) << "\n";
}

// The ops of a kernel in what is left of a line; the last part of "scope/scope/Conv_0" says most.
static std::string opsText(const format::Kernel &kernel) {
  constexpr size_t most = 60;
  std::string text;
  for (unsigned i = 0, count = kernel.ops() ? kernel.ops()->size() : 0; i < count; ++i) {
    llvm::StringRef op = kernel.ops()->Get(i)->c_str();
    std::string word = op.substr(op.rtrim('/').rfind('/') + 1).str();
    if (i && text.size() + word.size() > most)
      return text + " and " + std::to_string(count - i) + " more";
    text += (i ? " " : "") + word;
  }
  return text;
}

using CommandList = flatbuffers::Vector<flatbuffers::Offset<format::Command>>;

// Numbers of the kernels that commands launch, bodies of loops included.
static void addKernels(const CommandList *commands, std::set<unsigned> &kernels) {
  for (unsigned i = 0, count = commands ? commands->size() : 0; i < count; ++i) {
    const format::Command &command = *commands->Get(i);
    if (command.kind() == format::CommandKind::launch)
      kernels.insert(command.kernel());
    addKernels(command.body(), kernels);
  }
}

// The kernels of each entry point, and what they add up to: those of init once, at load, all others at each run.
static void printKernels(const ArtefactFile &file, const format::Target &target) {
  size_t width = 6;
  for (const format::Kernel *kernel : *target.kernels())
    width = std::max<size_t>(width, std::min<size_t>(kernel->name()->size(), 40));
  auto line = [&](llvm::StringRef name, auto units, auto flops, auto bytes, const std::string &ops) {
    std::string padding(width - name.size(), ' ');
    std::string text = llvm::formatv("  {0}{1} {2,8} {3,14} {4,12}  {5}", name, padding, units, flops, bytes, ops);
    llvm::outs() << llvm::StringRef(text).rtrim() << "\n";
  };
  line("kernel", "units", "flops", "bytes", "ops");
  for (unsigned p = 0, plans = target.plans() ? target.plans()->size() : 0; p < plans; ++p) {
    const format::Plan &plan = *target.plans()->Get(p);
    std::set<unsigned> kernels;
    addKernels(plan.commands(), kernels);
    uint64_t flops = 0, bytes = 0;
    for (unsigned number : kernels) {
      const format::Kernel *kernel = target.kernels()->Get(number);
      flops += kernel->flops();
      bytes += kernel->bytes();
      line(llvm::StringRef(kernel->name()->c_str()).take_front(width), kernel->units(), kernel->flops(),
           kernel->bytes(), opsText(*kernel));
    }
    llvm::StringRef entry = file.root().entry_points()->Get(plan.entry_point())->name()->c_str();
    llvm::outs() << "  " << (entry == "init" ? "at load: " : "") << kernels.size() << " kernels, " << flops
                 << " flops, " << bytes << " bytes\n";
  }
}

// Which commands touch each arena buffer, bodies of loops included: from the first to the last.
class ArenaLives {
public:
  explicit ArenaLives(const format::Plan &plan) : plan(plan), lives(plan.buffers() ? plan.buffers()->size() : 0) {
    walk(plan.commands());
  }

  /// The most bytes that must be kept at one time, whatever lies where: no arena can be smaller.
  uint64_t peak() const {
    std::vector<int64_t> change(now + 1);
    for (auto [i, life] : llvm::enumerate(lives)) {
      const format::Buffer &buffer = *plan.buffers()->Get(i);
      if (buffer.kind() != format::BufferKind::arena || life.last < life.first)
        continue;
      int64_t size = llvm::alignTo(buffer.size(), container::blobAlignment);
      change[life.first] += size;
      change[life.last + 1] -= size;
    }
    int64_t live = 0, most = 0;
    for (int64_t step : change)
      most = std::max(most, live += step);
    return most;
  }

private:
  struct Life {
    size_t first = SIZE_MAX, last = 0;
  };
  void walk(const CommandList *commands) {
    for (unsigned i = 0, count = commands ? commands->size() : 0; i < count; ++i) {
      const format::Command &command = *commands->Get(i);
      for (auto *list : {command.arguments(), command.trip_count(), command.entry_flag()})
        touch(list);
      ++now;
      walk(command.body());
      if (command.exit_flag())
        touch(command.exit_flag()), ++now;
    }
  }
  void touch(const flatbuffers::Vector<const format::Argument *> *arguments) {
    for (unsigned i = 0, count = arguments ? arguments->size() : 0; i < count; ++i) {
      Life &life = lives[arguments->Get(i)->buffer()];
      life.first = std::min(life.first, now);
      life.last = std::max(life.last, now);
    }
  }

  const format::Plan &plan;
  std::vector<Life> lives;
  size_t now = 0;
};

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
      llvm::outs() << "  entry point " << file.root().entry_points()->Get(plan->entry_point())->name()->str() << ": "
                   << (plan->commands() ? plan->commands()->size() : 0) << " commands, arena " << plan->arena_size()
                   << " bytes, live peak " << ArenaLives(*plan).peak() << "\n";
  uint64_t derived = 0;
  for (unsigned i = 0, count = target.derived() ? target.derived()->size() : 0; i < count; ++i)
    derived += target.derived()->Get(i)->size();
  if (derived != 0)
    llvm::outs() << "  derived " << target.derived()->size() << " tensors, " << derived << " bytes, made at load\n";
  uint64_t scratch = 0;
  for (unsigned i = 0, count = target.kernels() ? target.kernels()->size() : 0; i < count; ++i)
    scratch = std::max(scratch, target.kernels()->Get(i)->scratch_bytes());
  if (scratch != 0)
    llvm::outs() << "  scratch " << scratch << " bytes a thread\n";
  if (target.kernels() && target.kernels()->size())
    printKernels(file, target);
}

// Whether a compiled file has all targets of --target, of which the others are not shown; says which it has if not.
static bool hasTargets(const ArtefactFile &file, llvm::ArrayRef<llvm::StringRef> wanted) {
  std::string known;
  std::set<llvm::StringRef> missing(wanted.begin(), wanted.end());
  for (unsigned i = 0, count = file.root().targets() ? file.root().targets()->size() : 0; i < count; ++i) {
    llvm::StringRef name = file.root().targets()->Get(i)->name()->c_str();
    known += (" " + name).str();
    missing.erase(name);
  }
  if (!missing.empty())
    llvm::errs() << "tinyc: no target '" << *missing.begin() << "'; there are:" << known << "\n";
  return missing.empty();
}

int tinyc::runInspect(const Arguments &arguments) {
  const std::string &path = arguments.files[0];
  std::string error;
  std::optional<GivenInputs> given = givenValues(arguments, error);
  if (!given) {
    llvm::errs() << "tinyc: " << error << "\n";
    return kUsage;
  }
  std::unique_ptr<CompiledModel> compiled; // where `path` is a model; outlives `file`
  std::shared_ptr<ArtefactFile> file;
  Status status;
  llvm::SmallVector<llvm::StringRef> shown; // of a compiled file; empty: all
  if (llvm::StringRef(path).ends_with(".tinyc")) {
    status = ArtefactFile::openFile(path, file);
    llvm::StringRef(arguments.target).split(shown, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  } else {
    std::vector<const Chip *> chips = parseTargets(arguments.target.empty() ? "cpu" : arguments.target, error);
    if (chips.empty()) {
      llvm::errs() << "tinyc: " << error << "\n";
      return kUsage;
    }
    compiled = CompiledModel::open(arguments, path, chips, given->known);
    if (!compiled || !fitInputs(*given, compiled->artefact()))
      return kInputWrong;
    status = ArtefactFile::openMemory({compiled->bytes().data(), compiled->bytes().size()}, file);
  }
  if (status.failed()) {
    llvm::errs() << "tinyc: " << status.message() << "\n";
    return kInputWrong;
  }
  if (!hasTargets(*file, shown) || (!compiled && !fitInputsOfFile(*given, path)))
    return kInputWrong;
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
      if (shown.empty() || llvm::is_contained(shown, target->name()->c_str()))
        printTarget(*file, *target);
  return kDone;
}
