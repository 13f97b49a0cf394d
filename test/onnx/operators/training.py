# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Losses and optimisers."""
import math

from case import Case, Values, main


def cross_entropy(scores, targets, weights, ignored, classes):
    losses, factors = [], []
    for row, target in enumerate(targets):
        x = scores[row * classes:(row + 1) * classes]
        logarithm = math.log(sum(math.exp(v) for v in x))
        factor = 0.0 if target == ignored else weights[target]
        factors.append(factor)
        losses.append(0.0 if factor == 0 else factor * (logarithm - x[target]))
    return losses, factors


def test_weighted_cross_entropy(folder):
    rows, classes, ignored = 6, 5, 3
    r = Values(2)
    scores, weights, targets = r.floats(rows * classes, -4, 4), r.floats(classes, 0.1, 1), [0, 3, 4, 1, 3, 2]
    losses, factors = cross_entropy(scores, targets, weights, ignored, classes)
    case = Case(folder, "SoftmaxCrossEntropyLoss", version=13, ignore_index=ignored)
    case.operand("scores", "float", [rows, classes], scores)
    case.operand("targets", "int64", [rows], targets)
    case.operand("weights", "float", [classes], weights)
    case.result("loss", "float", [], [sum(losses) / sum(factors)])
    return case


def test_likelihood_of_each(folder):
    classes, places = 3, 2
    r = Values(4)
    scores, targets = r.floats(2 * classes * places, -2, 0), [2, 0, 1, 1]
    y = [-scores[(n * classes + targets[n * places + p]) * places + p] for n in range(2) for p in range(places)]
    case = Case(folder, "NegativeLogLikelihoodLoss", version=13, reduction="none")
    case.operand("scores", "float", [2, classes, places], scores)
    case.operand("targets", "int32", [2, places], targets)
    case.result("loss", "float", [2, places], y)
    return case


def test_adam_of_two_tensors(folder):
    rate, count, alpha, beta, epsilon = 0.1, 3, 0.9, 0.99, 1e-3
    r = Values(6)
    sizes, case = (2, 3), Case(folder, "Adam", "ai.onnx.preview.training", 1, alpha=alpha, beta=beta, epsilon=epsilon)
    case.operand("rate", "float", [], [rate])
    case.operand("count", "int64", [], [count])
    x, g, v, h = ([r.floats(n, 0.1, 1) for n in sizes] for _ in range(4))
    for name, group in zip("xgvh", (x, g, v, h)):
        for i, values in enumerate(group):
            case.operand(f"{name}{i}", "float", [len(values)], values)
    step = rate * math.sqrt(1 - beta**count) / (1 - alpha**count)
    means = [[alpha * a + (1 - alpha) * b for a, b in zip(v[i], g[i])] for i in range(2)]
    squares = [[beta * a + (1 - beta) * b * b for a, b in zip(h[i], g[i])] for i in range(2)]
    moved = [[a - step * m / (math.sqrt(s) + epsilon) for a, m, s in zip(x[i], means[i], squares[i])] for i in range(2)]
    for name, group in (("new_x", moved), ("new_v", means), ("new_h", squares)):
        for i, values in enumerate(group):
            case.result(f"{name}{i}", "float", [len(values)], values)
    return case


def test_nesterov_momentum(folder):
    x, g, v = [1.5, -2.0], [0.5, 0.25], [0.125, -0.5]
    case = Case(folder, "Momentum", "ai.onnx.preview.training", 1, alpha=0.5, beta=0.75, mode="nesterov",
                norm_coefficient=0.25)
    for name, kind, values in (("rate", "float", [0.5]), ("count", "int64", [4])):
        case.operand(name, kind, [], values)
    for name, values in (("x", x), ("g", g), ("v", v)):
        case.operand(name, "float", [2], values)
    gradients = [b + 0.25 * a for a, b in zip(x, g)]
    momenta = [0.5 * m + 0.75 * d for m, d in zip(v, gradients)]
    case.result("new_x", "float", [2], [a - 0.5 * (d + 0.5 * m) for a, d, m in zip(x, gradients, momenta)])
    case.result("new_v", "float", [2], momenta)
    return case


if __name__ == "__main__":
    main(globals())
