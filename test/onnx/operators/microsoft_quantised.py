# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised operators of com.microsoft."""
import math

from case import Case, Values, main
from sequence import at, attend

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


class Quantised:
    """Integers with their scale and zero point, which are weights; `zero` None leaves the zero point out."""

    def __init__(self, kind, shape, values, scale, zero):
        self.kind, self.shape, self.values, self.scale, self.zero = kind, shape, values, scale, zero
        self.low = -128 if kind == "int8" else 0

    def add(self, case, name):
        case.operand(name, self.kind, self.shape, self.values)
        parameters(case, name, self.kind, self.scale, self.zero)

    def centred(self):
        return [v - (self.zero or 0) for v in self.values]

    def real(self):
        return [v * self.scale for v in self.centred()]


def parameters(case, name, kind, scale, zero):
    for suffix, of, value in (("_scale", "float", scale), ("_zero", kind, zero)):
        shape, values = ([len(value)], value) if isinstance(value, list) else ([], [value])
        case.operand(name + suffix if value is not None else None, of, shape, values, weight=True)


def draw(seed, kind, shape, scale, zero):
    low = -128 if kind == "int8" else 0
    return Quantised(kind, shape, Values(seed).integers(math.prod(shape), low, low + 255), scale, zero)


def quantise(values, kind, scale, zero):
    low = -128 if kind == "int8" else 0
    return [byte(round(v / scale) + (zero or 0), low) for v in values]


# Scales are powers of two, so that means and sums round only where they are quantised.
def unary(folder, operator, x, function, scale, zero, shape=None, **attributes):
    case = Case(folder, operator, DOMAIN, 1, **attributes)
    x.add(case, "x")
    parameters(case, "y", x.kind, scale, zero)
    case.result("y", x.kind, shape or x.shape, quantise(function(x.real()), x.kind, scale, zero))
    return case


def test_sigmoid(folder):
    return unary(folder, "QLinearSigmoid", draw(1, "uint8", [40], 0.0625, None),
                 lambda x: [1 / (1 + math.exp(-v)) for v in x], 1 / 256, None)


def test_leaky_relu(folder):
    return unary(folder, "QLinearLeakyRelu", draw(2, "int8", [5, 9], 0.5, -7), lambda x: [v if v >= 0 else v / 4 for v in x],
                 0.25, 3, alpha=0.25)


def test_average_pool_of_channels_last(folder):
    """Windows of 3 x 2 with strides 2 x 1, padded above and to the right; the padding takes no part."""
    height, width, channels = 5, 4, 3

    def pool(x):
        y = []
        for i in range(3):
            for j in range(4):
                for c in range(channels):
                    inside = [x[(p * width + q) * channels + c] for p in range(2 * i - 1, 2 * i + 2)
                              for q in range(j, j + 2) if 0 <= p < height and q < width]
                    y.append(sum(inside) / len(inside))
        return y

    return unary(folder, "QLinearAveragePool", draw(3, "int8", [1, height, width, channels], 0.5, -20), pool, 0.25, 5,
                 shape=[1, 3, 4, channels], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], channels_last=1)


def test_global_average_pool(folder):
    return unary(folder, "QLinearGlobalAveragePool", draw(4, "uint8", [2, 3, 4, 8], 0.5, 100),
                 lambda x: [sum(x[i:i + 32]) / 32 for i in range(0, len(x), 32)], 0.125, 90, shape=[2, 3, 1, 1])


def test_reduce_mean(folder):
    return unary(folder, "QLinearReduceMean", draw(5, "uint8", [4, 3, 2], 0.5, 128),
                 lambda x: [sum(x[i * 6 + j * 2 + k] for i in range(4) for k in range(2)) / 8 for j in range(3)], 0.25, 120,
                 shape=[3], axes=[-1, 0], keepdims=0)


def softmax(x, row):
    y = []
    for start in range(0, len(x), row):
        powers = [math.exp(v - max(x[start:start + row])) for v in x[start:start + row]]
        y += [p / sum(powers) for p in powers]
    return y


def test_softmax(folder):
    return unary(folder, "QLinearSoftmax", draw(6, "int8", [3, 4, 5], 0.0625, 11), lambda x: softmax(x, 5), 1 / 256, -128,
                 opset=13)


def test_softmax_of_version_12(folder):
    return unary(folder, "QLinearSoftmax", draw(7, "uint8", [3, 4, 5], 0.03125, 128), lambda x: softmax(x, 20), 1 / 256, 0,
                 opset=12, axis=1)


def test_concat(folder):
    case = Case(folder, "QLinearConcat", DOMAIN, 1, axis=1)
    parameters(case, "y", "uint8", 0.25, 10)
    x = [draw(8, "uint8", [2, 3], 0.25, 10), draw(9, "uint8", [2, 2], 0.0625, 128), draw(10, "uint8", [2, 1], 0.5, 0)]
    for i, each in enumerate(x):
        each.add(case, f"x{i}")
    rows = [v for row in range(2) for each in x for v in each.real()[row * each.shape[1]:(row + 1) * each.shape[1]]]
    case.result("y", "uint8", [2, 6], quantise(rows, "uint8", 0.25, 10))
    return case


def test_where(folder):
    choice, x, y = [1, 0, 1], draw(11, "int8", [3, 4], 0.25, -3), draw(12, "int8", [1, 4], 0.5, 9)
    case = Case(folder, "QLinearWhere", DOMAIN, 1)
    case.operand("choice", "bool", [3, 1], choice)
    x.add(case, "x")
    y.add(case, "y")
    parameters(case, "z", "int8", 0.375, 1)
    left, right = x.real(), y.real()
    case.result("z", "int8", [3, 4], quantise([left[i] if choice[i // 4] else right[i % 4] for i in range(12)], "int8",
                                              0.375, 1))
    return case


def test_sum_without_zero_points(folder):
    a, b = draw(13, "int8", [2, 4], 0.5, None), draw(14, "int8", [4], 0.25, None)
    case = Case(folder, "QLinearAdd", DOMAIN, 1)
    a.add(case, "a")
    b.add(case, "b")
    parameters(case, "c", "int8", 0.5, None)
    right = b.real()
    case.result("c", "int8", [2, 4], quantise([v + right[i % 4] for i, v in enumerate(a.real())], "int8", 0.5, None))
    return case


def gemm(folder, kind, with_result, alpha=1.0, transposed=False):
    """Of [rows, depth] and [depth, columns], with scales and zero points for each column of the right."""
    rows, depth, columns = 3, 20, 4
    a = draw(15, "uint8", [depth, rows] if transposed else [rows, depth], 0.125, 120)
    r = Values(16)
    low = -128 if kind == "int8" else 0
    b, zeros = r.integers(depth * columns, low, low + 255), r.integers(columns, 0, 9)
    scales, bias = [0.5, 0.25, 0.125, 1.0], r.integers(columns, -900, 900)
    case = Case(folder, "QGemm", DOMAIN, 1, alpha=alpha, transA=transposed, transB=transposed)
    a.add(case, "a")
    case.operand("b", kind, [columns, depth] if transposed else [depth, columns], b, weight=True)
    parameters(case, "b", kind, scales, zeros)
    case.operand("c", "int32", [columns], bias, weight=True)
    left = a.centred()
    sums = [bias[j] + sum(left[k * rows + i if transposed else i * depth + k] *
                          (b[j * depth + k if transposed else k * columns + j] - zeros[j]) for k in range(depth))
            for i in range(rows) for j in range(columns)]
    y = [v * alpha * 0.125 * scales[n % columns] for n, v in enumerate(sums)]
    if with_result:
        parameters(case, "y", "uint8", 16.0, 128)
        y = quantise(y, "uint8", 16.0, 128)
    case.result("y", "uint8" if with_result else "float", [rows, columns], y)
    return case


def test_gemm_of_transposed(folder):
    return gemm(folder, "int8", with_result=True, alpha=0.5, transposed=True)


def test_gemm_to_floats(folder):
    return gemm(folder, "uint8", with_result=False)


def test_matmul_of_floats_by_bytes(folder):
    weights = Weights(Values(17), "int8", 1, 12, 5, by_column=True)
    x, bias = Values(18).floats(2 * 3 * 12), Values(19).floats(5)
    case = Case(folder, "DynamicQuantizeMatMul", DOMAIN, 1)
    case.operand("x", "float", [2, 3, 12], x)
    case.operand("b", "int8", [12, 5], weights.values, weight=True)
    parameters(case, "b", "int8", weights.scales, None)
    case.operand("bias", "float", [5], bias, weight=True)
    products = weights.products(0, [x[i * 12:(i + 1) * 12] for i in range(6)])
    case.result("y", "float", [2, 3, 5], [v + bias[j] for row in products for j, v in enumerate(row)])
    return case


def test_attention_of_bytes(folder):
    batch, steps, size, heads = 2, 3, 8, 2
    part = size // heads
    x, r = draw(20, "uint8", [batch, steps, size], 0.015625, 117), Values(21)
    w, bias, scales = r.integers(size * 3 * size, -128, 127), r.floats(3 * size), r.floats(3 * size, 0.002, 0.02)
    left = x.centred()
    projected = [[sum(left[i * size + k] * w[k * 3 * size + j] for k in range(size)) * x.scale * scales[j] + bias[j]
                  for j in range(3 * size)] for i in range(batch * steps)]
    # [B, S, D] of queries, keys or values as [B, H, S, D / H].
    split = lambda which: [projected[b * steps + s][which * size + h * part + d] for b in range(batch)
                           for h in range(heads) for s in range(steps) for d in range(part)]
    score = lambda b, h, i, j, p: p / math.sqrt(part) if j <= i else -math.inf
    apart = attend(split(0), split(1), split(2), (batch, heads, heads, steps, steps, part, part), score)
    case = Case(folder, "QAttention", DOMAIN, 1, num_heads=heads, unidirectional=1)
    case.operand("x", "uint8", x.shape, x.values)
    case.operand("w", "int8", [size, 3 * size], w, weight=True)
    case.operand("bias", "float", [3 * size], bias, weight=True)
    case.operand("x_scale", "float", [], [x.scale], weight=True)
    case.operand("w_scale", "float", [3 * size], scales, weight=True)
    case.operand(None)
    case.operand("x_zero", "uint8", [], [x.zero], weight=True)
    case.result("y", "float", x.shape, [at(apart, (batch, heads, steps, part), b, h, s, d) for b in range(batch)
                                        for s in range(steps) for h in range(heads) for d in range(part)])
    return case


def test_embedding_of_bytes(folder):
    batch, steps, size, words, epsilon = 2, 3, 4, 6, 1e-3
    r = Values(22)
    ids, kinds = r.integers(batch * steps, 0, words - 1), r.integers(batch * steps, 0, 1)
    tables = [draw(23, "uint8", [words, size], 0.5, 128), draw(24, "uint8", [steps, size], 0.25, 100),
              draw(25, "uint8", [2, size], 0.125, 7), draw(26, "uint8", [size], 0.0625, 120),
              draw(27, "uint8", [size], 0.25, 60)]
    word, position, kind, gamma, beta = (each.real() for each in tables)
    y = []
    for i, (w, k) in enumerate(zip(ids, kinds)):
        row = [word[w * size + d] + position[i % steps * size + d] + kind[k * size + d] for d in range(size)]
        mean = sum(row) / size
        deviation = math.sqrt(sum((v - mean)**2 for v in row) / size + epsilon)
        y += [(v - mean) / deviation * gamma[d] + beta[d] for d, v in enumerate(row)]
    case = Case(folder, "QEmbedLayerNormalization", DOMAIN, 1, epsilon=epsilon)
    case.operand("ids", "int32", [batch, steps], ids)
    case.operand("kinds", "int32", [batch, steps], kinds)
    for i, each in enumerate(tables):
        case.operand(f"t{i}", each.kind, each.shape, each.values, weight=True)
    case.operand(None)
    for i, each in enumerate(tables):
        case.operand(f"scale{i}", "float", [], [each.scale], weight=True)
    for i, each in enumerate(tables):
        case.operand(f"zero{i}", each.kind, [], [each.zero], weight=True)
    case.result("y", "float", [batch, steps, size], y)
    return case


def test_quantize_to_16_bits(folder):
    case = Case(folder, "QuantizeLinear", DOMAIN, 1)
    case.operand("x", "float", [4], [-1.0, 0.5, 100.0, 0.0])
    parameters(case, "y", "uint16", 0.0078125, 1000)
    case.result("y", "uint16", [4], [872, 1064, 13800, 1000])
    return case


def test_dequantize_from_16_bits(folder):
    case = Case(folder, "DequantizeLinear", DOMAIN, 1)
    case.operand("x", "int16", [3], [-30000, 7, 30000])
    parameters(case, "x", "int16", 0.5, 7)
    case.result("y", "float", [3], [-15003.5, 0.0, 14996.5])
    return case


if __name__ == "__main__":
    main(globals())
