// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounded control as commands.
//
// A loop's carried values each have one buffer, which is the loop's result: filled with the first value before the
// loop, written by the body in place where nothing reads the old value later, else by a copy at the end of each trip.
// A carried tensor of which each trip writes a slice is written at a place that moves with the loop. The trip's number
// is read from a table of all numbers, at a place that moves with the loop. A choice is two loops of at most one trip,
// of which the condition lets one begin.

#include "lib/Compiler/PlanBuilder.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tinyc;

/// Trip numbers stand as far apart as the arguments of kernels are aligned.
static constexpr uint64_t kTripStride = 64;
/// The longest table of them: 64 MiB. `simplify` gives a counter to loops that are much shorter already.
static constexpr uint64_t kMostNumberedTrips = 1 << 20;

// Whether `value` is a constant truth value, and which.
static std::optional<bool> constantTruth(Value value) {
  auto constant = value.getDefiningOp<tiny::ConstOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || !elements.getElementType().isInteger(1))
    return std::nullopt;
  return *elements.getValues<bool>().begin();
}

// The number of the loop's result that this argument of its body carries; nothing for the trip and invariant values.
static std::optional<unsigned> carriedNumber(tiny::LoopOp loop, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != &loop.getBody().front() || argument.getArgNumber() == 0 ||
      argument.getArgNumber() > loop.getCarried().size())
    return std::nullopt;
  return argument.getArgNumber() - 1;
}

static tiny::YieldOp yieldOf(Block &block) { return cast<tiny::YieldOp>(block.getTerminator()); }

// A first value that only the loop reads, made by a launch of the same block, may lie where the loop changes it.
bool PlanBuilder::liesWhereItsFirstLay(Value carried) {
  auto loop = carried.getDefiningOp<tiny::LoopOp>();
  Value first = loop.getCarried()[cast<OpResult>(carried).getResultNumber()];
  Operation *source = first.getDefiningOp();
  return source && isa<tiny::LaunchOp>(source) && isInThisPlan(source) && source->getBlock() == loop->getBlock() &&
         first.hasOneUse() &&
         llvm::none_of(carried.getUsers(), [](Operation *user) { return isa<func::ReturnOp, tiny::YieldOp>(user); });
}

void PlanBuilder::placeWith(Value value, Value other) {
  artefact::Argument place = places.at(other); // a copy: the map may move what it holds to make room
  places[value] = place;
}

artefact::Argument PlanBuilder::placeResult(Value result, Time life) {
  auto place = places.find(result);
  if (place == places.end()) {
    life.last = std::max(life.last, lastUse(result));
    place = places.try_emplace(result, artefact::Argument{addArenaBuffer(result.getType(), life)}).first;
  }
  return place->second;
}

bool PlanBuilder::writesInPlace(tiny::LoopOp loop, unsigned i) {
  Block &body = loop.getBody().front();
  tiny::YieldOp yield = yieldOf(body);
  Value next = yield.getValues()[1 + i];
  auto launch = next.getDefiningOp<tiny::LaunchOp>();
  if (!launch || launch->getBlock() != &body || places.contains(next))
    return false;
  for (Operation *user : body.getArgument(1 + i).getUsers())
    if (times.at(user).last >= times.at(launch).first)
      return false;
  return true;
}

LogicalResult PlanBuilder::placeCarried(tiny::LoopOp loop, Commands &commands) {
  Time time = times.at(loop);
  for (auto [first, result] : llvm::zip_equal(loop.getCarried(), loop.getResults())) {
    if (liesWhereItsFirstLay(result)) {
      placeWith(result, first);
      continue;
    }
    artefact::Argument place = placeResult(result, time);
    auto constant = first.getDefiningOp<tiny::ConstOp>();
    if (std::optional<uint8_t> byte = constant ? repeatedByte(constant) : std::nullopt) {
      artefact::Command fill;
      fill.kind = artefact::CommandKind::Fill;
      fill.arguments = {place};
      fill.size = byteSize(result.getType());
      fill.pattern = *byte;
      if (fill.size != 0)
        commands.push_back(std::move(fill));
      continue;
    }
    addCopy(commands, place, places.at(first), result.getType());
  }
  return success();
}

void PlanBuilder::placeSlices(tiny::LoopOp loop) {
  for (auto scatter : loop.getBody().getOps<tiny::ScatterOp>()) {
    artefact::Argument whole = places.at(scatter.getInput());
    places[scatter.getResult()] = whole;
    Value update = scatter.getUpdates();
    uint64_t bytes = byteSize(update.getType());
    auto launch = update.getDefiningOp<tiny::LaunchOp>();
    if (launch && launch->getBlock() == scatter->getBlock() && update.hasOneUse() && bytes % kTripStride == 0)
      places[update] = {whole.buffer, 0, static_cast<int64_t>(bytes)};
  }
}

void PlanBuilder::addSliceWrite(tiny::ScatterOp scatter, Commands &commands) {
  artefact::Argument from = places.at(scatter.getUpdates()), to = places.at(scatter.getResult());
  to.stride = static_cast<int64_t>(byteSize(scatter.getUpdates().getType()));
  if (from.buffer != to.buffer)
    addCopy(commands, to, from, scatter.getUpdates().getType());
}

// An inner loop would move the number along with its own trips: for it the number is copied.
LogicalResult PlanBuilder::placeTrip(tiny::LoopOp loop, Commands &body) {
  BlockArgument trip = loop.getBody().getArgument(0);
  if (llvm::all_of(trip.getUsers(), llvm::IsaPred<tiny::ScatterOp>))
    return success(); // a slice is written where its place has moved to
  uint64_t trips = loop.getTrips();
  if (trips > kMostNumberedTrips)
    return loop.emitError("expected at most ")
           << kMostNumberedTrips << " trips where the body reads the trip's number, "
           << "found " << trips << ": stage 'simplify' gives such a loop a counter";
  if (!tripNumbers || tripNumbers->second < trips) {
    std::vector<uint8_t> &bytes = constants.emplace_back(trips * kTripStride);
    for (uint64_t i = 0; i < trips; ++i)
      for (unsigned byte = 0; byte < 8; ++byte)
        bytes[i * kTripStride + byte] = i >> 8 * byte & 0xFF;
    int64_t numbers = trips * kTripStride / 8;
    uint32_t weight = artefact.addWeight({"trip numbers", artefact::DType::I64, {numbers}}, bytes);
    plan.buffers.push_back({artefact::BufferKind::Weight, weight, 0, bytes.size()});
    tripNumbers = {plan.buffers.size() - 1, trips};
  }
  artefact::Argument moving{tripNumbers->first, 0, kTripStride};
  bool nested = llvm::any_of(trip.getUsers(), [](Operation *user) { return user->getNumRegions() != 0; });
  bool yielded = llvm::any_of(trip.getUsers(), llvm::IsaPred<tiny::YieldOp>);
  if (!nested && !yielded) {
    places[trip] = moving;
    return success();
  }
  places[trip] = {addArenaBuffer(trip.getType(), times.at(loop))};
  addCopy(body, places[trip], moving, trip.getType());
  return success();
}

// Copies what the body yields to where the next trip finds it, and says where the flag stands that ends the loop.
void PlanBuilder::yieldCarried(tiny::LoopOp loop, artefact::Command &command) {
  Time time = times.at(loop);
  tiny::YieldOp yield = yieldOf(loop.getBody().front());
  // The places of the values, where no copy changes them before they have been read.
  auto stable = [&](Value value, std::optional<unsigned> own) {
    std::optional<unsigned> number = carriedNumber(loop, value);
    artefact::Argument place = places.at(value);
    if (!number || number == own)
      return place;
    artefact::Argument kept{addArenaBuffer(value.getType(), time)};
    addCopy(command.body, kept, place, value.getType());
    return kept;
  };
  Value goesOn = yield.getValues().front();
  if (std::optional<bool> constant = constantTruth(goesOn)) {
    command.bound = *constant ? command.bound : std::min<uint64_t>(command.bound, 1);
  } else {
    command.exitFlag = {stable(goesOn, std::nullopt)};
    command.exitOnZero = true;
  }
  SmallVector<artefact::Argument> from;
  for (unsigned i = 0; i < loop.getNumResults(); ++i)
    from.push_back(stable(yield.getValues()[1 + i], i));
  for (auto [i, result] : llvm::enumerate(loop.getResults())) {
    artefact::Argument to = places.at(result);
    if (from[i].buffer != to.buffer)
      addCopy(command.body, to, from[i], result.getType());
  }
}

LogicalResult PlanBuilder::addLoop(tiny::LoopOp loop, Commands &commands) {
  if (failed(placeCarried(loop, commands)))
    return failure();
  Block &body = loop.getBody().front();
  artefact::Command command;
  command.kind = artefact::CommandKind::Loop;
  command.bound = loop.getTrips();
  for (auto [i, result] : llvm::enumerate(loop.getResults()))
    placeWith(body.getArgument(1 + i), result);
  for (auto [argument, value] :
       llvm::zip_equal(body.getArguments().take_back(loop.getInvariant().size()), loop.getInvariant()))
    placeWith(argument, value);
  for (auto [i, result] : llvm::enumerate(loop.getResults()))
    if (writesInPlace(loop, i))
      placeWith(yieldOf(body).getValues()[1 + i], result);
  placeSlices(loop);
  if (failed(placeTrip(loop, command.body)) || failed(addBlock(body, command.body)))
    return failure();
  yieldCarried(loop, command);
  if (!command.body.empty() && command.bound != 0)
    commands.push_back(std::move(command));
  return success();
}

LogicalResult PlanBuilder::addCond(tiny::CondOp cond, Commands &commands) {
  Time time = times.at(cond);
  SmallVector<artefact::Argument> to;
  for (Value result : cond.getResults())
    to.push_back(placeResult(result, time));
  for (Region *region : {&cond.getOnTrue(), &cond.getOnFalse()}) {
    Block &block = region->front();
    artefact::Command command;
    command.kind = artefact::CommandKind::Loop;
    command.bound = 1;
    command.entryFlag = {places.at(cond.getCondition())};
    command.enterOnZero = region == &cond.getOnFalse();
    for (auto [argument, input] : llvm::zip_equal(block.getArguments(), cond.getInputs()))
      placeWith(argument, input);
    ValueRange yielded = yieldOf(block).getValues();
    for (auto [value, place] : llvm::zip_equal(yielded, to)) {
      auto launch = value.getDefiningOp<tiny::LaunchOp>();
      if (launch && launch->getBlock() == &block)
        places.try_emplace(value, place);
    }
    if (failed(addBlock(block, command.body)))
      return failure();
    for (auto [value, place] : llvm::zip_equal(yielded, to))
      if (places.at(value).buffer != place.buffer)
        addCopy(command.body, place, places.at(value), value.getType());
    if (!command.body.empty())
      commands.push_back(std::move(command));
  }
  return success();
}
