// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values to buffers and launches to commands; loops and choices are in PlanControl.cpp.

#include "lib/Compiler/PlanBuilder.h"

#include "dialects/Tiny/KernelMarks.h"
#include "lib/Compiler/BuildArtefact.h"
#include "lib/Compiler/SourceNames.h"
#include "lib/Weights/WeightStore.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace tinyc;

uint64_t tinyc::byteSize(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * artefact::sizeOf(dtypeOf(tensor.getElementType()));
}

// The bytes of an element's bits.
static void appendBits(std::vector<uint8_t> &bytes, const APInt &value, size_t width) {
  for (size_t i = 0; i < width; ++i)
    bytes.push_back(value.getBitWidth() > 8 * i
                        ? value.extractBitsAsZExtValue(std::min<unsigned>(8, value.getBitWidth() - 8 * i), 8 * i)
                        : 0);
}

std::optional<uint8_t> tinyc::repeatedByte(tiny::ConstOp constant) {
  auto elements = dyn_cast<SplatElementsAttr>(constant.getValue());
  if (!elements)
    return std::nullopt;
  std::vector<uint8_t> bytes;
  APInt bits = isa<FloatType>(elements.getElementType()) ? elements.getSplatValue<APFloat>().bitcastToAPInt()
                                                         : elements.getSplatValue<APInt>();
  appendBits(bytes, bits, artefact::sizeOf(dtypeOf(elements.getElementType())));
  return llvm::all_equal(bytes) ? std::optional<uint8_t>(bytes.front()) : std::nullopt;
}

void PlanBuilder::number(Block &block, unsigned &now) {
  for (Operation &op : block) {
    Time &time = times[&op];
    time.first = now++;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        number(inner, now);
    times[&op].last = op.getNumRegions() ? now++ : times[&op].first;
  }
}

unsigned PlanBuilder::lastUse(Value value) {
  unsigned last = 0;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    // What a body yields is copied, or read as a flag, when all its commands are done.
    if (isa<tiny::YieldOp>(user))
      user = user->getParentOp();
    last = std::max(last, times.at(user).last);
    if (auto launch = dyn_cast<tiny::LaunchOp>(user))
      for (OpResult result : launch->getResults())
        if (launch.getInPlaceInput(result.getResultNumber()) == use.getOperandNumber())
          last = std::max(last, lastUse(result));
    auto loop = dyn_cast<tiny::LoopOp>(user);
    if (loop && user == use.getOwner() && use.getOperandNumber() < loop.getCarried().size() &&
        liesWhereItsFirstLay(loop.getResult(use.getOperandNumber())))
      last = std::max(last, lastUse(loop.getResult(use.getOperandNumber())));
  }
  return last;
}

uint32_t PlanBuilder::addBuffer(artefact::BufferKind kind, uint32_t index, Type type) {
  plan.buffers.push_back({kind, index, 0, byteSize(type)});
  return plan.buffers.size() - 1;
}

uint32_t PlanBuilder::addArenaBuffer(Type type, Time life) {
  uint32_t index = addBuffer(artefact::BufferKind::Arena, 0, type);
  arena.push_back({byteSize(type), life.first, std::max(life.first, life.last)});
  arenaBuffers.push_back(index);
  return index;
}

bool PlanBuilder::isInThisPlan(Operation *op) const { return op->hasAttr(tiny::kInitAttr) == isInit; }

uint32_t PlanBuilder::addDerived(tiny::LaunchOp launch, unsigned result) {
  auto [at, isNew] = derived.try_emplace(launch.getResult(result), target.derived.size());
  if (isNew) {
    std::string source = (launch->getAttrOfType<StringAttr>(tiny::kInitAttr).getValue() + "#" + Twine(result)).str();
    target.derived.push_back({launch.getName().str(), Sha256::of(source.data(), source.size()),
                              byteSize(launch.getResult(result).getType())});
  }
  return at->second;
}

LogicalResult PlanBuilder::addWeight(tiny::ParamOp param) {
  auto bytes = weights.find(param.getHash());
  if (!bytes)
    return param.emitError("the bytes of weight \"") << param.getName() << "\" are not at hand: nothing in the weight "
                                                     << "store has the hash " << param.getHash();
  if (bytes->size() != byteSize(param.getType()))
    return param.emitError("expected ") << byteSize(param.getType()) << " bytes for " << param.getType() << ", found "
                                        << bytes->size() << " under its hash";
  auto [index, isNew] = weightNumbers.try_emplace(param.getResult());
  if (isNew)
    index->second = artefact.addWeight(tensorOf(param.getName(), param.getType()), {bytes->data(), bytes->size()});
  places[param.getResult()] = {addBuffer(artefact::BufferKind::Weight, index->second, param.getType())};
  return success();
}

LogicalResult PlanBuilder::addConstant(tiny::ConstOp constant) {
  auto [number, isNew] = weightNumbers.try_emplace(constant.getResult());
  if (!isNew) {
    places[constant.getResult()] = {addBuffer(artefact::BufferKind::Weight, number->second, constant.getType())};
    return success();
  }
  auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!elements)
    return constant.emitError("expected the elements of a tensor, found ") << constant.getValue();
  std::vector<uint8_t> &bytes = constants.emplace_back();
  size_t width = artefact::sizeOf(dtypeOf(elements.getElementType()));
  if (isa<FloatType>(elements.getElementType()))
    for (const APFloat &value : elements.getValues<APFloat>())
      appendBits(bytes, value.bitcastToAPInt(), width);
  else
    for (const APInt &value : elements.getValues<APInt>())
      appendBits(bytes, value, width);
  number->second = artefact.addWeight(tensorOf("constant", constant.getType()), bytes);
  places[constant.getResult()] = {addBuffer(artefact::BufferKind::Weight, number->second, constant.getType())};
  return success();
}

LogicalResult PlanBuilder::takeOver(tiny::LaunchOp launch, unsigned input, OpResult output) {
  Value taken = launch.getInputs()[input];
  artefact::Argument place = places.at(taken);
  if (plan.buffers[place.buffer].kind != artefact::BufferKind::Arena || places.contains(output))
    return launch.emitError("in_place: result ")
           << output.getResultNumber() << " cannot take over input " << input << ": one of them has a place of its own";
  for (Operation *user : taken.getUsers())
    if (user != launch && times.at(user).last > times.at(launch).first)
      return launch.emitError("in_place: input ") << input << " is used again after it was overwritten";
  places[output] = place;
  return success();
}

LogicalResult PlanBuilder::addLaunch(tiny::LaunchOp launch, Commands &commands) {
  auto found = kernels.find(launch.getKernel());
  if (found == kernels.end())
    return launch.emitError("no code was emitted for kernel @") << launch.getKernel();
  // A grid's first dimension on GPUs; on a CPU, what the kernels' ABI counts.
  if (constexpr uint64_t most = INT32_MAX; launch.getUnits() > most)
    return launch.emitError("expected at most ")
           << most << " units in a launch, found " << launch.getUnits() << ": its tensors are too large for a device";
  if (!isInThisPlan(launch)) {
    for (OpResult result : launch.getResults())
      if (auto number = derived.find(result); number != derived.end())
        places[result] = {addBuffer(artefact::BufferKind::Derived, number->second, result.getType())};
    return success();
  }
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

  artefact::Command command;
  command.kernel = target.kernels.size();
  for (Value input : launch.getInputs())
    command.arguments.push_back(places.at(input));
  for (OpResult output : launch->getResults()) {
    if (std::optional<unsigned> input = launch.getInPlaceInput(output.getResultNumber())) {
      if (failed(takeOver(launch, *input, output)))
        return failure();
      kernel.arguments[*input] = artefact::Access::ReadWrite;
      continue;
    }
    kernel.arguments.push_back(artefact::Access::Write);
    auto place = places.find(output);
    if (place == places.end()) {
      uint32_t index = addArenaBuffer(output.getType(), {times.at(launch).first, lastUse(output)});
      place = places.try_emplace(output, artefact::Argument{index}).first;
    }
    command.arguments.push_back(place->second);
  }
  target.kernels.push_back(std::move(kernel));
  commands.push_back(std::move(command));
  return success();
}

void PlanBuilder::addCopy(Commands &commands, artefact::Argument to, artefact::Argument from, Type type) {
  if (byteSize(type) == 0)
    return;
  artefact::Command command;
  command.kind = artefact::CommandKind::Copy;
  command.arguments = {to, from};
  command.size = byteSize(type);
  commands.push_back(std::move(command));
}

LogicalResult PlanBuilder::addBlock(Block &block, Commands &commands) {
  for (Operation &op : block.without_terminator()) {
    if (isa<tiny::ParamOp, tiny::ConstOp>(op) && byteSize(op.getResult(0).getType()) == 0 &&
        llvm::all_of(op.getUsers(), llvm::IsaPred<func::ReturnOp>))
      continue; // there is nothing to store or to copy
    if (isa<tiny::ParamOp, tiny::ConstOp>(op) && !op.use_empty() &&
        llvm::none_of(op.getUsers(), [&](Operation *user) { return isInThisPlan(user); }))
      continue; // the other plan reads it
    if (isInit && !isa<tiny::ParamOp, tiny::ConstOp, tiny::LaunchOp>(op))
      continue;
    LogicalResult built = success();
    if (auto param = dyn_cast<tiny::ParamOp>(op))
      built = addWeight(param);
    else if (auto constant = dyn_cast<tiny::ConstOp>(op))
      built = addConstant(constant);
    else if (auto launch = dyn_cast<tiny::LaunchOp>(op))
      built = addLaunch(launch, commands);
    else if (auto loop = dyn_cast<tiny::LoopOp>(op))
      built = addLoop(loop, commands);
    else if (auto slice = dyn_cast<tiny::ScatterOp>(op))
      addSliceWrite(slice, commands);
    else if (auto cond = dyn_cast<tiny::CondOp>(op))
      built = addCond(cond, commands);
    if (failed(built))
      return failure();
  }
  return success();
}

void PlanBuilder::finishPlan() {
  plan.arenaSize = planArena(arena);
  for (auto [tensor, buffer] : llvm::zip_equal(arena, arenaBuffers))
    plan.buffers[buffer].offset = tensor.offset;
  artefact::addDependencies(target, plan, plan.commands);
  target.plans.push_back(std::move(plan));
  plan = {};
  places.clear();
  arena.clear();
  arenaBuffers.clear();
}

LogicalResult PlanBuilder::buildInit(Block &block) {
  isInit = true;
  for (auto launch : block.getOps<tiny::LaunchOp>())
    for (OpResult result : launch.getResults())
      if (isInThisPlan(launch) && llvm::any_of(result.getUsers(), [&](Operation *user) { return !isInThisPlan(user); }))
        places[result] = {
            addBuffer(artefact::BufferKind::Derived, addDerived(launch, result.getResultNumber()), result.getType())};
  if (failed(addBlock(block, plan.commands)))
    return failure();
  plan.entryPoint = artefact.findOrAddInit();
  finishPlan();
  isInit = false;
  return success();
}

LogicalResult PlanBuilder::buildMain(func::FuncOp main) {
  for (BlockArgument input : main.getArguments())
    places[input] = {addBuffer(artefact::BufferKind::Input, input.getArgNumber(), input.getType())};

  // What a launch, loop or choice returns is written where the caller wants it; whatever else is returned (an input, a
  // weight, what init made, the same value twice) is copied at the end.
  Block &block = main.getBody().front();
  SmallVector<std::pair<uint32_t, Value>> copies;
  for (OpOperand &operand : block.getTerminator()->getOpOperands()) {
    uint32_t index = addBuffer(artefact::BufferKind::Output, operand.getOperandNumber(), operand.get().getType());
    Operation *source = operand.get().getDefiningOp();
    if (!source || !isInThisPlan(source) || !isa<tiny::LaunchOp, tiny::LoopOp, tiny::CondOp>(source) ||
        !places.try_emplace(operand.get(), artefact::Argument{index}).second)
      copies.push_back({index, operand.get()});
  }
  if (failed(addBlock(block, plan.commands)))
    return failure();
  for (auto [to, value] : copies)
    if (byteSize(value.getType()) != 0)
      addCopy(plan.commands, {to}, places.at(value), value.getType());
  finishPlan();
  return success();
}

LogicalResult PlanBuilder::build(func::FuncOp main, const TargetCode &code) {
  for (const KernelFacts &kernel : code.kernels)
    kernels[kernel.symbol] = &kernel;
  Block &block = main.getBody().front();
  unsigned now = 0;
  number(block, now);
  bool hasInit = llvm::any_of(block, [](Operation &op) { return op.hasAttr(tiny::kInitAttr); });
  if (hasInit && failed(buildInit(block)))
    return failure();
  return buildMain(main);
}
