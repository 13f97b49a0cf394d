# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of com.microsoft."""
import math

from case import Case, Values, main
from sequence import at, attend

DOMAIN = "com.microsoft"


def test_fused_matmul_of_transposed(folder):
    r = Values(1)
    a, b = r.floats(2 * 4 * 3), r.floats(2 * 5 * 4)
    case = Case(folder, "FusedMatMul", DOMAIN, 1, transA=1, transB=1, alpha=0.5)
    case.operand("a", "float", [2, 4, 3], a)
    case.operand("b", "float", [2, 5, 4], b)
    case.result("y", "float", [2, 3, 5], [
        0.5 * sum(at(a, (2, 4, 3), n, k, i) * at(b, (2, 5, 4), n, j, k) for k in range(4))
        for n in range(2) for i in range(3) for j in range(5)])
    return case


def test_matmul_of_4_bits(folder):
    columns, depth, block = 3, 48, 32
    blocks = 2
    r = Values(2)
    x, packed = r.floats(2 * depth), r.integers(columns * blocks * block // 2, 0, 255)
    scales, zeros, bias = r.floats(columns * blocks, 0.1, 1), r.integers(columns, 0, 255), r.floats(columns)

    def weight(k, n):
        byte = packed[n * blocks * block // 2 + k // 2]
        zero = zeros[n] >> 4 * (k // block) & 15
        return ((byte >> 4 * (k % 2) & 15) - zero) * scales[n * blocks + k // block]

    case = Case(folder, "MatMulNBits", DOMAIN, 1, N=columns, K=depth, bits=4, block_size=block)
    case.operand("x", "float", [2, depth], x)
    case.operand("w", "uint8", [columns, blocks, block // 2], packed, weight=True)
    case.operand("scales", "float", [columns * blocks], scales, weight=True)
    case.operand("zeros", "uint8", [columns], zeros, weight=True)
    case.operand(None)
    case.operand("bias", "float", [columns], bias)
    case.result("y", "float", [2, columns], [sum(x[i * depth + k] * weight(k, n) for k in range(depth)) + bias[n]
                                             for i in range(2) for n in range(columns)])
    return case


def test_skip_layer_normalization(folder):
    rows, size, epsilon = 3, 6, 1e-3
    r = Values(3)
    x, skip, gamma, beta, bias = (r.floats(n) for n in (rows * size, rows * size, size, size, size))
    sums = [a + b + bias[i % size] for i, (a, b) in enumerate(zip(x, skip))]
    y = []
    for row in range(rows):
        part = sums[row * size:(row + 1) * size]
        mean = sum(part) / size
        deviation = math.sqrt(sum((v - mean)**2 for v in part) / size + epsilon)
        y += [(v - mean) / deviation * g + b for v, g, b in zip(part, gamma, beta)]
    case = Case(folder, "SkipLayerNormalization", DOMAIN, 1, epsilon=epsilon)
    for name, shape, values in (("x", [1, rows, size], x), ("skip", [1, rows, size], skip), ("gamma", [size], gamma),
                                ("beta", [size], beta), ("bias", [size], bias)):
        case.operand(name, "float", shape, values)
    case.result("y", "float", [1, rows, size], y)
    return case


def test_skip_simplified_layer_normalization_of_small_numbers(folder):
    # The epsilon where none is given is 1e-12, not the 1e-5 of other norms.
    x, skip = [0.25, -0.125, 0.5, 0.0625], [-0.248046875, 0.126953125, -0.498046875, -0.0615234375]
    rows = [[x[i] + skip[i] for i in pair] for pair in ((0, 1), (2, 3))]
    case = Case(folder, "SkipSimplifiedLayerNormalization", DOMAIN, 1)
    case.operand("x", "float", [1, 2, 2], x)
    case.operand("skip", "float", [1, 2, 2], skip)
    case.operand("scale", "float", [2], [1, 2])
    case.result("y", "float", [1, 2, 2], [v / math.sqrt(sum(w * w for w in row) / 2) * s
                                          for row in rows for v, s in zip(row, [1, 2])])
    return case


def test_multi_head_attention_with_padding(folder):
    batch, heads, queries, keys, size = 2, 2, 3, 4, 3
    hidden = heads * size
    r = Values(4)
    q, k, v = r.floats(batch * queries * hidden), r.floats(batch * keys * hidden), r.floats(batch * keys * hidden)
    bias, mask = r.floats(3 * hidden), [1, 1, 0, 1, 1, 1, 1, 0]
    # [B, S, H * D] with its part of the bias as [B, H, S, D].
    split = lambda x, length, part: [
        at(x, (batch, length, hidden), b, s, h * size + d) + bias[part * hidden + h * size + d]
        for b in range(batch) for h in range(heads) for s in range(length) for d in range(size)]
    score = lambda b, h, i, j, p: p / math.sqrt(size) + (0 if mask[b * keys + j] else -10000)
    apart = attend(split(q, queries, 0), split(k, keys, 1), split(v, keys, 2),
                   (batch, heads, heads, queries, keys, size, size), score)
    case = Case(folder, "MultiHeadAttention", DOMAIN, 1, num_heads=heads)
    case.operand("q", "float", [batch, queries, hidden], q)
    case.operand("k", "float", [batch, keys, hidden], k)
    case.operand("v", "float", [batch, keys, hidden], v)
    case.operand("bias", "float", [3 * hidden], bias)
    case.operand("mask", "int32", [batch, keys], mask)
    case.result("y", "float", [batch, queries, hidden], [
        at(apart, (batch, heads, queries, size), b, h, s, d)
        for b in range(batch) for s in range(queries) for h in range(heads) for d in range(size)])
    return case


def test_group_query_attention_of_a_step(folder):
    batch, heads, groups, past, size = 2, 4, 2, 5, 4
    r, last = Values(5), [3, 2]
    q, k, v = r.floats(batch * heads * size), r.floats(batch * groups * size), r.floats(batch * groups * size)
    caches = [r.floats(batch * groups * past * size) for _ in range(2)]
    # The new key stands at the number of its batch's last one; what is behind it is 0.
    present = [[new[(b * groups + g) * size + d] if t == last[b] else
                at(cache, (batch, groups, past, size), b, g, t, d) if t < last[b] else 0.0
                for b in range(batch) for g in range(groups) for t in range(past) for d in range(size)]
               for new, cache in zip((k, v), caches)]
    score = lambda b, h, i, j, p: p / math.sqrt(size) if j <= last[b] else -math.inf
    y = attend(q, *present, (batch, heads, groups, 1, past, size, size), score)
    case = Case(folder, "GroupQueryAttention", DOMAIN, 1, num_heads=heads, kv_num_heads=groups)
    case.operand("q", "float", [batch, 1, heads * size], q)
    case.operand("k", "float", [batch, 1, groups * size], k)
    case.operand("v", "float", [batch, 1, groups * size], v)
    case.operand("past_k", "float", [batch, groups, past, size], caches[0])
    case.operand("past_v", "float", [batch, groups, past, size], caches[1])
    case.operand("last", "int32", [batch], last)
    case.operand("total", "int32", [], [4], weight=True)
    case.result("y", "float", [batch, 1, heads * size], y)
    case.result("present_k", "float", [batch, groups, past, size], present[0])
    case.result("present_v", "float", [batch, groups, past, size], present[1])
    return case


def test_product_of_integers(folder):
    a, b = [0, 10, 200, 255], [-128, 3, 90, 127]
    case = Case(folder, "QLinearMul", DOMAIN, 1)
    for name, kind, shape, values in (("a", "uint8", [4], a), ("sa", "float", [], [0.5]), ("za", "uint8", [], [128]),
                                      ("b", "uint8", [4], [v + 128 for v in b]), ("sb", "float", [], [0.25]),
                                      ("zb", "uint8", [], [128]), ("sy", "float", [], [16.0]),
                                      ("zy", "uint8", [], [120])):
        case.operand(name, kind, shape, values)
    case.result("y", "uint8", [4], [max(0, min(255, round((x - 128) * y * 0.125 / 16) + 120)) for x, y in zip(a, b)])
    return case


if __name__ == "__main__":
    main(globals())
