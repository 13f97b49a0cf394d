// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks the launches of @main: each value becomes a buffer, each launch a command, the arena holds what is neither
// input, output nor weight.

#include "lib/Compiler/BuildArtefact.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Compiler/ArenaPlanner.h"
#include "lib/Compiler/SourceNames.h"
#include "lib/Weights/WeightStore.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace tinyc;

artefact::DType tinyc::dtypeOf(Type element) {
  using artefact::DType;
  if (auto integer = dyn_cast<IntegerType>(element)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return DType::Bool;
    case 8:
      return isUnsigned ? DType::U8 : DType::I8;
    case 16:
      return isUnsigned ? DType::U16 : DType::I16;
    case 32:
      return isUnsigned ? DType::U32 : DType::I32;
    case 64:
      return isUnsigned ? DType::U64 : DType::I64;
    }
    return DType::Invalid;
  }
  if (element.isF16())
    return DType::F16;
  if (element.isBF16())
    return DType::BF16;
  if (element.isF32())
    return DType::F32;
  if (element.isF64())
    return DType::F64;
  if (isa<Float8E4M3FNType>(element))
    return DType::F8E4M3FN;
  if (isa<Float8E5M2Type>(element))
    return DType::F8E5M2;
  if (isa<Float8E4M3FNUZType>(element))
    return DType::F8E4M3FNUZ;
  if (isa<Float8E5M2FNUZType>(element))
    return DType::F8E5M2FNUZ;
  return DType::Invalid;
}

func::FuncOp tinyc::findMain(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    module.emitError("expected a function @main, the model's entry point");
  return main;
}

static artefact::Tensor tensorOf(StringRef name, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return {name.str(), dtypeOf(tensor.getElementType()), std::vector<int64_t>(tensor.getShape())};
}

artefact::EntryPoint tinyc::entryPointOf(func::FuncOp main) {
  artefact::EntryPoint entry;
  entry.name = "main";
  auto name = [](DictionaryAttr attributes, StringRef otherwise, unsigned i) {
    auto given = attributes ? attributes.getAs<StringAttr>(tiny::kNameAttr) : StringAttr();
    return given ? given.str() : (otherwise + Twine(i)).str();
  };
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes()))
    entry.inputs.push_back(tensorOf(name(main.getArgAttrDict(i), "input", i), type));
  for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
    entry.outputs.push_back(tensorOf(name(main.getResultAttrDict(i), "output", i), type));
  return entry;
}

LogicalResult ArtefactAssembler::addEntry(func::FuncOp main) {
  artefact::EntryPoint entry = entryPointOf(main);
  if (result.entryPoints.empty()) {
    result.entryPoints.push_back(std::move(entry));
    return success();
  }
  auto same = [](const std::vector<artefact::Tensor> &a, const std::vector<artefact::Tensor> &b) {
    return llvm::equal(a, b, [](const artefact::Tensor &x, const artefact::Tensor &y) {
      return x.name == y.name && x.dtype == y.dtype && x.shape == y.shape;
    });
  };
  if (!same(entry.inputs, result.entryPoints[0].inputs) || !same(entry.outputs, result.entryPoints[0].outputs))
    return main.emitError("targets of one artefact must agree on inputs and outputs");
  return success();
}

namespace {
/// The buffers of one plan: what each value of @main is stored in.
class PlanBuilder {
public:
  PlanBuilder(artefact::Artefact &artefact, artefact::Target &target, const WeightStore &weights,
              std::deque<std::vector<uint8_t>> &constants)
      : artefact(artefact), target(target), weights(weights), constants(constants) {}

  LogicalResult build(func::FuncOp main, const TargetCode &code);

private:
  uint32_t addBuffer(artefact::BufferKind kind, uint32_t index, Type type);
  LogicalResult addWeight(tiny::ParamOp param);
  LogicalResult addConstant(tiny::ConstOp constant);
  LogicalResult addLaunch(tiny::LaunchOp launch);
  void addCopy(uint32_t to, uint32_t from);

  artefact::Artefact &artefact;
  artefact::Target &target;
  const WeightStore &weights;
  std::deque<std::vector<uint8_t>> &constants;
  artefact::Plan plan;
  llvm::DenseMap<Value, uint32_t> buffers;
  llvm::StringMap<const KernelFacts *> kernels;
  SmallVector<ArenaTensor> arena;
  SmallVector<uint32_t> arenaBuffers; // index in plan.buffers of each of `arena`
};
} // namespace

static uint64_t byteSize(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * artefact::sizeOf(dtypeOf(tensor.getElementType()));
}

uint32_t PlanBuilder::addBuffer(artefact::BufferKind kind, uint32_t index, Type type) {
  plan.buffers.push_back({kind, index, 0, byteSize(type)});
  return plan.buffers.size() - 1;
}

LogicalResult PlanBuilder::addWeight(tiny::ParamOp param) {
  auto bytes = weights.find(param.getHash());
  if (!bytes)
    return param.emitError("the bytes of weight \"") << param.getName() << "\" are not at hand: nothing in the weight "
                                                     << "store has the hash " << param.getHash();
  if (bytes->size() != byteSize(param.getType()))
    return param.emitError("expected ") << byteSize(param.getType()) << " bytes for " << param.getType() << ", found "
                                        << bytes->size() << " under its hash";
  uint32_t index = artefact.addWeight(tensorOf(param.getName(), param.getType()), {bytes->data(), bytes->size()});
  buffers[param.getResult()] = addBuffer(artefact::BufferKind::Weight, index, param.getType());
  return success();
}

LogicalResult PlanBuilder::addConstant(tiny::ConstOp constant) {
  auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!elements)
    return constant.emitError("expected the elements of a tensor, found ") << constant.getValue();
  std::vector<uint8_t> &bytes = constants.emplace_back();
  size_t width = artefact::sizeOf(dtypeOf(elements.getElementType()));
  auto append = [&](APInt value) {
    for (size_t i = 0; i < width; ++i)
      bytes.push_back(value.getBitWidth() > 8 * i
                          ? value.extractBitsAsZExtValue(std::min<unsigned>(8, value.getBitWidth() - 8 * i), 8 * i)
                          : 0);
  };
  if (isa<FloatType>(elements.getElementType()))
    for (const APFloat &value : elements.getValues<APFloat>())
      append(value.bitcastToAPInt());
  else
    for (const APInt &value : elements.getValues<APInt>())
      append(value);
  uint32_t index = artefact.addWeight(tensorOf("constant", constant.getType()), bytes);
  buffers[constant.getResult()] = addBuffer(artefact::BufferKind::Weight, index, constant.getType());
  return success();
}

LogicalResult PlanBuilder::addLaunch(tiny::LaunchOp launch) {
  auto found = kernels.find(launch.getKernel());
  if (found == kernels.end())
    return launch.emitError("no code was emitted for kernel @") << launch.getKernel();
  // A grid's first dimension on GPUs; on a CPU, what the kernels' ABI counts.
  if (constexpr uint64_t most = INT32_MAX; static_cast<uint64_t>(launch.getUnits()) > most)
    return launch.emitError("expected at most ")
           << most << " units in a launch, found " << launch.getUnits() << ": its tensors are too large for a device";
  const KernelFacts &facts = *found->second;
  artefact::Kernel kernel;
  kernel.symbol = launch.getKernel().str();
  kernel.name = launch.getName().str();
  kernel.ops = sourceNames(launch.getLoc());
  kernel.units = launch.getUnits();
  kernel.scratchBytes = facts.scratchBytes;
  kernel.grid = {static_cast<uint32_t>(launch.getUnits()), 1, 1};
  kernel.block = {static_cast<uint32_t>(facts.threads), 1, 1};
  kernel.dynamicSharedBytes = facts.sharedBytes;
  kernel.flops = launch.getFlops();
  kernel.bytes = launch.getBytes();
  kernel.arguments.assign(launch.getInputs().size(), artefact::Access::Read);
  kernel.arguments.resize(launch->getNumOperands() + launch->getNumResults(), artefact::Access::Write);

  artefact::Command command;
  command.kernel = target.kernels.size();
  unsigned now = plan.commands.size();
  for (Value input : launch.getInputs())
    command.arguments.push_back({buffers.at(input)});
  for (Value output : launch.getResults()) {
    auto place = buffers.find(output);
    if (place == buffers.end()) {
      uint32_t index = addBuffer(artefact::BufferKind::Arena, 0, output.getType());
      unsigned last = now;
      for (Operation *user : output.getUsers())
        last = std::max<unsigned>(last, cast<IntegerAttr>(user->getAttr("tiny.order")).getInt());
      arena.push_back({byteSize(output.getType()), now, last});
      arenaBuffers.push_back(index);
      place = buffers.try_emplace(output, index).first;
    }
    command.arguments.push_back({place->second});
  }
  target.kernels.push_back(std::move(kernel));
  plan.commands.push_back(std::move(command));
  return success();
}

void PlanBuilder::addCopy(uint32_t to, uint32_t from) {
  artefact::Command command;
  command.kind = artefact::CommandKind::Copy;
  command.arguments = {{to}, {from}};
  command.size = plan.buffers[to].size;
  plan.commands.push_back(std::move(command));
}

LogicalResult PlanBuilder::build(func::FuncOp main, const TargetCode &code) {
  for (const KernelFacts &kernel : code.kernels)
    kernels[kernel.symbol] = &kernel;
  for (BlockArgument input : main.getArguments())
    buffers[input] = addBuffer(artefact::BufferKind::Input, input.getArgNumber(), input.getType());

  // A launch's result that is returned is written where the caller wants it; whatever else is returned (an input, a
  // weight, the same value twice) is copied at the end.
  Operation *end = main.getBody().front().getTerminator();
  SmallVector<std::pair<uint32_t, Value>> copies;
  for (OpOperand &operand : end->getOpOperands()) {
    uint32_t index = addBuffer(artefact::BufferKind::Output, operand.getOperandNumber(), operand.get().getType());
    if (!operand.get().getDefiningOp<tiny::LaunchOp>() || !buffers.try_emplace(operand.get(), index).second)
      copies.push_back({index, operand.get()});
  }

  // Which command each user is, for the lives of values.
  Builder b(main.getContext());
  unsigned order = 0;
  for (Operation &op : main.getOps())
    if (isa<tiny::LaunchOp, func::ReturnOp>(op))
      op.setAttr("tiny.order", b.getI64IntegerAttr(order++));
  LogicalResult built = success();
  for (Operation &op : main.getOps()) {
    if (isa<tiny::ParamOp, tiny::ConstOp>(op) && byteSize(op.getResult(0).getType()) == 0 &&
        llvm::all_of(op.getUsers(), llvm::IsaPred<func::ReturnOp>))
      continue; // there is nothing to store or to copy
    if (auto param = dyn_cast<tiny::ParamOp>(op))
      built = addWeight(param);
    else if (auto constant = dyn_cast<tiny::ConstOp>(op))
      built = addConstant(constant);
    else if (auto launch = dyn_cast<tiny::LaunchOp>(op))
      built = addLaunch(launch);
    if (failed(built))
      return failure();
  }
  main.walk([](Operation *op) { op->removeAttr("tiny.order"); });
  for (auto [to, value] : copies)
    if (plan.buffers[to].size != 0)
      addCopy(to, buffers.at(value));
  plan.arenaSize = planArena(arena);
  for (auto [tensor, buffer] : llvm::zip_equal(arena, arenaBuffers))
    plan.buffers[buffer].offset = tensor.offset;
  artefact::addDependencies(target, plan, plan.commands);
  target.plans.push_back(std::move(plan));
  return success();
}

static artefact::CodeKind codeKind(CodeForm form) {
  switch (form) {
  case CodeForm::Ptx:
    return artefact::CodeKind::Ptx;
  case CodeForm::Cubin:
    return artefact::CodeKind::Cubin;
  case CodeForm::Hsaco:
    return artefact::CodeKind::Hsaco;
  default:
    return artefact::CodeKind::ElfSharedObject;
  }
}

LogicalResult ArtefactAssembler::addTarget(ModuleOp module, const Chip &chip, TargetCode code) {
  func::FuncOp main = findMain(module);
  if (!main || failed(addEntry(main)))
    return failure();
  artefact::Target target;
  target.name = chip.name;
  target.kind = chip.kind == ChipKind::Nvidia ? artefact::TargetKind::Cuda
                : chip.kind == ChipKind::Amd  ? artefact::TargetKind::Hip
                                              : artefact::TargetKind::Cpu;
  target.features = code.features;
  PlanBuilder builder(result, target, weights, constants);
  if (failed(builder.build(main, code)))
    return failure();
  artefact::Module &forms = target.modules.emplace_back();
  for (CodeBlob &blob : code.blobs) {
    if (blob.form == CodeForm::Assembly || blob.form == CodeForm::Object)
      continue; // for people, not for drivers
    bool anyChip = blob.form == CodeForm::Elf || blob.form == CodeForm::Ptx;
    forms.forms.push_back({codeKind(blob.form), anyChip ? "" : chip.cpu, std::move(blob.bytes)});
  }
  result.producer = "tinyc " TINYC_VERSION;
  result.targets.push_back(std::move(target));
  return success();
}
