// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The emitter of one unit of work: what its two files share. Emitter.cpp computes, Transfers.cpp moves.

#ifndef NPU_EMISSION_H
#define NPU_EMISSION_H

#include "Emitter.h"

#include "dialects/Tiny/Elementwise.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <map>
#include <memory>

namespace emission {

using namespace mlir;
namespace tiny = tinyc::tiny;

/// The free ranges of the scratchpad, first fit.
class Scratch {
public:
  Scratch() { free[0] = npu::kScratchBytes; }

  std::optional<uint32_t> take(uint32_t size) {
    for (auto [address, room] : free)
      if (room >= size) {
        free.erase(address);
        if (room > size)
          free[address + size] = room - size;
        return address;
      }
    return std::nullopt;
  }
  void giveBack(uint32_t address, uint32_t size) {
    auto after = free.emplace(address, size).first;
    if (auto next = std::next(after); next != free.end() && address + size == next->first) {
      after->second += next->second;
      free.erase(next);
    }
    if (after != free.begin())
      if (auto before = std::prev(after); before->first + before->second == address) {
        before->second += after->second;
        free.erase(after);
      }
  }

private:
  std::map<uint32_t, uint32_t> free;
};

/// A tile's place, given back when nothing holds it any more.
struct Tile {
  Scratch &scratch;
  uint32_t address, bytes;
  int arriving = -1; ///< the channel that brings it

  Tile(Scratch &scratch, uint32_t address, uint32_t bytes) : scratch(scratch), address(address), bytes(bytes) {}
  ~Tile() { scratch.giveBack(address, bytes); }
};
using TileRef = std::shared_ptr<Tile>;

class Emitter {
public:
  Emitter(func::FuncOp function, npu::Module &module) : function(function), module(module) {}

  LogicalResult run(int64_t unit);
  std::vector<npu::Command> commands;

private:
  LogicalResult emitBlock(Block &block);
  LogicalResult emit(Operation *op);
  LogicalResult emitFor(scf::ForOp loop);
  LogicalResult emitLoad(tiny::LoadOp load);
  LogicalResult emitStore(tiny::StoreOp store);
  LogicalResult emitView(tiny::ViewOp view);
  LogicalResult emitContract(vector::ContractionOp contract);
  LogicalResult emitReduce(tiny::ReduceOp reduce);
  LogicalResult emitConstant(Value result, ArrayRef<uint8_t> bytes);
  LogicalResult emitElementwise(Operation *op, tiny::Elementwise what);

  npu::Command &add(npu::Op op) {
    commands.push_back({});
    commands.back().op = op;
    return commands.back();
  }
  std::optional<npu::Type> typeOf(Operation *op, Type type);
  TileRef allocate(Operation *op, Type type);
  TileRef tile(Value value);
  void wait(unsigned channel);
  unsigned nextChannel();
  int64_t number(Value value) { return numbers.lookup(value); }

  func::FuncOp function;
  npu::Module &module;
  Scratch scratch;
  llvm::DenseMap<Value, int64_t> numbers; ///< values of type index and i1
  llvm::DenseMap<Value, TileRef> tiles;   ///< vectors, and buffers in the scratchpad
  std::vector<TileRef> held[npu::kChannels];
  bool busy[npu::kChannels] = {};
  unsigned channel = 0;
};

/// The value of an expression of known dimensions.
int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> dims);

/// Calls `visit(point, i)` for each point of a shape at `offsets`, in row-major order.
void forEachPoint(ArrayRef<int64_t> shape, ArrayRef<int64_t> offsets,
                  function_ref<void(ArrayRef<int64_t>, int64_t)> visit);

} // namespace emission

#endif // NPU_EMISSION_H
