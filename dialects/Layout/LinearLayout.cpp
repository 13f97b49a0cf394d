// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear layouts: matrices over F2, kept as one column (basis) for each input bit.

#include "dialects/Layout/LinearLayout.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cassert>

using namespace tinyc;
using llvm::ArrayRef;
using llvm::StringRef;

std::string tinyc::dimName(unsigned dim) { return "dim" + std::to_string(dim); }

LinearLayout::LinearLayout(ArrayRef<int64_t> shape) : shape_(shape) {
  for ([[maybe_unused]] int64_t size : shape)
    assert(llvm::isPowerOf2_64(size) && "expected sizes that are powers of two");
}

void LinearLayout::addInput(StringRef name, ArrayRef<Point> bases) {
  for (Input &input : inputs_)
    if (input.name == name)
      return input.bases.append(bases.begin(), bases.end());
  inputs_.push_back({name.str(), {bases.begin(), bases.end()}});
}

unsigned LinearLayout::bits(StringRef name) const {
  for (const Input &input : inputs_)
    if (input.name == name)
      return input.bases.size();
  return 0;
}

int64_t LinearLayout::elements() const {
  int64_t count = 1;
  for (int64_t size : shape_)
    count *= size;
  return count;
}

const LinearLayout::Point &LinearLayout::basis(StringRef name, unsigned bit) const {
  for (const Input &input : inputs_)
    if (input.name == name)
      return input.bases[bit];
  llvm_unreachable("no such input");
}

LinearLayout::Point LinearLayout::apply(ArrayRef<std::pair<StringRef, int64_t>> at) const {
  Point result(shape_.size(), 0);
  for (auto [name, value] : at)
    for (unsigned bit = 0, e = bits(name); bit < e; ++bit)
      if (value >> bit & 1)
        for (unsigned d = 0; d < shape_.size(); ++d)
          result[d] ^= basis(name, bit)[d];
  return result;
}

int64_t LinearLayout::flatten(ArrayRef<int64_t> point) const {
  int64_t flat = 0;
  for (unsigned d = 0; d < shape_.size(); ++d)
    flat = flat * shape_[d] + point[d];
  return flat;
}

LinearLayout::Point LinearLayout::unflatten(int64_t flat) const {
  Point point(shape_.size(), 0);
  for (unsigned d = shape_.size(); d-- > 0; flat /= shape_[d])
    point[d] = flat % shape_[d];
  return point;
}

// Gaussian elimination over F2; shapes are powers of two, so the row-major position of a point is the concatenation
// of its coordinates' bits.
unsigned LinearLayout::rank() const {
  llvm::SmallVector<uint64_t> pivots;
  for (const Input &input : inputs_)
    for (const Point &basis : input.bases) {
      uint64_t column = flatten(basis);
      for (uint64_t pivot : pivots)
        column = std::min(column, column ^ pivot);
      if (column)
        pivots.push_back(column);
    }
  return pivots.size();
}

bool LinearLayout::isInjective() const {
  unsigned total = 0;
  for (const Input &input : inputs_)
    total += input.bases.size();
  return rank() == total;
}

bool LinearLayout::isSurjective() const { return rank() == llvm::Log2_64(elements()); }

int64_t LinearLayout::replicaMask(StringRef name) const {
  int64_t mask = 0;
  for (unsigned bit = 0, e = bits(name); bit < e; ++bit)
    if (flatBasis(name, bit) == 0)
      mask |= int64_t(1) << bit;
  return mask;
}

LinearLayout LinearLayout::operator*(const LinearLayout &outer) const {
  assert(shape_.size() == outer.shape_.size() && "expected layouts of one rank");
  llvm::SmallVector<int64_t> shape;
  for (auto [a, b] : llvm::zip_equal(shape_, outer.shape_))
    shape.push_back(a * b);
  LinearLayout result(shape);
  for (const Input &input : inputs_)
    result.addInput(input.name, input.bases);
  for (const Input &input : outer.inputs_) {
    llvm::SmallVector<Point> bases;
    for (Point basis : input.bases) {
      for (unsigned d = 0; d < basis.size(); ++d)
        basis[d] *= shape_[d];
      bases.push_back(basis);
    }
    result.addInput(input.name, bases);
  }
  return result;
}

std::optional<LinearLayout> LinearLayout::divideLeft(const LinearLayout &tile) const {
  if (tile.shape_.size() != shape_.size())
    return std::nullopt;
  llvm::SmallVector<int64_t> shape;
  for (auto [a, b] : llvm::zip_equal(shape_, tile.shape_)) {
    if (a % b)
      return std::nullopt;
    shape.push_back(a / b);
  }
  for (const Input &input : tile.inputs_) {
    if (bits(input.name) < input.bases.size())
      return std::nullopt;
    for (unsigned bit = 0; bit < input.bases.size(); ++bit)
      if (basis(input.name, bit) != input.bases[bit])
        return std::nullopt;
  }
  LinearLayout rest(shape);
  for (const Input &input : inputs_) {
    llvm::SmallVector<Point> bases;
    for (unsigned bit = tile.bits(input.name); bit < input.bases.size(); ++bit) {
      Point basis = input.bases[bit];
      for (unsigned d = 0; d < basis.size(); ++d) {
        if (basis[d] % tile.shape_[d])
          return std::nullopt;
        basis[d] /= tile.shape_[d];
      }
      bases.push_back(basis);
    }
    rest.addInput(input.name, bases);
  }
  return rest;
}

LinearLayout LinearLayout::compose(const LinearLayout &next) const {
  LinearLayout result(next.shape_);
  for (const Input &input : inputs_) {
    llvm::SmallVector<Point> bases;
    for (const Point &basis : input.bases) {
      llvm::SmallVector<std::string> names;
      for (unsigned d = 0; d < basis.size(); ++d)
        names.push_back(dimName(d));
      llvm::SmallVector<std::pair<StringRef, int64_t>> at;
      for (unsigned d = 0; d < basis.size(); ++d)
        at.push_back({names[d], basis[d]});
      bases.push_back(next.apply(at));
    }
    result.addInput(input.name, bases);
  }
  return result;
}

LinearLayout LinearLayout::invert() const {
  assert(isBijective() && "expected a bijective layout");
  llvm::SmallVector<int64_t> shape;
  for (const Input &input : inputs_)
    shape.push_back(int64_t(1) << input.bases.size());
  LinearLayout result(shape);
  // Rows [column | which input bit]; eliminate until each column is one bit.
  llvm::SmallVector<std::pair<uint64_t, uint64_t>> rows;
  for (auto [i, input] : llvm::enumerate(inputs_))
    for (unsigned bit = 0; bit < input.bases.size(); ++bit) {
      Point where(shape.size(), 0);
      where[i] = int64_t(1) << bit;
      rows.push_back({flatten(input.bases[bit]), result.flatten(where)});
    }
  for (unsigned bit = 0; bit < rows.size(); ++bit) {
    unsigned pivot = bit;
    while (!(rows[pivot].first >> bit & 1))
      ++pivot;
    std::swap(rows[bit], rows[pivot]);
    for (unsigned i = 0; i < rows.size(); ++i)
      if (i != bit && rows[i].first >> bit & 1) {
        rows[i].first ^= rows[bit].first;
        rows[i].second ^= rows[bit].second;
      }
  }
  for (unsigned d = 0, low = llvm::Log2_64(elements()); d < shape_.size(); ++d) {
    unsigned count = llvm::Log2_64(shape_[d]);
    low -= count;
    llvm::SmallVector<Point> bases;
    for (unsigned bit = 0; bit < count; ++bit)
      bases.push_back(result.unflatten(rows[low + bit].second));
    result.addInput(dimName(d), bases);
  }
  return result;
}

LinearLayout LinearLayout::select(ArrayRef<int64_t> dims) const {
  llvm::SmallVector<int64_t> shape;
  for (int64_t dim : dims)
    shape.push_back(shape_[dim]);
  LinearLayout result(shape);
  for (const Input &input : inputs_) {
    llvm::SmallVector<Point> bases;
    for (const Point &basis : input.bases) {
      Point kept;
      for (int64_t dim : dims)
        kept.push_back(basis[dim]);
      bases.push_back(kept);
    }
    result.addInput(input.name, bases);
  }
  return result;
}

LinearLayout LinearLayout::dropBits(StringRef name, int64_t mask) const {
  LinearLayout result(shape_);
  for (const Input &input : inputs_) {
    llvm::SmallVector<Point> bases;
    for (unsigned bit = 0; bit < input.bases.size(); ++bit)
      if (input.name != name || !(mask >> bit & 1))
        bases.push_back(input.bases[bit]);
    result.addInput(input.name, bases);
  }
  return result;
}

LinearLayout LinearLayout::identity(ArrayRef<int64_t> shape) {
  LinearLayout result(shape);
  for (unsigned d = 0; d < shape.size(); ++d) {
    llvm::SmallVector<Point> bases;
    for (int64_t step = 1; step < shape[d]; step *= 2) {
      bases.emplace_back(shape.size(), 0);
      bases.back()[d] = step;
    }
    result.addInput(dimName(d), bases);
  }
  return result;
}

LinearLayout LinearLayout::along(StringRef name, unsigned rank, unsigned dim, int64_t size) {
  llvm::SmallVector<int64_t> shape(rank, 1);
  shape[dim] = size;
  LinearLayout result(shape);
  llvm::SmallVector<Point> bases;
  for (int64_t step = 1; step < size; step *= 2) {
    bases.emplace_back(rank, 0);
    bases.back()[dim] = step;
  }
  result.addInput(name, bases);
  return result;
}

std::string LinearLayout::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const Input &input : inputs_) {
    os << input.name << ":";
    for (const Point &basis : input.bases) {
      os << " [";
      llvm::interleave(basis, os, ",");
      os << "]";
    }
    os << " ";
  }
  os << "-> ";
  llvm::interleave(shape_, os, "x");
  return text;
}

bool LinearLayout::operator==(const LinearLayout &other) const {
  if (shape_ != other.shape_)
    return false;
  auto covers = [](const LinearLayout &a, const LinearLayout &b) {
    return llvm::all_of(a.inputs_, [&](const Input &input) {
      if (input.bases.empty())
        return true;
      for (const Input &match : b.inputs_)
        if (match.name == input.name)
          return match.bases == input.bases;
      return false;
    });
  };
  return covers(*this, other) && covers(other, *this);
}

LinearLayout tinyc::blockedLayout(ArrayRef<int64_t> shape, ArrayRef<int64_t> order, int64_t vector, int64_t lanes,
                                  int64_t warps, ArrayRef<int64_t> warpsAlong) {
  llvm::SmallVector<int64_t> filled(shape.size(), 1), room(shape);
  for (auto [dim, count] : llvm::enumerate(warpsAlong))
    room[dim] = std::max<int64_t>(1, room[dim] / count);
  LinearLayout result(shape);
  result.addInput(kRegister, {});
  result.addInput(kLane, {});
  result.addInput(kWarp, {});
  // Gives up to `count` values of `name` to one dimension and returns how many are left.
  auto fill = [&](StringRef name, int64_t dim, int64_t count, int64_t limit) {
    for (; count > 1 && filled[dim] < limit; filled[dim] *= 2, count /= 2) {
      LinearLayout::Point basis(shape.size(), 0);
      basis[dim] = filled[dim];
      result.addInput(name, {basis});
    }
    return count;
  };
  auto replicate = [&](StringRef name, int64_t count) {
    for (; count > 1; count /= 2)
      result.addInput(name, {LinearLayout::Point(shape.size(), 0)});
  };
  // The vector takes what lanes leave over: a small tile is spread over the lanes first.
  int64_t perLane = std::max<int64_t>(1, result.elements() / (lanes * warps));
  if (!order.empty())
    fill(kRegister, order.front(), std::min(vector, perLane), room[order.front()]);
  int64_t left = lanes;
  for (int64_t dim : order)
    left = fill(kLane, dim, left, room[dim]);
  replicate(kLane, left);
  left = warps;
  for (int64_t dim : order) {
    if (warpsAlong.empty())
      left = fill(kWarp, dim, left, shape[dim]);
    else
      // Warps of one dimension keep their bits even where the tile is too small for them.
      replicate(kWarp, fill(kWarp, dim, warpsAlong[dim], std::min(shape[dim], filled[dim] * warpsAlong[dim])));
  }
  if (warpsAlong.empty())
    replicate(kWarp, left);
  for (int64_t dim : order)
    fill(kRegister, dim, shape[dim], shape[dim]);
  return result;
}

LinearLayout tinyc::gatherAlong(const LinearLayout &layout, unsigned vector, unsigned dim) {
  // The bits that step along the dimension alone, registers first, and their steps, smallest first.
  llvm::SmallVector<std::pair<StringRef, unsigned>> bits;
  llvm::SmallVector<LinearLayout::Point> steps;
  for (StringRef name : {StringRef(kRegister), StringRef(kLane), StringRef(kWarp)})
    for (unsigned bit = name == kRegister ? vector : 0; bit < layout.bits(name); ++bit) {
      LinearLayout::Point only(layout.shape().size(), 0);
      only[dim] = layout.basis(name, bit)[dim];
      if (only[dim] && only == layout.basis(name, bit)) {
        bits.push_back({name, bit});
        steps.push_back(only);
      }
    }
  llvm::sort(steps, [&](const LinearLayout::Point &a, const LinearLayout::Point &b) { return a[dim] < b[dim]; });
  LinearLayout result(layout.shape());
  for (const LinearLayout::Input &input : layout.inputs()) {
    result.addInput(input.name, {});
    for (unsigned bit = 0; bit < input.bases.size(); ++bit) {
      auto *found = llvm::find(bits, std::pair<StringRef, unsigned>(input.name, bit));
      result.addInput(input.name, {found == bits.end() ? input.bases[bit] : steps[found - bits.begin()]});
    }
  }
  return result;
}
