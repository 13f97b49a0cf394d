// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The NPU as a target of tinyc: a row of facts, schedules, and a back end that emits command streams.
//
// The back end takes kernels at the tile level, where each is a function of tiles over one unit of work, and adds no
// passes of its own: a tile is what lies in the scratchpad, a tiny.load is a transfer, a tiny op on vectors a command.

#include "Emitter.h"

#include "lib/Plugins/Plugin.h"
#include "passes/3-schedule/Schedules.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static constexpr const char *kInstruction = "npu.i32.8x8x32.i8";

static Chip npuRow() {
  Chip chip{};
  chip.name = "npu:v1";
  chip.kind = ChipKind::Other;
  chip.lanes = 1;
  chip.vectorBytes = 64;
  chip.sharedBytes = npu::kScratchBytes;
  chip.gflopsF32 = 1;
  chip.gflopsTensor = 64;
  chip.gbps = 4;
  chip.instructions = {kInstruction};
  chip.document = "Npu.h";
  return chip;
}

// About `most` points of a domain, the last dimensions first.
static SmallVector<int64_t> tileOf(ArrayRef<int64_t> sizes, int64_t most) {
  SmallVector<int64_t> tile(sizes.size(), 1);
  for (unsigned d = sizes.size(); d-- > 0;) {
    tile[d] = std::clamp<int64_t>(most, 1, std::max<int64_t>(sizes[d], 1));
    most /= tile[d];
  }
  return tile;
}

// Whether the matrix unit takes the product: bytes, and zeros where a read is masked.
static bool fitsMatrixUnit(Contraction &c) {
  for (unsigned read : {c.rowsRead, c.columnsRead}) {
    auto fill = dyn_cast_or_null<IntegerAttr>(c.stage.getFill(read));
    if (!elementType(c.stage.getOperand(read).getType()).isSignlessInteger(8) || (fill && !fill.getValue().isZero()))
      return false;
  }
  return elementType(c.stage.getResult(0).getType()).isSignlessInteger(32);
}

// Sizes along the dimensions of a run whose product is a multiple of the matrix unit's rows: whole dimensions from the
// last on, taken up to powers of two, which masks cut again.
static void setBlock(SmallVector<int64_t> &sizes, Contraction &c, ArrayRef<unsigned> run, int64_t most) {
  SmallVector<int64_t> domain = c.stage.getDomain();
  int64_t product = 1;
  for (unsigned dim : llvm::reverse(run)) {
    sizes[dim] = powerOfTwo(domain[dim], most / product);
    product *= sizes[dim];
  }
  if (product < npu::kTile)
    sizes[run.front()] *= npu::kTile / product;
}

namespace {
struct ScheduleNpu : PassWrapper<ScheduleNpu, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ScheduleNpu)

  StringRef getArgument() const override { return "schedule-npu"; }
  StringRef getDescription() const override { return "Gives kernels tiles that fit into the NPU's scratchpad"; }

  void runOnOperation() override {
    getOperation().walk([](KernelOp kernel) {
      if (!kernel.getSchedule())
        kernel.setScheduleAttr(choose(kernel).toAttr(kernel.getContext()));
    });
  }

  static ScheduleSizes choose(KernelOp kernel) {
    SmallVector<int64_t> shared = sharedSizes(kernel), own = ownSizes(kernel);
    ScheduleSizes s;
    std::optional<Contraction> c = matchContraction(kernel);
    if (c && fitsMatrixUnit(*c)) {
      s.instruction = kInstruction;
      s.unit.assign(shared.size(), 1);
      setBlock(s.unit, *c, c->m, 64);
      setBlock(s.unit, *c, c->n, 64);
      s.strip.assign(own.size(), 1);
      s.strip.front() = std::min<int64_t>(llvm::alignTo(c->size(c->k), npu::kDepth), 4 * npu::kDepth);
      s.inner = {64, 64};
      return s;
    }
    // Several tiles of at most 2048 elements live at once.
    s.strip = tileOf(own, 1024);
    int64_t along = ShapedType::getNumElements(s.strip);
    s.unit = tileOf(shared, std::max<int64_t>(1, 2048 / std::max<int64_t>(along, 1)));
    s.inner = s.unit;
    if (c)
      s.inner = {2048, 2048}; // a unit is not subdivided
    return s;
  }
};

class NpuBackend : public Backend {
public:
  void addSchedulePasses(OpPassManager &pm, const Chip &) const override {
    pm.addPass(std::make_unique<ScheduleNpu>());
    pm.addPass(createSchedule()); // verifies
  }
  void addLanePasses(OpPassManager &, const Chip &) const override {}
  void addLowerPasses(OpPassManager &, const Chip &) const override {}

  FailureOr<TargetCode> emit(ModuleOp module, const Chip &, const EmitOptions &options) const override {
    llvm::StringMap<int64_t> units;
    module.walk([&](LaunchOp launch) { units[launch.getKernel()] = launch.getUnits(); });
    npu::Module code;
    TargetCode result;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!function->hasAttr("tiny.kernel"))
        continue;
      FailureOr<npu::Kernel> kernel = npu::emitKernel(function, units.lookup(function.getSymName()), code);
      if (failed(kernel))
        return failure();
      result.kernels.push_back({kernel->symbol});
      code.kernels.push_back(std::move(*kernel));
    }
    bool text = llvm::is_contained(options.forms, CodeForm::Assembly);
    if (!text && !options.forms.empty() && !llvm::is_contained(options.forms, CodeForm::Plugin))
      return module.emitError("the NPU has command streams, and their text as assembly; asked for another form"),
             failure();
    if (text) {
      std::string listing = npu::disassemble(code);
      result.blobs.push_back({CodeForm::Assembly, {listing.begin(), listing.end()}});
    } else {
      result.blobs.push_back({CodeForm::Plugin, npu::serialize(code)});
    }
    return result;
  }
};
} // namespace

TINYC_PLUGIN("npu-target", [](PluginRegistry &registry) {
  registry.addPass([] { return std::make_unique<ScheduleNpu>(); });
  registry.addChip(npuRow());
  registry.addBackend("npu", std::make_unique<NpuBackend>());
})
