// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The CPU back end: kernels in the LLVM dialect become an object, and that a shared object without undefined symbols.

#include "dialects/Tiny/TinyOps.h"
#include "lib/Targets/KernelUnits.h"
#include "lib/Targets/Link.h"
#include "passes/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace mlir;
using namespace tinyc;

namespace {
class CpuBackend : public Backend {
public:
  void addLanePasses(OpPassManager &pm, const Chip &chip) const override;
  void addLowerPasses(OpPassManager &pm, const Chip &chip) const override;
  FailureOr<TargetCode> emit(ModuleOp module, const Chip &chip, const EmitOptions &options) const override;
};
} // namespace

const Backend &tinyc::cpuBackend() {
  static CpuBackend backend;
  return backend;
}

void CpuBackend::addLanePasses(OpPassManager &pm, const Chip &) const {
  pm.addPass(createOutlineKernels());
  OpPassManager &kernels = pm.nest<ModuleOp>();
  // Tiles first become registers: what follows sees vectors of one dimension only.
  kernels.addPass(createLowerTiles());
}

void CpuBackend::addLowerPasses(OpPassManager &pm, const Chip &) const {
  OpPassManager &kernels = pm.nest<ModuleOp>();
  kernels.addPass(createExpandElementary());
  // LLVM takes small vectors of bf16 apart and together again by calls of a library.
  kernels.addPass(createLowerArith({/*bf16AsBits=*/true}));
  kernels.addPass(createLowerAffinePass());
  // Upwards: uses are simplified before what they use, and go, so that half as much is left to visit. Blocks are merged
  // by LLVM.
  GreedyRewriteConfig upwards;
  upwards.setUseTopDownTraversal(false).setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  kernels.addPass(createCanonicalizerPass(upwards));
  kernels.addPass(createCSEPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertVectorToLLVMPass());
  kernels.addPass(createConvertToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  // Last, since it wraps functions of the LLVM dialect.
  kernels.addPass(createCpuAbi());
}

// The kernels' module: the nested one, or the module itself when it was lowered alone.
static ModuleOp kernelsOf(ModuleOp module) {
  auto nested = module.lookupSymbol<ModuleOp>("kernels");
  return nested ? nested : module;
}

static std::unique_ptr<llvm::TargetMachine> createMachine(ModuleOp module, const Chip &chip) {
  static bool initialised = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialised;
  std::string error;
  llvm::Triple triple(chip.triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) {
    module.emitError("no LLVM target for ") << chip.triple << ": " << error;
    return nullptr;
  }
  llvm::TargetOptions options;
  // A product and a sum become one operation only where the IR says so.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(triple, chip.cpu, chip.features, options,
                                                                          llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                                                          llvm::CodeGenOptLevel::Default));
}

// A short pipeline: the IR is already in the shape it should have; what is left is addresses, invariants and dead code.
static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::ModulePassManager passes;
  llvm::cantFail(builder.parsePassPipeline(
      passes, "function(early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,loop-simplify,lcssa,"
              "loop-mssa(licm),early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg)"));
  passes.run(module, modules);
}

// What the code of a kernel depends on is written into its module.
static void setAttributes(llvm::Module &code, const Chip &chip) {
  for (llvm::Function &function : code)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", chip.cpu);
      function.addFnAttr("target-features", chip.features);
      // 64-byte vectors where the chip has them; nothing unwinds through a kernel.
      function.addFnAttr("prefer-vector-width", std::to_string(chip.vectorBytes * 8));
      function.setDoesNotThrow();
    }
}

namespace {
/// "X86 Avoid Store Forwarding Blocks" is of no use to kernels, and fatal where a masked access, whose size is unknown,
/// became a plain one. The option that turns it off would not do: it is one for all threads, and lld sets it back.
class KernelPasses : public llvm::OptPassGate {
public:
  bool isEnabled() const override { return true; }
  bool shouldRunPass(StringRef pass, StringRef) const override { return pass != "x86-avoid-sfb"; }
};

/// LLVM's code generator, set up once for any number of modules.
class CpuUnitCompiler : public UnitCompiler {
public:
  CpuUnitCompiler(std::unique_ptr<llvm::TargetMachine> machine, const Chip &chip, llvm::CodeGenFileType type)
      : machine(std::move(machine)), chip(chip), stream(code) {
    canEmit = !this->machine->addPassesToEmitFile(passes, stream, nullptr, type);
  }

  void prepare(llvm::Module &unit) override {
    unit.setTargetTriple(machine->getTargetTriple());
    unit.setDataLayout(machine->createDataLayout());
    setAttributes(unit, chip);
  }

  bool compile(llvm::Module &unit, std::vector<char> &object) override {
    if (!canEmit)
      return false;
    static KernelPasses gate; // stateless: the contexts of all threads share it
    unit.getContext().setOptPassGate(gate);
    optimise(unit, *machine);
    code.clear();
    passes.run(unit);
    object.assign(code.begin(), code.end());
    return true;
  }

private:
  std::unique_ptr<llvm::TargetMachine> machine;
  const Chip &chip;
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream;
  llvm::legacy::PassManager passes;
  bool canEmit;
};
} // namespace

static bool isKernel(Operation *op) { return op->hasAttr("tiny.kernel"); }

// Assembly is for people, who want all of it in one text: labels of several would clash.
static FailureOr<std::vector<uint8_t>> assembly(ModuleOp module, const Chip &chip) {
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(module, chip);
  if (!machine)
    return failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "kernels");
  if (!code)
    return module.emitError("kernels do not translate to LLVM IR"), failure();
  CpuUnitCompiler compiler(std::move(machine), chip, llvm::CodeGenFileType::AssemblyFile);
  compiler.prepare(*code);
  std::vector<char> text;
  if (!compiler.compile(*code, text))
    return module.emitError("LLVM cannot emit code for ") << chip.name, failure();
  return std::vector<uint8_t>(text.begin(), text.end());
}

// The kernels' objects linked into a shared object, or into one relocatable object.
static FailureOr<std::vector<uint8_t>> link(ModuleOp module, ArrayRef<std::vector<char>> objects, CodeForm form,
                                            const llvm::Triple &triple) {
  std::vector<std::string> arguments = {"-r"};
  if (form == CodeForm::Elf)
    arguments = {"-shared", "--no-undefined", "-z", "noexecstack", "--hash-style=gnu", "--build-id=none", "-s"};
  // A model without kernels has no object that would say so.
  llvm::append_range(arguments, std::vector<std::string>{"-m", triple.isAArch64() ? "aarch64linux" : "elf_x86_64"});
  SmallVector<ArrayRef<char>> views(objects.begin(), objects.end());
  std::vector<uint8_t> linked;
  std::string error;
  if (!linkObjects(views, arguments, linked, error))
    return module.emitError("linking the kernels: ") << error, failure();
  return linked;
}

// Tile registers are used by kernels whose schedule says so, and by no others: most models run where there are none.
static void addTileFeatures(LLVM::LLVMFuncOp kernel, std::vector<std::string> &features) {
  auto schedule = kernel->getAttrOfType<tiny::ScheduleAttr>("tiny.schedule");
  StringRef instruction = schedule ? schedule.getInstruction().getValue() : "";
  if (!instruction.starts_with("amx."))
    return;
  for (const char *feature : {"amx-tile", instruction.ends_with("bf16ps") ? "amx-bf16" : "amx-int8"})
    if (!llvm::is_contained(features, feature))
      features.push_back(feature);
}

FailureOr<TargetCode> CpuBackend::emit(ModuleOp whole, const Chip &chip, const EmitOptions &options) const {
  ModuleOp module = kernelsOf(whole);
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(module, chip);
  if (!machine)
    return failure();
  TargetCode result;
  // What the x86-64 levels above the first add and code generation uses; the runtime looks for each with CPUID.
  for (const char *feature : {"sse3",     "ssse3",    "sse4.1",   "sse4.2",   "popcnt",     "avx",       "avx2",
                              "bmi",      "bmi2",     "f16c",     "fma",      "lzcnt",      "movbe",     "avx512f",
                              "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512vnni", "avx512vbmi"})
    if (machine->getMCSubtargetInfo()->checkFeatures(std::string("+") + feature))
      result.features.push_back(feature);
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (isKernel(function)) {
      KernelFacts facts;
      facts.symbol = function.getSymName().str();
      if (auto scratch = function->getAttrOfType<IntegerAttr>("tiny.scratch"))
        facts.scratchBytes = scratch.getInt();
      result.kernels.push_back(facts);
      addTileFeatures(function, result.features);
    }

  auto createCompiler = [&]() -> std::unique_ptr<UnitCompiler> {
    std::unique_ptr<llvm::TargetMachine> own = createMachine(module, chip);
    return own ? std::make_unique<CpuUnitCompiler>(std::move(own), chip, llvm::CodeGenFileType::ObjectFile) : nullptr;
  };
  std::vector<std::vector<char>> objects;
  for (CodeForm form : options.forms.empty() ? std::vector<CodeForm>{CodeForm::Elf} : options.forms) {
    if (form != CodeForm::Assembly && form != CodeForm::Object && form != CodeForm::Elf)
      return module.emitError("a CPU has shared objects, objects and assembly; asked for another form of code"),
             failure();
    if (form != CodeForm::Assembly && objects.empty()) {
      auto compiled = compileUnits(module, isKernel, createCompiler, /*salt=*/"cpu", options);
      if (failed(compiled))
        return failure();
      objects = std::move(*compiled);
    }
    FailureOr<std::vector<uint8_t>> bytes =
        form == CodeForm::Assembly ? assembly(module, chip) : link(module, objects, form, machine->getTargetTriple());
    if (failed(bytes))
      return failure();
    result.blobs.push_back({form, std::move(*bytes)});
  }
  return result;
}
