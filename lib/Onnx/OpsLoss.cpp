// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Losses and optimisers.

#include "lib/Builders/Reduction.h"
#include "lib/Onnx/NodeImport.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// The weighted mean, the sum or all of the losses: of the scores [N, C, ..] that the targets [N, ..] choose along
// dimension 1, the negatives. They are chosen by a comparison with the class, which fuses with what made the scores.
static Value chosenLoss(NodeImport &n, Value scores, Value target, Value weights) {
  std::string reduction = n.text("reduction", "mean");
  ArrayRef<int64_t> shape = shapeOf(scores);
  if (!scores || shape.size() < 2)
    return scores ? n.fail("expected scores [N, C, ..]") : Value();
  SmallVector<int64_t> losses(shape);
  losses.erase(losses.begin() + 1);
  if (shapeOf(target) != ArrayRef(losses) || !isa<IntegerType>(tiny::elementType(target.getType())))
    return n.fail("expected integers in the shape of the scores without dimension 1 as targets");
  if (weights && shapeOf(weights) != shape.slice(1, 1))
    return n.fail("expected a weight for each class");
  target = cast(n.b, target, n.b.getI64Type());
  Value chosen = equal(n.b, coordinate(n.b, shape, n.b.getI64Type(), 1), broadcastOver(n.b, target, shape, {1}));
  Type type = scores.getType(), of = RankedTensorType::get(losses, tiny::elementType(type));
  Value factor = weights ? reduce(n.b, tiny::ReduceKind::Sum,
                                  where(n.b, chosen, broadcastAlong(n.b, weights, shape, 1), splat(n.b, type, 0)), {1})
                         : splat(n.b, of, 1);
  if (n.attribute("ignore_index")) {
    Value ignored = equal(n.b, target, splatInteger(n.b, target, n.integer("ignore_index", 0)));
    factor = where(n.b, ignored, splat(n.b, of, 0), factor);
  }
  Value picked = reduce(n.b, tiny::ReduceKind::Sum, where(n.b, chosen, scores, splat(n.b, type, 0)), {1});
  // Where the factor is 0 an infinite score does not count either.
  Value none = equal(n.b, factor, splat(n.b, of, 0));
  Value loss = where(n.b, none, splat(n.b, of, 0), neg(n.b, mul(n.b, picked, factor)));
  if (reduction == "none")
    return loss;
  if (reduction != "sum" && reduction != "mean")
    return n.fail("attribute 'reduction': expected none, sum or mean, found '" + reduction + "'");
  SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, losses.size()));
  Value sum = reduce(n.b, tiny::ReduceKind::Sum, loss, all);
  if (reduction == "sum")
    return sum;
  return div(n.b, sum, reduce(n.b, tiny::ReduceKind::Sum, factor, all));
}

static Value importNegativeLogLikelihoodLoss(NodeImport &n) { return chosenLoss(n, n[0], n[1], n[2]); }

static Value importSoftmaxCrossEntropyLoss(NodeImport &n) {
  if (n.rank(0) < 2)
    return n.fail("expected scores [N, C, ..]");
  Value logarithms = logSoftmax(n.b, n[0], {1});
  if (n.wants(1))
    n.moreResults.push_back(logarithms);
  return chosenLoss(n, logarithms, n[1], n[2]);
}

namespace {
// An optimiser's operands: a rate, a count of updates, and groups of as many tensors.
struct Optimizer {
  NodeImport &n;
  size_t tensors;

  Value operand(size_t group, size_t i) const { return n[2 + group * tensors + i]; }
  Value scalar(double value) const { return splat(n.b, n[0], value); }
  /// A number for all elements.
  Value like(Value x, Value number) const { return broadcast(n.b, reshape(n.b, number, {}), shapeOf(x)); }
  Value times(Value x, double factor) const { return mul(n.b, x, splat(n.b, x, factor)); }
  Value count() const { return cast(n.b, reshape(n.b, n[1], shapeOf(n[0])), n.element(0)); }
  /// The gradient of a tensor with that of its norm's square.
  Value gradient(size_t i) const {
    return add(n.b, times(operand(0, i), n.number("norm_coefficient", 0)), operand(1, i));
  }
  /// The results of all groups, of which each update gives one tensor.
  Value results(size_t groups, llvm::function_ref<SmallVector<Value>(size_t)> update) const {
    SmallVector<Value> all(groups * tensors);
    for (size_t i = 0; i < tensors; ++i)
      for (auto [group, value] : llvm::enumerate(update(i)))
        all[group * tensors + i] = value;
    n.moreResults.append(all.begin() + 1, all.end());
    return all.front();
  }
};
} // namespace

// The tensors that an optimiser of so many groups of operands has; an error where they do not fit.
static FailureOr<Optimizer> optimizerOf(NodeImport &n, size_t groups) {
  size_t count = n.inputs.size() - 2;
  bool fits = count > 0 && count % groups == 0 && elementCount(n.shape(0)) == 1 && elementCount(n.shape(1)) == 1 &&
              isa<FloatType>(n.element(0)) && isa<IntegerType>(n.element(1));
  for (size_t i = 2; fits && i < n.inputs.size(); ++i)
    fits = n.has(i) && n[i].getType() == n[2 + (i - 2) % (count / groups)].getType();
  if (fits)
    return Optimizer{n, count / groups};
  return n.error() << "expected a rate, a count, and " << groups << " groups of tensors of the same types";
}

// By how much a step follows the gradient falls with the sum of all squared gradients.
static Value importAdagrad(NodeImport &n) {
  FailureOr<Optimizer> o = optimizerOf(n, 3);
  if (failed(o))
    return {};
  Value decay = add(n.b, o->times(o->count(), n.number("decay_factor", 0)), o->scalar(1));
  Value rate = div(n.b, n[0], decay);
  double epsilon = n.number("epsilon", 0);
  return o->results(2, [&](size_t i) -> SmallVector<Value> {
    Value x = o->operand(0, i), gradient = o->gradient(i);
    Value squares = add(n.b, o->operand(2, i), mul(n.b, gradient, gradient));
    Value root = add(n.b, compose::sqrt(n.b, squares), splat(n.b, x, epsilon));
    return {sub(n.b, x, div(n.b, mul(n.b, o->like(x, rate), gradient), root)), squares};
  });
}

// A step follows the running mean of gradients, relative to the root of that of their squares.
static Value importAdam(NodeImport &n) {
  FailureOr<Optimizer> o = optimizerOf(n, 4);
  if (failed(o))
    return {};
  double alpha = n.number("alpha", 0.9), beta = n.number("beta", 0.999), epsilon = n.number("epsilon", 1e-6);
  double post = n.number("norm_coefficient_post", 0);
  // Running means that began with 0 are too small in the first steps.
  Value one = o->scalar(1), count = o->count();
  auto missing = [&](double factor) { return sub(n.b, one, pow(n.b, o->scalar(factor), count)); };
  Value corrected = div(n.b, mul(n.b, n[0], compose::sqrt(n.b, missing(beta))), missing(alpha));
  Value rate = where(n.b, less(n.b, o->scalar(0), count), corrected, n[0]);
  return o->results(3, [&](size_t i) -> SmallVector<Value> {
    Value x = o->operand(0, i), gradient = o->gradient(i);
    Value mean = add(n.b, o->times(o->operand(2, i), alpha), o->times(gradient, 1 - alpha));
    Value squares = add(n.b, o->times(o->operand(3, i), beta), o->times(mul(n.b, gradient, gradient), 1 - beta));
    Value root = add(n.b, compose::sqrt(n.b, squares), splat(n.b, x, epsilon));
    Value moved = sub(n.b, x, div(n.b, mul(n.b, o->like(x, rate), mean), root));
    return {post == 0 ? moved : o->times(moved, 1 - post), mean, squares};
  });
}

static Value importMomentum(NodeImport &n) {
  FailureOr<Optimizer> o = optimizerOf(n, 3);
  if (failed(o))
    return {};
  double alpha = n.number("alpha", 0), beta = n.number("beta", 0);
  std::string mode = n.text("mode", "standard");
  if (mode != "standard" && mode != "nesterov")
    return n.fail("attribute 'mode': expected standard or nesterov, found '" + mode + "'");
  // The first step takes the whole gradient.
  Value share = where(n.b, less(n.b, o->scalar(0), o->count()), o->scalar(beta), o->scalar(1));
  return o->results(2, [&](size_t i) -> SmallVector<Value> {
    Value x = o->operand(0, i), gradient = o->gradient(i);
    Value momentum = add(n.b, o->times(o->operand(2, i), alpha), mul(n.b, o->like(x, share), gradient));
    Value step = mode == "nesterov" ? add(n.b, gradient, o->times(momentum, alpha)) : momentum;
    return {sub(n.b, x, mul(n.b, o->like(x, n[0]), step)), momentum};
  });
}

ArrayRef<Operator> onnx::lossOperators() {
  static constexpr StringLiteral training = "ai.onnx.preview.training";
  static const Operator rows[] = {
      {"Adagrad", 1, 3, -1, Narrow::Keep, importAdagrad, training},
      {"Adam", 1, 3, -1, Narrow::Keep, importAdam, training},
      {"Momentum", 1, 3, -1, Narrow::Keep, importMomentum, training},
      {"NegativeLogLikelihoodLoss", 12, 2, 3, Narrow::Widen, importNegativeLogLikelihoodLoss},
      {"SoftmaxCrossEntropyLoss", 12, 2, 3, Narrow::Widen, importSoftmaxCrossEntropyLoss},
  };
  return rows;
}
