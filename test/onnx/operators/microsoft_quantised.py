# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised operators of com.microsoft."""
import math

from case import Case, Values, main

DOMAIN = "com.microsoft"


def byte(value, low=0):
    return max(low, min(low + 255, value))


def by_range(values):
    """Integers of 0 to 255 by the range of the values and 0, their scale and zero point."""
    low, high = min(0.0, *values), max(0.0, *values)
    scale = (high - low) / 255 or 1.0
    zero = round(-low / scale)
    return [byte(round(v / scale) + zero) for v in values], scale, zero


class Weights:
    """Of a recurrent operator: [directions, size, columns], with parameters for each direction or each column."""

    def __init__(self, r, kind, directions, size, columns, by_column, zero=0):
        low = -128 if kind == "int8" else 0
        self.kind, self.size, self.columns, self.by_column = kind, size, columns, by_column
        self.shape = [directions, size, columns]
        self.values = r.integers(directions * size * columns, low, low + 255)
        self.parameters = [directions, columns] if by_column else [directions]
        self.scales = r.floats(math.prod(self.parameters), 0.002, 0.02)
        self.zeros = [zero] * len(self.scales)

    def products(self, direction, rows):
        """Of floats that are quantised first, all rows by one range."""
        integers, scale, zero = by_range([v for row in rows for v in row])
        result = []
        for i in range(len(rows)):
            for j in range(self.columns):
                at = direction * self.columns + j if self.by_column else direction
                total = sum((integers[i * self.size + k] - zero) *
                            (self.values[(direction * self.size + k) * self.columns + j] - self.zeros[at])
                            for k in range(self.size))
                result.append(total * scale * self.scales[at])
        return [result[i * self.columns:(i + 1) * self.columns] for i in range(len(rows))]


def lstm(folder, direction, weights, states, steps=4, batch=2, size=5, hidden=3, seed=1):
    directions = 2 if direction == "bidirectional" else 1
    r, columns = Values(seed), 4 * hidden
    x = r.floats(steps * batch * size)
    w, u = (Weights(r, kind, directions, n, columns, by_column, zero)
            for n, (kind, by_column, zero) in zip((size, hidden), weights))
    bias = r.floats(directions * 2 * columns, -0.25, 0.25)
    start = [r.floats(directions * batch * hidden) if states else [0.0] * directions * batch * hidden for _ in range(2)]
    row = lambda values, width, i: values[i * width:(i + 1) * width]
    sigmoid = lambda v: 1 / (1 + math.exp(-v))
    y, last_h, last_c = [None] * steps * directions, [], []
    for d in range(directions):
        h, c = ([row(values, hidden, d * batch + b) for b in range(batch)] for values in start)
        projected = w.products(d, [row(x, size, i) for i in range(steps * batch)])
        backwards = direction == "reverse" or d == 1
        for t in reversed(range(steps)) if backwards else range(steps):
            recurrent = u.products(d, h)
            for b in range(batch):
                gates = [p + q + bias[2 * d * columns + j] + bias[(2 * d + 1) * columns + j]
                         for j, (p, q) in enumerate(zip(projected[t * batch + b], recurrent[b]))]
                i, o, f, g = (row(gates, hidden, k) for k in range(4))
                c[b] = [sigmoid(f[k]) * c[b][k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(hidden)]
                h[b] = [sigmoid(o[k]) * math.tanh(c[b][k]) for k in range(hidden)]
            y[t * directions + d] = [v for each in h for v in each]
        last_h += [v for each in h for v in each]
        last_c += [v for each in c for v in each]
    case = Case(folder, "DynamicQuantizeLSTM", DOMAIN, 1, hidden_size=hidden, direction=direction)
    case.operand("x", "float", [steps, batch, size], x)
    case.operand("w", w.kind, w.shape, w.values, weight=True)
    case.operand("r", u.kind, u.shape, u.values, weight=True)
    case.operand("b", "float", [directions, 2 * columns], bias, weight=True)
    case.operand(None)
    for name, values in zip("hc", start):
        case.operand(name if states else None, "float", [directions, batch, hidden], values)
    case.operand(None)
    for name, each in (("w", w), ("r", u)):
        case.operand(name + "_scale", "float", each.parameters, each.scales, weight=True)
        case.operand(name + "_zero", each.kind, each.parameters, each.zeros, weight=True)
    case.result("y", "float", [steps, directions, batch, hidden], [v for each in y for v in each])
    case.result("y_h", "float", [directions, batch, hidden], last_h)
    case.result("y_c", "float", [directions, batch, hidden], last_c)
    return case


def test_lstm_both_directions(folder):
    return lstm(folder, "bidirectional", (("int8", False, 0), ("int8", True, 0)), states=True)


def test_lstm_backwards_with_zero_points(folder):
    return lstm(folder, "reverse", (("uint8", False, 128), ("uint8", True, 117)), states=False, seed=2)


def test_lstm_of_one_step(folder):
    return lstm(folder, "forward", (("int8", True, 0), ("uint8", False, 0)), states=True, steps=1, seed=3)


if __name__ == "__main__":
    main(globals())
