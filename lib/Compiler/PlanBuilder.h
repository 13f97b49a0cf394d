// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the launches, loops and choices of an entry function to a plan: each value becomes a buffer, each launch a
// command; the arena holds what is neither input, output nor weight.
//
//   PlanBuilder builder(artefact, target, weights, constants);
//   if (failed(builder.build(main, code))) ...   // target.plans has one more

#ifndef TINYC_LIB_COMPILER_PLANBUILDER_H
#define TINYC_LIB_COMPILER_PLANBUILDER_H

#include "dialects/Tiny/TinyOps.h"
#include "lib/Artefact/ArtefactBuilder.h"
#include "lib/Compiler/ArenaPlanner.h"
#include "lib/Targets/Backend.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include <deque>
#include <optional>

namespace tinyc {

class WeightStore;

class PlanBuilder {
public:
  /// `constants` keeps the bytes that the artefact refers to.
  PlanBuilder(artefact::Artefact &artefact, artefact::Target &target, const WeightStore &weights,
              std::deque<std::vector<uint8_t>> &constants)
      : artefact(artefact), target(target), weights(weights), constants(constants) {}

  /// Adds the plan of `main` and, where some launches run at load, that of `init`.
  mlir::LogicalResult build(mlir::func::FuncOp main, const TargetCode &code);

private:
  /// The launches that run at load, whose results become derived tensors where others read them.
  mlir::LogicalResult buildInit(mlir::Block &block);
  mlir::LogicalResult buildMain(mlir::func::FuncOp main);
  void finishPlan();
  bool isInThisPlan(mlir::Operation *op) const;
  using Commands = std::vector<artefact::Command>;

  /// The positions of an op in the order of all commands: a loop lasts from its first to its last.
  struct Time {
    unsigned first, last;
  };

  void number(mlir::Block &block, unsigned &now);
  /// The last position at which `value` is needed: a loop keeps what it uses until its last iteration is over, and a
  /// carried value that lies where its first one lay is needed as long as the loop's result is.
  unsigned lastUse(mlir::Value value);

  mlir::LogicalResult addBlock(mlir::Block &block, Commands &commands);
  uint32_t addBuffer(artefact::BufferKind kind, uint32_t index, mlir::Type type);
  uint32_t addArenaBuffer(mlir::Type type, Time life);
  uint32_t addDerived(tiny::LaunchOp launch, unsigned result);
  mlir::LogicalResult addWeight(tiny::ParamOp param);
  mlir::LogicalResult addConstant(tiny::ConstOp constant);
  mlir::LogicalResult addLaunch(tiny::LaunchOp launch, Commands &commands);
  /// Places a result that the launch computes in place.
  mlir::LogicalResult takeOver(tiny::LaunchOp launch, unsigned input, mlir::OpResult output);
  void addCopy(Commands &commands, artefact::Argument to, artefact::Argument from, mlir::Type type);

  // Bounded control (PlanControl.cpp).
  mlir::LogicalResult addLoop(tiny::LoopOp loop, Commands &commands);
  mlir::LogicalResult addCond(tiny::CondOp cond, Commands &commands);
  mlir::LogicalResult placeCarried(tiny::LoopOp loop, Commands &commands);
  /// Where the slices lie that a trip writes, and the copy that moves one there unless its launch has written it there.
  void placeSlices(tiny::LoopOp loop);
  void addSliceWrite(tiny::ScatterOp scatter, Commands &commands);
  mlir::LogicalResult placeTrip(tiny::LoopOp loop, Commands &body);
  void yieldCarried(tiny::LoopOp loop, artefact::Command &command);
  /// Places a value where another one lies.
  void placeWith(mlir::Value value, mlir::Value other);
  /// Where the result of a loop or choice lies: where its own reader wants it, or in the arena over `life`.
  artefact::Argument placeResult(mlir::Value result, Time life);
  /// Whether a launch of the loop's body may write carried value `i` in place: all that reads it comes before.
  bool writesInPlace(tiny::LoopOp loop, unsigned i);
  bool liesWhereItsFirstLay(mlir::Value carried);

  artefact::Artefact &artefact;
  artefact::Target &target;
  const WeightStore &weights;
  std::deque<std::vector<uint8_t>> &constants;
  artefact::Plan plan;
  bool isInit = false; ///< whether `plan` is that of init
  llvm::DenseMap<mlir::Value, artefact::Argument> places;
  llvm::DenseMap<mlir::Value, uint32_t> weightNumbers; ///< of weights and constants, the same in both plans
  llvm::DenseMap<mlir::Value, uint32_t> derived;       ///< results of init that the other plan reads
  llvm::DenseMap<mlir::Operation *, Time> times;
  llvm::StringMap<const KernelFacts *> kernels;
  llvm::SmallVector<ArenaTensor> arena;
  llvm::SmallVector<uint32_t> arenaBuffers;                 ///< index in plan.buffers of each of `arena`
  std::optional<std::pair<uint32_t, uint64_t>> tripNumbers; ///< the buffer that holds 0, 1, .., and how many
};

/// Bytes of a tensor.
uint64_t byteSize(mlir::Type type);

/// The byte that all bytes of a constant are; nothing if they differ.
std::optional<uint8_t> repeatedByte(tiny::ConstOp constant);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_PLANBUILDER_H
