// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A fused loop of the reference: a list of instructions that is run over all points of a domain, a row of points at a
// time. Views are not copied but followed: each opens a frame, the coordinates in its input of the points of the
// domain. So a matmul written as view-mul-reduce never holds its products.
//
//   Program program({rows, columns});
//   unsigned x = program.load(tensor, program.root());
//   unsigned y = program.apply(square, {x, x});
//   program.run(0, program.points(),
//               [&](int64_t first, size_t count, ArrayRef<const Lane *> registers) { use(registers[y]); });

#ifndef TINYC_LIB_REFERENCE_PROGRAM_H
#define TINYC_LIB_REFERENCE_PROGRAM_H

#include "dialects/Tiny/Elementwise.h"
#include "lib/Reference/Coordinates.h"
#include "lib/Reference/DenseTensor.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <string>

namespace tinyc {

class Program {
public:
  explicit Program(llvm::ArrayRef<int64_t> domain);

  /// The frame of the domain's own coordinates.
  unsigned root() const { return 0; }
  /// The frame that a view opens: coordinates `map(p)`, valid where `mask(p)` holds and the parent is valid. A null
  /// mask always holds. Map and mask take the parent's coordinates.
  unsigned frame(unsigned parent, mlir::AffineMap map, mlir::IntegerSet mask = {});

  /// Instructions; each gives the number of the register that it fills.
  unsigned splat(tiny::Lane value);
  unsigned iota(mlir::AffineMap map, tiny::Element element, unsigned frame);
  unsigned load(TensorRef tensor, unsigned frame);
  /// `value` where `frame` is valid, else `fill`.
  unsigned select(unsigned frame, unsigned value, tiny::Lane fill);
  /// The tensor at `map` of the frame's coordinates and of the indices, which are the map's symbols, where each index
  /// is at least 0 and below its limit, and `mask` holds; else `fill`.
  unsigned lookup(TensorRef tensor, unsigned frame, mlir::AffineMap map, mlir::IntegerSet mask,
                  llvm::ArrayRef<unsigned> indices, llvm::ArrayRef<int64_t> below, tiny::Lane fill);
  unsigned apply(tiny::Elementwise function, llvm::ArrayRef<unsigned> operands);

  /// How many points the domain has.
  int64_t points() const { return coordinates.points(); }
  /// A measure of the work at each point.
  size_t size() const { return instructions.size(); }

  /// Runs over the points from `begin` to before `end`, in row-major order; several threads may run at a time. `use`
  /// gets the number of the first point, how many points follow, and all registers. Returns an empty string, or what
  /// went wrong: a map that is not affine, a read outside a tensor.
  std::string
  run(int64_t begin, int64_t end,
      llvm::function_ref<void(int64_t first, size_t count, llvm::ArrayRef<const tiny::Lane *> registers)> use) const;

private:
  struct Constraint {
    unsigned column;
    bool equal; ///< it is 0; else at least 0
  };
  struct Frame {
    unsigned parent = 0;
    llvm::SmallVector<unsigned> coordinates = {};
    llvm::SmallVector<Constraint, 0> mask = {};
  };
  struct Instruction {
    enum Kind : uint8_t { Splat, Iota, Load, Select, Lookup, Apply } kind;
    unsigned frame = 0;
    tiny::Lane value = {};
    TensorRef tensor = {};
    tiny::Elementwise function = {};
    llvm::SmallVector<unsigned, 3> operands = {};
    /// Of an iota its value; of a load the coordinates in the tensor, and last the place of the element in it.
    llvm::SmallVector<unsigned, 5> columns = {};
    // Of a lookup: the columns of the indices, the limits of these, the last column that follows from them.
    llvm::SmallVector<unsigned, 1> indices = {};
    llvm::SmallVector<int64_t, 1> below = {};
    unsigned lastColumn = 0;
  };
  struct State; ///< of a thread that runs

  unsigned add(Instruction instruction);
  unsigned column(mlir::AffineExpr expr, unsigned frame);
  void place(Instruction &instruction);
  void validate(State &state) const;
  void execute(State &state, unsigned index) const;
  void lookUp(State &state, const Instruction &instruction, tiny::Lane *out) const;
  void read(State &state, const Instruction &instruction, const uint8_t *valid, tiny::Lane *out) const;

  Coordinates coordinates;
  std::vector<Frame> frames;
  std::vector<Instruction> instructions;
  std::string error;
};

} // namespace tinyc

#endif // TINYC_LIB_REFERENCE_PROGRAM_H
