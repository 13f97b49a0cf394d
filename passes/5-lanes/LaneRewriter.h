// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rewrites one GPU kernel from tiles to the code of one lane. A tile becomes a vector of the lane's registers and a
// layout that says which elements they are.
//
// The parts: Lanes.cpp decides layouts and walks the ops; LaneAccess.cpp turns coordinates into addresses and masks;
// LaneTransfers.cpp moves registers to and from buffers; LaneShared.cpp does so for staged tiles and changes layouts;
// LaneReduce.cpp combines within a lane, a warp, a block.

#ifndef TINYC_PASSES_LANES_LANEREWRITER_H
#define TINYC_PASSES_LANES_LANEREWRITER_H

#include "dialects/Layout/LaneOps.h"
#include "dialects/Layout/LinearLayout.h"
#include "dialects/Layout/SharedMemory.h"
#include "dialects/Layout/TensorCoreRows.h"
#include "dialects/Target/Chip.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace tinyc {

/// One lane's part of a tile.
struct LaneTile {
  mlir::Value lanes; ///< vector of the lane's registers
  LinearLayout layout;
};

/// The points of a tile that one lane holds: register r stands at base + constants(r).
struct LanePoint {
  llvm::SmallVector<mlir::Value> base;
  llvm::SmallVector<int64_t> constants;
};

/// One access of one lane to a buffer: some registers, consecutive in memory.
struct ElementAccess {
  llvm::SmallVector<unsigned> registers;
  mlir::AffineExpr linear; ///< address in elements, over the dimensions of `base`
  llvm::SmallVector<mlir::Value> base;
  mlir::Value condition; ///< null where every point is inside
  bool never = false;    ///< no point is inside
};

/// Largest number known to divide an index; 0 stands for "is zero".
int64_t knownDivisor(mlir::Value value);
int64_t knownDivisor(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> dims);

/// The dimension along which neighbours of a tile are neighbours in the buffer, none if there is no such dimension.
std::optional<unsigned> contiguousDim(mlir::AffineExpr linear, unsigned dims);

/// An index that is data, for each of a lane's registers: its value, and whether it is in range.
struct DataIndex {
  llvm::SmallVector<mlir::Value> place, inside;
};

/// The address in elements that a map gives in a row-major buffer; its symbols are further dimensions.
mlir::AffineExpr linearAddress(mlir::MemRefType buffer, mlir::AffineMap map);

/// How many elements (a power of two, at most `most`) can move in one access along `dim`: the address is aligned, and
/// the mask holds for all or none of them. `divisors` are those of the coordinates of a first element.
int64_t accessWidth(mlir::AffineExpr linear, std::optional<mlir::IntegerSet> mask, unsigned dim,
                    llvm::ArrayRef<int64_t> divisors, int64_t most);

/// The same for a tile at `offsets`, whatever its layout: 1 where neighbours are not neighbours in the buffer.
int64_t accessWidth(mlir::MemRefType buffer, mlir::AffineMap map, std::optional<mlir::IntegerSet> mask,
                    mlir::ValueRange offsets, llvm::ArrayRef<int64_t> shape, int64_t most);

/// The index value of an affine expression as integer arithmetic.
mlir::Value expandIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::AffineExpr expr, mlir::ValueRange dims);

/// Bytes that an element takes in memory.
int64_t storageBytes(mlir::Type element);

class LaneRewriter {
public:
  LaneRewriter(mlir::func::FuncOp kernel, const Chip &chip, tiny::ScheduleAttr schedule);
  /// Rewrites the kernel in place. Reports what it cannot do.
  mlir::LogicalResult run();

private:
  // Layouts (Lanes.cpp).
  mlir::LogicalResult findContractions();
  mlir::LogicalResult findMainTile();
  LinearLayout layoutFor(llvm::ArrayRef<int64_t> shape) const;
  LinearLayout blocked(llvm::ArrayRef<int64_t> shape, std::optional<unsigned> fastest, int64_t vector) const;
  /// `natural`, or the layout in which a warp touches neighbouring elements of the buffer where `natural` would touch
  /// less than a sector of 32 bytes at once.
  LinearLayout accessLayout(mlir::MemRefType buffer, mlir::AffineMap map, std::optional<mlir::IntegerSet> mask,
                            mlir::ValueRange offsets, const LinearLayout &natural) const;
  LinearLayout coalescedLayout(mlir::MemRefType buffer, mlir::AffineMap map, std::optional<mlir::IntegerSet> mask,
                               mlir::ValueRange offsets, llvm::ArrayRef<int64_t> shape) const;
  LinearLayout copyLayout(lane::CopyOp op) const;
  LinearLayout loadLayout(tiny::LoadOp op) const;
  LinearLayout readLayout(lane::ReadOp op) const;
  LinearLayout operandLayout(mlir::vector::ContractionOp op, unsigned operand) const;

  // Ops (Lanes.cpp).
  mlir::LogicalResult rewriteBlock(mlir::Block &block);
  mlir::LogicalResult rewrite(mlir::Operation *op);
  mlir::LogicalResult rewriteElementwise(mlir::Operation *op);
  mlir::LogicalResult rewriteConst(tiny::ConstOp op);
  mlir::LogicalResult rewriteIota(tiny::IotaOp op);
  mlir::LogicalResult rewriteView(tiny::ViewOp op);
  mlir::LogicalResult rewriteFor(mlir::scf::ForOp op);
  mlir::LogicalResult rewriteIf(mlir::scf::IfOp op);
  mlir::LogicalResult rewriteContraction(mlir::vector::ContractionOp op);
  mlir::LogicalResult rewriteAlloca(mlir::memref::AllocaOp op);

  // Coordinates and buffers (LaneAccess.cpp).
  mlir::Value constant(int64_t value);
  /// The part of a coordinate that the lane and warp numbers give: an exclusive or of their bits' bases.
  mlir::Value linearOfThread(llvm::ArrayRef<std::pair<unsigned, int64_t>> bases);
  mlir::Value lanePart(const LinearLayout &layout, unsigned dim);
  LanePoint pointOf(const LinearLayout &layout, int64_t reg, mlir::ValueRange offsets);
  /// Null if this lane holds no replica that another lane holds as well.
  mlir::Value firstReplica(const LinearLayout &layout);
  llvm::SmallVector<ElementAccess> accessesOf(mlir::MemRefType buffer, mlir::AffineMap map,
                                              std::optional<mlir::IntegerSet> mask, const LinearLayout &layout,
                                              mlir::ValueRange offsets, int64_t most, int64_t &width,
                                              llvm::ArrayRef<DataIndex> indices = {});
  mlir::Value flat(mlir::Value buffer);

  // Loads, stores, copies (LaneTransfers.cpp).
  llvm::SmallVector<DataIndex> dataIndices(mlir::ValueRange tiles, llvm::ArrayRef<int64_t> limits,
                                           mlir::MemRefType buffer, mlir::AffineMap map, const LinearLayout &layout,
                                           int64_t &most);
  DataIndex dataIndex(mlir::Value tile, int64_t below, const LinearLayout &layout);
  mlir::LogicalResult rewriteLoad(tiny::LoadOp op);
  mlir::LogicalResult rewriteStore(tiny::StoreOp op);
  mlir::LogicalResult rewriteCopy(lane::CopyOp op);

  // Registers.
  llvm::SmallVector<mlir::Value> unpack(mlir::Value lanes);
  mlir::Value pack(llvm::ArrayRef<mlir::Value> elements, mlir::Type element);
  mlir::Value zero(mlir::Type type);

  // Staged tiles and changes of layout (LaneShared.cpp).
  mlir::Value allocateShared(int64_t slots, int64_t elements, mlir::Type element);
  void writeShared(const LaneTile &tile, mlir::Value shared, mlir::Value slot, const LinearLayout &placement);
  /// Reads the registers whose bits in `fixedBits` are those of `fixed`; by default all.
  LaneTile readShared(mlir::Value shared, mlir::Value slot, const LinearLayout &placement, const LinearLayout &layout,
                      mlir::Type element, int64_t fixedBits = 0, int64_t fixed = 0);
  /// Register bits of a fragment's layout that an access of one instruction moves together.
  int64_t joinedBits(const LinearLayout &offsets, mlir::Type element) const;
  mlir::Value readMatrices(mlir::Value shared, mlir::Value slot, const LinearLayout &offsets, const MatrixLoad &load,
                           mlir::Type element, int64_t fixedBits, int64_t fixed);
  LinearLayout stagedPlacement(mlir::memref::AllocaOp op) const;
  LaneTile convert(const LaneTile &tile, const LinearLayout &layout);
  const LaneTile &tileOf(mlir::Value value) { return tiles.find(value)->second; }

  // Combining (LaneReduce.cpp).
  mlir::LogicalResult rewriteReduce(tiny::ReduceOp op);
  mlir::Value combine(tiny::ReduceKind kind, mlir::Value a, mlir::Value b);
  mlir::Value shuffle(mlir::Value value, int64_t laneMask);

  mlir::func::FuncOp kernel;
  const Chip &chip;
  tiny::ScheduleAttr schedule;
  int64_t warps = 1;
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Value thread;
  std::map<std::vector<std::pair<unsigned, int64_t>>, mlir::Value> threadParts;
  mlir::Block *entry = nullptr;
  mlir::IRMapping scalars;
  llvm::DenseMap<mlir::Value, LaneTile> tiles;
  llvm::DenseMap<mlir::Value, LinearLayout> placements; ///< of staged tiles, by the new buffer
  /// A staged tile that only a contraction reads: read there, a slice of k at a time, to hold few registers.
  struct StagedRead {
    mlir::Value shared, slot;
    LinearLayout layout;
    mlir::Type element;
  };
  llvm::DenseMap<mlir::Value, StagedRead> stagedReads;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> copies; ///< a lane's part of each lane.copy
  llvm::SmallVector<int64_t> mainShape;
  std::optional<LinearLayout> mainLayout;

  struct Contraction {
    const TensorCoreRow *row;
    int64_t m, n, k; ///< positions among the iteration dimensions
    ContractionLayouts layouts;
    llvm::SmallVector<int64_t> repeats;
  };
  llvm::MapVector<mlir::Operation *, Contraction> contractions;
  /// Sums of contractions beside the main tile: all tiles of such a shape lie as they do.
  std::vector<std::pair<llvm::SmallVector<int64_t>, LinearLayout>> accumulators;
};

} // namespace tinyc

#endif // TINYC_PASSES_LANES_LANEREWRITER_H
