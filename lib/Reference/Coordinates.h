// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The points of a domain in row-major order, cut into rows, and affine expressions of their coordinates.
//
// A row is all that one piece of a dimension and the dimensions after it span. In it, most expressions are what the
// dimensions before add, one number, plus what the point's place in the row adds, which is the same in all rows: a
// table. Only a quotient or remainder of both is computed at each point.

#ifndef TINYC_LIB_REFERENCE_COORDINATES_H
#define TINYC_LIB_REFERENCE_COORDINATES_H

#include "mlir/IR/AffineExpr.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>
#include <vector>

namespace tinyc {

class Coordinates {
public:
  /// Points in a row at most: the registers of a usual program fit the second-level cache.
  static constexpr int64_t kLongestRow = 1024;

  explicit Coordinates(llvm::ArrayRef<int64_t> domain);

  /// The number of points.
  int64_t points() const { return total; }

  /// A column is an expression, by number. The first ones are the domain's dimensions.
  unsigned rank() const { return domain.size(); }
  unsigned columns() const { return all.size(); }
  /// The expression whose dimensions are the columns given; nullopt if it is more than dimensions, constants, sums,
  /// multiples, and quotients and remainders by positive constants.
  std::optional<unsigned> add(mlir::AffineExpr expr, llvm::ArrayRef<unsigned> dimensions);
  /// constant + the sum of factor * column.
  unsigned sum(llvm::ArrayRef<std::pair<unsigned, int64_t>> terms, int64_t constant = 0);
  /// A column that whoever runs fills in at each row, before what depends on it is computed.
  unsigned data();

  /// At point k of a row, a column is base + steps[k], and from least to most.
  struct Value {
    int64_t base, least, most;
    const int64_t *steps;
  };
  /// A row at hand, or the part of one that is asked for: of one thread.
  struct Row {
    int64_t first = 0; ///< the number of its first point
    size_t count = 0;
    size_t offset = 0;         ///< of its first point in the row that it is a part of
    std::vector<Value> values; ///< of each column
    std::vector<std::vector<int64_t>> storage;
  };
  /// Goes to the row that starts at point `first`, up to its end or to point `end`. All columns that do not depend on
  /// data are computed.
  void enter(Row &row, int64_t first, int64_t end) const;
  /// Gives a data column its values, one for each point.
  void fill(Row &row, unsigned column, const int64_t *values) const;
  /// Computes the columns from `begin` to before `end`, once the data they depend on is there.
  void follow(Row &row, unsigned begin, unsigned end) const;

private:
  struct Column {
    enum Kind : uint8_t { Dimension, Sum, Quotient, Data } kind;
    mlir::AffineExprKind quotient = mlir::AffineExprKind::FloorDiv; ///< or a remainder
    llvm::SmallVector<std::pair<unsigned, int64_t>, 4> terms = {};  ///< of a quotient: what is divided
    int64_t constant = 0;                                           ///< of a quotient: the divisor
    bool outer = false;                                             ///< the base differs from row to row
    bool inner = false;                                             ///< the steps are not all zero
    bool anew = false;                                              ///< the steps are computed at each row
    bool onData = false;                                            ///< computed by `follow` only
    int64_t base = 0;                                               ///< where it is the same in all rows
    std::vector<int64_t> steps = {};                                ///< where they are the same in all rows
    int64_t least = 0, most = 0;                                    ///< of the steps
  };

  unsigned divide(mlir::AffineExprKind kind, unsigned column, int64_t divisor);
  unsigned push(Column column);
  void compute(Row &row, unsigned column) const;

  std::vector<int64_t> domain;
  int64_t total = 1;
  unsigned split = 0; ///< a row is `piece` of this dimension, and all of those after it
  int64_t piece = 1, after = 1, length = 1;
  std::vector<int64_t> zeros;
  std::vector<Column> all;
};

} // namespace tinyc

#endif // TINYC_LIB_REFERENCE_COORDINATES_H
