// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A linear layout says which element of a tile stands where: a linear map over F2 from the bits of named inputs
// (register, lane, warp) to the bits of tile coordinates. Every bit of every input has a basis, the coordinates it
// contributes; the element at (register, lane, warp) is the exclusive or of the bases of the bits that are set. A bit
// whose basis is zero holds a replica.
//
//   // 64 x 32 elements: 8 along a row to a lane, 4 lanes to a row
//   LinearLayout l({64, 32});
//   l.addInput(kRegister, {{0, 1}, {0, 2}, {0, 4}});
//   l.addInput(kLane, {{0, 8}, {0, 16}, {1, 0}, {2, 0}, {4, 0}});
//   l.apply({{kRegister, 3}, {kLane, 5}});     // {1, 11}
//
// Vector widths, shuffles, swizzles, ldmatrix and bank conflicts are all read off such maps and their compositions.

#ifndef TINYC_DIALECTS_LAYOUT_LINEARLAYOUT_H
#define TINYC_DIALECTS_LAYOUT_LINEARLAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace tinyc {

constexpr llvm::StringLiteral kRegister = "register";
constexpr llvm::StringLiteral kLane = "lane";
constexpr llvm::StringLiteral kWarp = "warp";

class LinearLayout {
public:
  using Point = llvm::SmallVector<int64_t, 3>;
  struct Input {
    std::string name;
    llvm::SmallVector<Point, 6> bases; ///< of bit 0, 1, ...
  };

  /// A layout of a tile of this shape (powers of two) with no inputs yet.
  explicit LinearLayout(llvm::ArrayRef<int64_t> shape);

  /// Appends bits to the input `name`, which is made if there is none.
  void addInput(llvm::StringRef name, llvm::ArrayRef<Point> bases);

  llvm::ArrayRef<int64_t> shape() const { return shape_; }
  llvm::ArrayRef<Input> inputs() const { return inputs_; }
  /// Number of bits of the input; 0 if it is absent.
  unsigned bits(llvm::StringRef name) const;
  int64_t size(llvm::StringRef name) const { return int64_t(1) << bits(name); }
  int64_t elements() const;
  /// The coordinates that bit `bit` of `name` contributes.
  const Point &basis(llvm::StringRef name, unsigned bit) const;
  /// The same as one number, the row-major position in the tile.
  int64_t flatBasis(llvm::StringRef name, unsigned bit) const { return flatten(basis(name, bit)); }

  /// Coordinates of the element at these input values; inputs that are not named are 0.
  Point apply(llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> at) const;
  int64_t applyFlat(llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> at) const { return flatten(apply(at)); }

  int64_t flatten(llvm::ArrayRef<int64_t> point) const;
  Point unflatten(int64_t flat) const;

  /// No element stands twice; every element stands somewhere; both.
  bool isInjective() const;
  bool isSurjective() const;
  bool isBijective() const { return isInjective() && isSurjective(); }
  /// Bits of `name` that only make replicas, as a mask: their basis is zero.
  int64_t replicaMask(llvm::StringRef name) const;

  /// The tile of tiles: this layout inside, `outer` (of the same rank) choosing which copy of it.
  LinearLayout operator*(const LinearLayout &outer) const;
  /// What is left of this layout when its lowest bits are `tile`; none if they are not.
  std::optional<LinearLayout> divideLeft(const LinearLayout &tile) const;
  /// First this, then `next`, whose inputs are this layout's coordinates, called dim0, dim1, ...
  LinearLayout compose(const LinearLayout &next) const;
  /// The inverse of a bijective layout: inputs dim0, dim1, ...; coordinates are this layout's inputs in order.
  LinearLayout invert() const;
  /// Keeps only the given dimensions, in that order; the bits of the others become replicas.
  LinearLayout select(llvm::ArrayRef<int64_t> dims) const;
  /// The same without the bits of `name` given by `mask`.
  LinearLayout dropBits(llvm::StringRef name, int64_t mask) const;

  /// The tile itself: inputs dim0, dim1, ..., each bit to its own coordinate.
  static LinearLayout identity(llvm::ArrayRef<int64_t> shape);
  /// `name`'s bits laid along one dimension of a tile of the given rank.
  static LinearLayout along(llvm::StringRef name, unsigned rank, unsigned dim, int64_t size);

  /// register: [0,1] [0,2] lane: [1,0] -> 2x4
  std::string str() const;
  bool operator==(const LinearLayout &other) const;

private:
  unsigned rank() const;
  llvm::SmallVector<int64_t, 3> shape_;
  llvm::SmallVector<Input, 3> inputs_;
};

/// The name of dimension `dim` as an input.
std::string dimName(unsigned dim);

/// The basic layout of a tile in memory order: `vector` elements along the fastest dimension to a lane, then lanes,
/// then warps, then more registers, filling dimensions in `order` (fastest first). What the tile is too small for
/// becomes replicas. `warpsAlong` says how many warps stand along each dimension; without it they follow the lanes.
LinearLayout blockedLayout(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> order, int64_t vector, int64_t lanes,
                           int64_t warps, llvm::ArrayRef<int64_t> warpsAlong = {});

/// `layout` with neighbours along `dim` in one lane: the register bits after the first `vector` ones take the smallest
/// steps along `dim`, and lanes and warps the next ones. Every position is still held by the same number of lanes.
LinearLayout gatherAlong(const LinearLayout &layout, unsigned vector, unsigned dim);

} // namespace tinyc

#endif // TINYC_DIALECTS_LAYOUT_LINEARLAYOUT_H
