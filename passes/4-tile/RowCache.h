// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of inputs that several stages of one GPU kernel read: read from global memory once and kept on chip, as much of
// each as there is room for. A row held in one strip stays in registers. Of a longer one the first strips go to shared
// memory and the next ones to registers; the rest is read again.

#ifndef TINYC_PASSES_4_TILE_ROWCACHE_H
#define TINYC_PASSES_4_TILE_ROWCACHE_H

#include "passes/4-tile/Tiling.h"

namespace tinyc {

/// A read of a kernel's input at the points of a stage's domain.
struct RowRead {
  mlir::Value input;
  mlir::AffineMap map;
  mlir::IntegerSet mask;
  mlir::TypedAttr fill;

  bool operator==(const RowRead &other) const {
    return input == other.input && map == other.map && mask == other.mask && fill == other.fill;
  }
};

class RowCache {
public:
  explicit RowCache(const TiledFunction &f) : f(f), shared(f.kernel.getShared()) {}

  /// Notes that a stage over `domain` reads so.
  void note(const RowRead &read, llvm::ArrayRef<int64_t> domain);
  /// Makes room for the rows that are read more than once: `tile` is the tile of the shared dimensions, `usedBytes`
  /// what the kernel's other buffers take of shared memory.
  void allocate(mlir::OpBuilder &b, llvm::ArrayRef<int64_t> tile, int64_t usedBytes);

  /// The strips that are kept: [0, sharedEnd) of a row in shared memory, [sharedEnd, registerEnd) in registers; both
  /// zero for stages over other domains.
  int64_t sharedEnd(llvm::ArrayRef<int64_t> domain) const { return domain == llvm::ArrayRef(rows) ? sharedEnd_ : 0; }
  int64_t registerEnd(llvm::ArrayRef<int64_t> domain) const {
    return domain == llvm::ArrayRef(rows) ? registerEnd_ : 0;
  }

  /// Reads a tile: from global memory, or from where it is kept. `local` is the tile's place in a private buffer;
  /// `inShared` holds for strips before `sharedEnd`.
  mlir::Value load(mlir::OpBuilder &b, mlir::Location loc, const RowRead &read, const TileDomain &domain,
                   const TileDomain &local, bool inShared);
  /// From now on, rows that have been read are in shared memory.
  void endStage();
  /// Another tile of the shared dimensions: nothing of it has been read.
  void beginTile();

private:
  struct Kept {
    RowRead read;
    int64_t times = 0;
    mlir::Value buffer;
    bool written = false, filled = false;
  };
  struct Loaded {
    RowRead read;
    TileDomain domain;
    mlir::Value tile;
  };
  mlir::Value findLoaded(mlir::OpBuilder &b, const RowRead &read, const TileDomain &domain) const;

  const TiledFunction &f;
  unsigned shared;
  llvm::SmallVector<int64_t> rows; ///< the domain whose rows are kept
  llvm::SmallVector<Kept> kept;
  llvm::SmallVector<Loaded> loaded;
  int64_t sharedEnd_ = 0, registerEnd_ = 0;
};

} // namespace tinyc

#endif // TINYC_PASSES_4_TILE_ROWCACHE_H
