// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of lower-tiles while it rewrites one function: each tile value as its registers, each buffer as a pointer.

#ifndef TINYC_PASSES_6_LOWER_TILELOWERING_H
#define TINYC_PASSES_6_LOWER_TILELOWERING_H

#include "dialects/Tiny/TinyOps.h"
#include "passes/6-lower/LaneAddress.h"
#include "passes/6-lower/MatrixUnit.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

namespace tinyc {

class TileLowering {
public:
  TileLowering(mlir::func::FuncOp source) : source(source), b(source.getContext()) {}

  /// Fills a new function beside `source` that takes pointers, the unit's number and scratch memory.
  mlir::FailureOr<mlir::func::FuncOp> run();

private:
  using Registers = llvm::SmallVector<mlir::Value>;

  mlir::LogicalResult lowerBlock(mlir::Block &block);
  mlir::LogicalResult lower(mlir::Operation &op);
  mlir::LogicalResult lowerFor(mlir::scf::ForOp loop);
  mlir::LogicalResult lowerIf(mlir::scf::IfOp branch);
  void lowerAlloca(mlir::memref::AllocaOp alloca);
  void lowerElementwise(mlir::Operation &op);
  mlir::LogicalResult lowerConst(tiny::ConstOp constant);
  void lowerIota(tiny::IotaOp iota);
  void lowerView(tiny::ViewOp view);
  std::optional<Registers> viewOfGroups(tiny::ViewOp view);
  void lowerReduce(tiny::ReduceOp reduce);
  mlir::LogicalResult lowerContract(mlir::vector::ContractionOp contract);
  void markFragments();
  bool isFragments(mlir::Value tile) { return fragments.contains(tile); }
  bool isFragmentOperand(mlir::Operation *op);
  size_t countRegisters(mlir::Value tile);
  mlir::Value fragmentPointer(mlir::Location loc, mlir::Value buffer, mlir::ValueRange offsets, mlir::AffineMap map,
                              llvm::ArrayRef<int64_t> coordinates);
  void lowerFragmentsLoad(tiny::LoadOp load);
  void lowerFragmentsStore(tiny::StoreOp store);
  mlir::LogicalResult lowerFragmentsContract(mlir::vector::ContractionOp contract);
  void lowerLoad(tiny::LoadOp load);
  void lowerStore(tiny::StoreOp store);

  /// What memory holds of `element`: bytes for i1, signless integers.
  mlir::Type memoryElement(mlir::Type element);
  mlir::Value fromMemory(mlir::Location loc, mlir::Value value, mlir::Type element);
  mlir::Value toMemory(mlir::Location loc, mlir::Value value);
  mlir::Value pointer(mlir::Location loc, mlir::Value buffer, mlir::Type element, mlir::Value index);
  mlir::Value splatOf(mlir::Location loc, mlir::VectorType type, mlir::TypedAttr value);
  mlir::Value loadRegister(tiny::LoadOp load, const RegisterShape &shape, llvm::ArrayRef<int64_t> coordinates);
  mlir::Value loadScalar(tiny::LoadOp load, llvm::ArrayRef<int64_t> coordinates);
  void addIndices(LanePoints &points, LanePoints::Mask &mask, mlir::ValueRange indices, llvm::ArrayRef<int64_t> limits,
                  const RegisterShape &shape, int64_t number);
  void storeRegister(tiny::StoreOp store, const RegisterShape &shape, int64_t index);
  mlir::Value combineTree(mlir::Location loc, tiny::ReduceKind kind, Registers values);
  mlir::Value combineLanes(mlir::Location loc, tiny::ReduceKind kind, mlir::Value value);

  Registers registersOf(mlir::Value tile) { return registers.lookup(tile); }
  llvm::SmallVector<mlir::Value> scalarsOf(mlir::ValueRange values);

  mlir::func::FuncOp source;
  mlir::OpBuilder b;
  mlir::IRMapping scalars;                          ///< index values and pointers
  llvm::DenseMap<mlir::Value, Registers> registers; ///< tiles
  std::optional<MatrixUnit> unit;                   ///< that the schedule names
  llvm::DenseSet<mlir::Value> fragments;            ///< tiles that are held as its sums
  mlir::Value scratch;
  int64_t scratchBytes = 0;
  unsigned indexWidth = 32; ///< bits of lanes' positions and coordinates
  bool masksNarrow = false; ///< the chip's masked loads take elements of one and two bytes
};

/// A register of `tile`.
mlir::VectorType registerType(mlir::VectorType tile);

} // namespace tinyc

#endif // TINYC_PASSES_6_LOWER_TILELOWERING_H
