// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A fused loop of the reference: a list of instructions that is run over all points of a domain, some hundred points
// at a time. Views are not copied but followed: each opens a frame, the coordinates in its input of the points of the
// domain. So a matmul written as view-mul-reduce never holds its products.
//
//   Program program({rows, columns});
//   unsigned x = program.load(tensor, program.root());
//   unsigned y = program.apply(square, {x, x});
//   program.run([&](int64_t first, size_t count, ArrayRef<const Lane *> registers) { use(registers[y]); });

#ifndef TINYC_LIB_REFERENCE_PROGRAM_H
#define TINYC_LIB_REFERENCE_PROGRAM_H

#include "dialects/Tiny/Elementwise.h"
#include "lib/Reference/HostTensor.h"

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

  /// Runs over the domain in row-major order. `use` gets the number of the first point, how many points follow, and
  /// all registers. Returns an empty string, or what went wrong: a map that is not affine, a read outside a tensor.
  std::string
  run(llvm::function_ref<void(int64_t first, size_t count, llvm::ArrayRef<const tiny::Lane *> registers)> use);

private:
  struct Frame {
    unsigned parent;
    mlir::AffineMap map;
    mlir::IntegerSet mask;
    // Of the points at hand: a column of coordinates a dimension; validity (none: all are valid).
    std::vector<const int64_t *> coordinates;
    const uint8_t *valid = nullptr;
    std::vector<std::vector<int64_t>> storage;
    std::vector<uint8_t> validStorage;
    bool deferred = false; ///< followed by the lookup that it belongs to, once the indices are known
  };
  struct Instruction {
    enum Kind : uint8_t { Splat, Iota, Load, Select, Lookup, Apply } kind;
    unsigned frame = 0;
    tiny::Lane value = {};
    mlir::AffineMap map = {};
    TensorRef tensor = {};
    tiny::Elementwise function = {};
    llvm::SmallVector<unsigned, 3> operands = {};
    llvm::SmallVector<int64_t, 1> below = {};
  };

  unsigned add(Instruction instruction);
  void enumerate(int64_t first, size_t count);
  void follow(Frame &frame, size_t count);
  void execute(unsigned index, size_t count);
  void lookUp(const Instruction &instruction, size_t count, tiny::Lane *out);
  void read(const Instruction &instruction, size_t count, tiny::Lane *out);
  void evaluate(mlir::AffineExpr expr, const Frame &frame, size_t count, int64_t *out);
  std::string outside(const HostTensor &tensor, size_t dim, int64_t coordinate) const;

  std::vector<int64_t> domain;
  std::vector<Frame> frames;
  std::vector<Instruction> instructions;
  std::vector<std::vector<tiny::Lane>> registers;
  std::string error;
};

} // namespace tinyc

#endif // TINYC_LIB_REFERENCE_PROGRAM_H
