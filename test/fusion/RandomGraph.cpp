// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grows a function op by op. Products are clamped, so that floats stay where a sum in another order is a small error.

#include "test/fusion/RandomGraph.h"

#include "mlir/IR/Builders.h"

#include <random>

using namespace mlir;
using namespace tinyc::tiny;

namespace {
class Grower {
public:
  Grower(OpBuilder &b, Location loc, Type element, unsigned seed) : b(b), loc(loc), element(element), random(seed) {}

  void grow(func::FuncOp function, int64_t mostSteps) {
    values.append(function.args_begin(), function.args_end());
    for (int64_t i = 0, e = std::min(pick(3, 14), mostSteps); i < e; ++i)
      step();
    SmallVector<Value> results{values.back()};
    for (int64_t i = 0, e = pick(0, 2); i < e; ++i)
      results.push_back(any());
    func::ReturnOp::create(b, loc, results);
    function.setFunctionType(
        b.getFunctionType(function.getArgumentTypes(), SmallVector<Type>(ValueRange(results).getTypes())));
  }

private:
  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }
  // Late values more often than early ones.
  Value any() { return values[values.size() - 1 - std::min(pick(0, values.size() - 1), pick(0, values.size() - 1))]; }
  static ArrayRef<int64_t> shape(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }
  RankedTensorType type(ArrayRef<int64_t> sizes) { return RankedTensorType::get(sizes, element); }
  AffineExpr d(unsigned i) { return b.getAffineDimExpr(i); }

  Value splat(ArrayRef<int64_t> sizes, int value) {
    Attribute number =
        isa<FloatType>(element) ? Attribute(b.getFloatAttr(element, value)) : b.getIntegerAttr(element, value);
    return ConstOp::create(b, loc, SplatElementsAttr::get(type(sizes), number));
  }
  Value clamp(Value v) { // min(a, b) = -max(-a, -b)
    Value minus = splat(shape(v), -1);
    Value low = MaxOp::create(b, loc, v, splat(shape(v), -4));
    Value negated = MaxOp::create(b, loc, MulOp::create(b, loc, low, minus), splat(shape(v), -4));
    return MulOp::create(b, loc, negated, minus);
  }
  Value view(Value v, ArrayRef<int64_t> sizes, ArrayRef<AffineExpr> results, ArrayRef<AffineExpr> mask = {}) {
    AffineMap map = AffineMap::get(sizes.size(), 0, results, b.getContext());
    if (mask.empty())
      return ViewOp::create(b, loc, type(sizes), v, map);
    SmallVector<bool> inequalities(mask.size(), false);
    TypedAttr fill = isa<FloatType>(element) ? TypedAttr(b.getFloatAttr(element, pick(0, 1)))
                                             : b.getIntegerAttr(element, pick(0, 1));
    return ViewOp::create(b, loc, type(sizes), v, AffineMapAttr::get(map),
                          IntegerSetAttr::get(IntegerSet::get(sizes.size(), 0, mask, inequalities)), fill);
  }
  // `v` repeated, or padded, or cut, to have `sizes`.
  Value fit(Value v, ArrayRef<int64_t> sizes) {
    SmallVector<AffineExpr> results, mask;
    for (auto [i, size] : llvm::enumerate(shape(v))) {
      if (i >= sizes.size() || size == 1) {
        results.push_back(b.getAffineConstantExpr(0));
        continue;
      }
      results.push_back(d(i));
      if (size < sizes[i])
        mask.push_back(-d(i) + (size - 1));
    }
    return view(v, sizes, results, mask);
  }

  // Small whole numbers, some of them negative.
  Value indices(int64_t count) {
    Value numbers = AddOp::create(b, loc, clamp(fit(any(), {count})), splat({count}, pick(0, 3)));
    return isa<FloatType>(element) ? CastOp::create(b, loc, numbers, b.getI32Type()).getResult() : numbers;
  }
  TypedAttr number(int value) {
    return isa<FloatType>(element) ? TypedAttr(b.getFloatAttr(element, value)) : b.getIntegerAttr(element, value);
  }
  Value scalarConstant(Type scalar, int64_t value) {
    return ConstOp::create(b, loc,
                           DenseElementsAttr::get(RankedTensorType::get({}, scalar), b.getIntegerAttr(scalar, value)));
  }
  // A loop that carries two values, of which the first may change places with the second.
  void loop(Value v) {
    Value w = fit(any(), shape(v)), u = any();
    auto op = LoopOp::create(b, loc, TypeRange{v.getType(), v.getType()}, pick(0, 5), ValueRange{v, w}, ValueRange{u});
    OpBuilder::InsertionGuard guard(b);
    Block *body = b.createBlock(&op.getBody());
    auto i64 = RankedTensorType::get({}, b.getI64Type());
    for (Type type : {Type(i64), v.getType(), v.getType(), u.getType()})
      body->addArgument(type, loc);
    Value trip = body->getArgument(0), c = body->getArgument(1), e = body->getArgument(2);
    Value next = clamp(AddOp::create(b, loc, c, fit(body->getArgument(3), shape(c))));
    Value on = pick(0, 1) ? scalarConstant(b.getI1Type(), 1)
                          : CmpLtOp::create(b, loc, trip, scalarConstant(b.getI64Type(), pick(0, 3))).getResult();
    if (pick(0, 1))
      YieldOp::create(b, loc, ValueRange{on, e, next});
    else
      YieldOp::create(b, loc, ValueRange{on, next, MaxOp::create(b, loc, e, c)});
    values.append(op.result_begin(), op.result_end());
  }
  void choose(Value v) {
    Value sum = ReduceOp::create(b, loc, ReduceKind::Sum, v, llvm::to_vector(llvm::seq<int64_t>(0, shape(v).size())));
    Value condition = CmpLtOp::create(b, loc, sum, splat({}, pick(-4, 4)));
    auto op = CondOp::create(b, loc, v.getType(), condition, v);
    for (Region *region : {&op.getOnTrue(), &op.getOnFalse()}) {
      OpBuilder::InsertionGuard guard(b);
      Value a = b.createBlock(region)->addArgument(v.getType(), loc);
      Value result = region == &op.getOnTrue() ? a : MaxOp::create(b, loc, a, splat(shape(a), 1)).getResult();
      YieldOp::create(b, loc, result);
    }
    values.push_back(op.getResult(0));
  }

  void step() {
    Value v = any();
    SmallVector<int64_t> sizes(shape(v));
    unsigned rank = sizes.size();
    int64_t count = cast<RankedTensorType>(v.getType()).getNumElements();
    switch (pick(0, 15)) {
    case 0:
    case 1:
      values.push_back(AddOp::create(b, loc, v, fit(any(), sizes)));
      return;
    case 2:
      values.push_back(clamp(MulOp::create(b, loc, v, fit(any(), sizes))));
      return;
    case 3: {
      Value other = fit(any(), sizes);
      values.push_back(WhereOp::create(b, loc, CmpLtOp::create(b, loc, v, other), other, v));
      return;
    }
    case 4:
      if (isa<FloatType>(element))
        values.push_back(ExpOp::create(b, loc, v.getType(), LogBase::E, clamp(v)));
      else
        values.push_back(XorOp::create(b, loc, v, splat(sizes, 21)));
      return;
    case 5:
    case 6: { // a reduction, most often of the last dimension
      if (rank == 0)
        return;
      SmallVector<int64_t> dims;
      for (int64_t i = 0; i < rank; ++i)
        if (pick(0, 3) == 0 || (i + 1 == rank && (dims.empty() || pick(0, 1))))
          dims.push_back(i);
      values.push_back(ReduceOp::create(b, loc, pick(0, 1) ? ReduceKind::Sum : ReduceKind::Max, v, dims));
      return;
    }
    case 7: { // permute
      SmallVector<unsigned> order(llvm::to_vector(llvm::seq<unsigned>(0, rank)));
      std::shuffle(order.begin(), order.end(), random);
      SmallVector<int64_t> permuted(rank);
      SmallVector<AffineExpr> results(rank);
      for (unsigned i = 0; i < rank; ++i) {
        permuted[i] = sizes[order[i]];
        results[order[i]] = d(i);
      }
      values.push_back(view(v, permuted, results));
      return;
    }
    case 8: { // reshape to two dimensions, or one
      int64_t columns = pick(1, 4);
      while (count % columns)
        --columns;
      AffineExpr flat = d(0) * columns + d(1);
      SmallVector<AffineExpr> results(rank);
      int64_t below = 1;
      for (unsigned i = rank; i-- > 0; below *= sizes[i])
        results[i] = flat.floorDiv(below) % sizes[i];
      values.push_back(view(v, {count / columns, columns}, results));
      return;
    }
    case 9: { // concat
      if (rank == 0)
        return;
      int64_t dim = pick(0, rank - 1);
      sizes[dim] = pick(1, 3);
      values.push_back(ConcatOp::create(b, loc, ValueRange{v, fit(any(), sizes)}, dim));
      return;
    }
    case 10: { // matmul over the last dimension with something of as many columns
      if (rank == 0 || rank > 2)
        return;
      SmallVector<int64_t> domain(sizes.begin(), sizes.end() - 1);
      int64_t n = pick(1, 4), k = sizes.back();
      Value w = fit(any(), {n, k});
      domain.append({n, k});
      SmallVector<AffineExpr> left;
      for (unsigned i = 0; i + 1 < rank; ++i)
        left.push_back(d(i));
      left.push_back(d(rank));
      Value product = MulOp::create(b, loc, view(v, domain, left), view(w, domain, {d(rank - 1), d(rank)}));
      values.push_back(clamp(ReduceOp::create(b, loc, ReduceKind::Sum, product, {static_cast<int64_t>(rank)})));
      return;
    }
    case 11: { // rows, or anything along another dimension
      if (rank == 0)
        return;
      int64_t dim = pick(0, rank - 1), found = pick(1, 4);
      Value at = indices(found);
      sizes[dim] = found;
      values.push_back(GatherOp::create(b, loc, type(sizes), v, at, b.getI64IntegerAttr(dim), number(pick(0, 2))));
      return;
    }
    case 12: {
      if (rank == 0)
        return;
      int64_t dim = pick(0, rank - 1), written = pick(1, 4);
      Value at = indices(written);
      SmallVector<int64_t> updates(sizes);
      updates[dim] = written;
      auto kind = static_cast<ScatterKind>(pick(0, 2));
      values.push_back(ScatterOp::create(b, loc, v.getType(), kind, v, at, fit(any(), updates), dim));
      return;
    }
    case 13:
      return loop(v);
    case 14:
      return choose(v);
    default: { // a padded window over the last dimension
      if (rank == 0 || rank > 2)
        return;
      SmallVector<int64_t> domain(sizes);
      domain.push_back(3);
      SmallVector<AffineExpr> results;
      for (unsigned i = 0; i < rank; ++i)
        results.push_back(d(i));
      AffineExpr position = d(rank - 1) + d(rank) - 1;
      results.back() = position;
      values.push_back(view(v, domain, results, {position, -position + (sizes.back() - 1)}));
      return;
    }
    }
  }

  OpBuilder &b;
  Location loc;
  Type element;
  std::mt19937 random;
  SmallVector<Value> values;
};
} // namespace

OwningOpRef<ModuleOp> tinyc::makeRandomGraph(MLIRContext *context, unsigned seed, Type element, int64_t scale,
                                             int64_t mostSteps) {
  OpBuilder b(context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module->getBody());
  int64_t rows = 2 * scale + 1, half = scale == 1 ? 4 : 4 * scale + 1;
  SmallVector<Type> inputs{RankedTensorType::get({rows, 2 * half}, element), RankedTensorType::get({2 * half}, element),
                           RankedTensorType::get({2, rows, half}, element)};
  auto main = func::FuncOp::create(b, loc, "main", b.getFunctionType(inputs, {}));
  b.setInsertionPointToStart(main.addEntryBlock());
  Grower(b, loc, element, seed).grow(main, mostSteps);
  return module;
}
