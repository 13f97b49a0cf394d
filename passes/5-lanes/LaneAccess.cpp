// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From layouts to addresses: which elements a lane touches, in accesses as wide as layout, alignment and mask allow,
// each under the condition of its mask. Nothing outside a mask is touched.

#include "passes/5-lanes/LaneRewriter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"
#include <map>
#include <numeric>

using namespace mlir;
using namespace tinyc;

Value LaneRewriter::constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }

Value LaneRewriter::zero(Type type) {
  auto element = tiny::elementType(type);
  TypedAttr attr = isa<FloatType>(element) ? TypedAttr(b.getFloatAttr(element, 0.0)) : b.getIntegerAttr(element, 0);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return tiny::ConstOp::create(b, loc, attr);
}

SmallVector<Value> LaneRewriter::unpack(Value lanes) {
  SmallVector<Value> elements;
  for (int64_t i = 0, e = cast<VectorType>(lanes.getType()).getNumElements(); i < e; ++i)
    elements.push_back(vector::ExtractOp::create(b, loc, lanes, i));
  return elements;
}

Value LaneRewriter::pack(ArrayRef<Value> elements, Type element) {
  auto type = VectorType::get({static_cast<int64_t>(elements.size())}, element);
  return vector::FromElementsOp::create(b, loc, type, elements);
}

Value LaneRewriter::linearOfThread(ArrayRef<std::pair<unsigned, int64_t>> bases) {
  std::vector<std::pair<unsigned, int64_t>> live;
  for (auto [bit, basis] : bases)
    if (basis)
      live.push_back({bit, basis});
  // The same for the whole kernel: computed once, at its beginning.
  Value &cached = threadParts[live];
  if (cached)
    return cached;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(thread);
  Value sum;
  int64_t used = 0;
  for (unsigned i = 0; i < live.size();) {
    // A run of bits that move together: (thread >> first & mask) << shift.
    auto [first, basis] = live[i];
    unsigned count = 1;
    bool power = llvm::isPowerOf2_64(basis);
    while (power && i + count < live.size() && live[i + count].first == first + count &&
           live[i + count].second == basis << count)
      ++count;
    int64_t mask = ((int64_t(1) << count) - 1) << first;
    Value term = b.createOrFold<arith::AndIOp>(loc, thread, constant(mask));
    int64_t all = 0;
    if (power) {
      int shift = static_cast<int>(llvm::Log2_64(basis)) - static_cast<int>(first);
      if (shift > 0)
        term = b.createOrFold<arith::ShLIOp>(loc, term, constant(shift));
      else if (shift < 0)
        term = b.createOrFold<arith::ShRUIOp>(loc, term, constant(-shift));
      all = ((int64_t(1) << count) - 1) * basis;
    } else {
      // One bit with several bits in its basis (a swizzle): all ones where the bit is set, and the basis.
      term = b.createOrFold<arith::ShRUIOp>(loc, term, constant(first));
      term = b.createOrFold<arith::MulIOp>(loc, term, constant(basis));
      all = basis;
    }
    if (!sum)
      sum = term;
    else if (used & all)
      sum = b.createOrFold<arith::XOrIOp>(loc, sum, term);
    else
      sum = b.createOrFold<arith::AddIOp>(loc, sum, term);
    used |= all;
    i += count;
  }
  return cached = sum ? sum : constant(0);
}

// Bases of the thread number's bits, low ones lanes, high ones warps, as given by `of` a flat or single coordinate.
static SmallVector<std::pair<unsigned, int64_t>> threadBases(const LinearLayout &layout,
                                                             function_ref<int64_t(const LinearLayout::Point &)> of) {
  SmallVector<std::pair<unsigned, int64_t>> bases;
  unsigned lanes = layout.bits(kLane);
  for (unsigned bit = 0; bit < lanes; ++bit)
    bases.push_back({bit, of(layout.basis(kLane, bit))});
  for (unsigned bit = 0; bit < layout.bits(kWarp); ++bit)
    bases.push_back({lanes + bit, of(layout.basis(kWarp, bit))});
  return bases;
}

Value LaneRewriter::lanePart(const LinearLayout &layout, unsigned dim) {
  return linearOfThread(threadBases(layout, [&](const LinearLayout::Point &basis) { return basis[dim]; }));
}

Value LaneRewriter::firstReplica(const LinearLayout &layout) {
  int64_t mask = layout.replicaMask(kLane) | layout.replicaMask(kWarp) << layout.bits(kLane);
  if (!mask)
    return {};
  Value bits = arith::AndIOp::create(b, loc, thread, constant(mask));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, bits, constant(0));
}

LanePoint LaneRewriter::pointOf(const LinearLayout &layout, int64_t reg, ValueRange offsets) {
  LinearLayout::Point at = layout.apply({{kRegister, reg}});
  LanePoint point;
  for (unsigned d = 0; d < at.size(); ++d) {
    int64_t threadMask = 0;
    for (auto [bit, basis] : threadBases(layout, [&](const LinearLayout::Point &p) { return p[d]; }))
      threadMask |= basis;
    Value part = lanePart(layout, d);
    bool disjoint = (threadMask & at[d]) == 0;
    if (!disjoint)
      part = b.createOrFold<arith::XOrIOp>(loc, part, constant(at[d]));
    point.base.push_back(offsets.empty() ? part : b.createOrFold<arith::AddIOp>(loc, offsets[d], part));
    point.constants.push_back(disjoint ? at[d] : 0);
  }
  return point;
}

Value LaneRewriter::flat(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getRank() == 1)
    return buffer;
  int64_t elements = type.getNumElements();
  auto flatType = MemRefType::get({elements}, type.getElementType(), AffineMap(), type.getMemorySpace());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(buffer);
  return memref::ReinterpretCastOp::create(b, loc, flatType, buffer, int64_t(0), ArrayRef<int64_t>{elements},
                                           ArrayRef<int64_t>{1});
}

// Registers in groups of `vector`: each group's first register and the registers in memory order.
static SmallVector<SmallVector<unsigned>> groupRegisters(const LinearLayout &layout, const VectorBits &vector) {
  unsigned mask = 0;
  for (unsigned bit : vector)
    mask |= 1u << bit;
  SmallVector<SmallVector<unsigned>> groups;
  for (unsigned first = 0; first < layout.size(kRegister); ++first) {
    if (first & mask)
      continue;
    SmallVector<unsigned> group;
    for (unsigned i = 0; i < 1u << vector.size(); ++i) {
      unsigned reg = first;
      for (unsigned bit = 0; bit < vector.size(); ++bit)
        reg |= (i >> bit & 1) << vector[bit];
      group.push_back(reg);
    }
    groups.push_back(group);
  }
  return groups;
}

SmallVector<ElementAccess> LaneRewriter::accessesOf(MemRefType type, AffineMap map, std::optional<IntegerSet> mask,
                                                    const LinearLayout &layout, ValueRange offsets, int64_t most,
                                                    int64_t &width, ArrayRef<DataIndex> indices) {
  unsigned rank = layout.shape().size();
  AffineExpr linear = linearAddress(type, map);
  VectorBits vector;
  std::optional<unsigned> dim = contiguousDim(linear, rank);
  if (dim && type.getElementTypeBitWidth() >= 8) {
    // Registers that step along `dim`, and what is known of the coordinates of a first element.
    SmallVector<int64_t> order = {static_cast<int64_t>(*dim)};
    for (unsigned d = rank; d-- > 0;)
      if (d != *dim)
        order.push_back(d);
    LinearLayout positions = layout.compose(swizzledPlacement(layout.shape(), order, 1, 0, 0));
    vector = vectorBits(positions, std::min(most, layout.shape()[*dim]));
    SmallVector<int64_t> divisors;
    for (unsigned d = 0; d < rank; ++d) {
      int64_t divisor = knownDivisor(offsets[d]);
      for (const LinearLayout::Input &input : layout.inputs())
        for (unsigned bit = 0; bit < input.bases.size(); ++bit)
          if (!(d == *dim && input.name == kRegister && llvm::is_contained(vector, bit)))
            divisor = std::gcd(divisor, input.bases[bit][d]);
      divisors.push_back(divisor);
    }
    divisors.append(indices.size(), 1);
    width = accessWidth(linear, mask, *dim, divisors, int64_t(1) << vector.size());
    vector.resize(llvm::Log2_64(width));
  }
  width = int64_t(1) << vector.size();

  SmallVector<ElementAccess> accesses;
  std::map<std::vector<const void *>, Value> known; // equal conditions are computed once, and so are equal coordinates
  for (SmallVector<unsigned> &group : groupRegisters(layout, vector)) {
    LanePoint point = pointOf(layout, group.front(), {});
    SmallVector<AffineExpr> at;
    for (unsigned d = 0; d < rank; ++d) {
      Value &base = known[{point.base[d].getAsOpaquePointer(), offsets[d].getAsOpaquePointer()}];
      if (!base)
        base = b.createOrFold<arith::AddIOp>(loc, offsets[d], point.base[d]);
      point.base[d] = base;
    }
    for (unsigned d = 0; d < rank; ++d)
      at.push_back(b.getAffineDimExpr(d) + point.constants[d]);
    for (const DataIndex &index : indices)
      point.base.push_back(index.place[group.front()]);
    ElementAccess access{group, simplifyAffineExpr(linear.replaceDims(at), rank + indices.size(), 0), point.base, {}};
    SmallVector<std::pair<AffineExpr, bool>> constraints;
    std::vector<const void *> key = {nullptr};
    for (Value base : point.base)
      key.push_back(base.getAsOpaquePointer());
    for (unsigned i = 0; mask && i < mask->getNumConstraints(); ++i) {
      AffineExpr constraint = simplifyAffineExpr(mask->getConstraint(i).replaceDims(at), rank, 0);
      if (auto decided = dyn_cast<AffineConstantExpr>(constraint)) {
        access.never |= mask->isEq(i) ? decided.getValue() != 0 : decided.getValue() < 0;
        continue;
      }
      constraints.push_back({constraint, mask->isEq(i)});
      key.push_back(constraint.getAsOpaquePointer());
    }
    Value &condition = known[key];
    for (auto [constraint, equal] : condition ? ArrayRef<std::pair<AffineExpr, bool>>() : constraints) {
      Value holds = arith::CmpIOp::create(b, loc, equal ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge,
                                          expandIndex(b, loc, constraint, point.base), constant(0));
      condition = condition ? b.createOrFold<arith::AndIOp>(loc, condition, holds) : holds;
    }
    for (const DataIndex &index : indices) {
      Value inside = index.inside[group.front()];
      condition = condition ? b.createOrFold<arith::AndIOp>(loc, condition, inside) : inside;
    }
    access.condition = condition;
    accesses.push_back(std::move(access));
  }
  return accesses;
}
