# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention and its companions, by loops over elements."""
import math

from case import Case, Values, main


def at(values, shape, *index):
    position = 0
    for size, i in zip(shape, index):
        position = position * size + i
    return values[position]


def softmax(scores):
    largest = max(scores)
    if largest == -math.inf:
        return [0.0] * len(scores)
    powers = [math.exp(s - largest) for s in scores]
    return [p / sum(powers) for p in powers]


def attend(q, k, v, sizes, score):
    """`score(batch, head, query, key, product)` says what the softmax sees. Heads of q share heads of k and v."""
    batch, heads, groups, queries, keys, depth, width = sizes
    result = []
    for b in range(batch):
        for h in range(heads):
            g = h // (heads // groups)
            for i in range(queries):
                products = [sum(at(q, (batch, heads, queries, depth), b, h, i, d) *
                                at(k, (batch, groups, keys, depth), b, g, j, d) for d in range(depth))
                            for j in range(keys)]
                shares = softmax([score(b, h, i, j, p) for j, p in enumerate(products)])
                result += [sum(shares[j] * at(v, (batch, groups, keys, width), b, g, j, e) for j in range(keys))
                           for e in range(width)]
    return result


def test_attention_causal_past_softcap_grouped(folder):
    batch, heads, groups, queries, past, depth, width = 2, 4, 2, 3, 2, 5, 6
    keys, r = past + queries, Values()
    q = r.floats(batch * heads * queries * depth)
    new_k, new_v = r.floats(batch * groups * queries * depth), r.floats(batch * groups * queries * width)
    old_k, old_v = r.floats(batch * groups * past * depth), r.floats(batch * groups * past * width)
    join = lambda old, new, size: [x for n in range(batch * groups)
                                   for x in old[n * past * size:(n + 1) * past * size] +
                                   new[n * queries * size:(n + 1) * queries * size]]
    k, v = join(old_k, new_k, depth), join(old_v, new_v, width)
    case = Case(folder, "Attention", version=24, is_causal=1, softcap=2.0, scale=0.7)
    case.operand("q", "float", [batch, heads, queries, depth], q)
    case.operand("k", "float", [batch, groups, queries, depth], new_k)
    case.operand("v", "float", [batch, groups, queries, width], new_v)
    case.operand(None)
    case.operand("past_k", "float", [batch, groups, past, depth], old_k)
    case.operand("past_v", "float", [batch, groups, past, width], old_v)
    score = lambda b, h, i, j, p: 2 * math.tanh(0.7 * p / 2) if j <= i + past else -math.inf
    case.result("y", "float", [batch, heads, queries, width],
                attend(q, k, v, (batch, heads, groups, queries, keys, depth, width), score))
    case.result("present_k", "float", [batch, groups, keys, depth], k)
    case.result("present_v", "float", [batch, groups, keys, width], v)
    return case


def test_attention_masked_rows_and_lengths(folder):
    batch, heads, queries, keys, depth = 2, 1, 3, 4, 2
    r = Values(7)
    q, k, v = (r.floats(batch * heads * n * depth) for n in (queries, keys, keys))
    lengths = [4, 2]
    mask = [True, False, True, True, False, False, False, False, True, True, True, True]
    case = Case(folder, "Attention", version=24)
    case.operand("q", "float", [batch, heads, queries, depth], q)
    case.operand("k", "float", [batch, heads, keys, depth], k)
    case.operand("v", "float", [batch, heads, keys, depth], v)
    case.operand("mask", "bool", [queries, keys], mask)
    case.operand(None), case.operand(None)
    case.operand("lengths", "int64", [batch], lengths)
    score = lambda b, h, i, j, p: p / math.sqrt(depth) if mask[i * keys + j] and j < lengths[b] else -math.inf
    case.result("y", "float", [batch, heads, queries, depth],
                attend(q, k, v, (batch, heads, heads, queries, keys, depth, depth), score))
    return case


def test_rotary_embedding_partial(folder):
    batch, heads, length, depth, rotated = 1, 2, 3, 6, 4
    r = Values(3)
    x = r.floats(batch * heads * length * depth)
    angles = r.floats(batch * length * rotated // 2, -3, 3)
    cosines, sines = [math.cos(a) for a in angles], [math.sin(a) for a in angles]
    y = list(x)
    for h in range(heads):
        for s in range(length):
            for pair in range(rotated // 2):
                first, second = ((h * length + s) * depth + p for p in (pair, pair + rotated // 2))
                c, t = cosines[s * rotated // 2 + pair], sines[s * rotated // 2 + pair]
                y[first], y[second] = c * x[first] - t * x[second], t * x[first] + c * x[second]
    case = Case(folder, "RotaryEmbedding", version=23, rotary_embedding_dim=rotated)
    case.operand("x", "float", [batch, heads, length, depth], x)
    case.operand("cos", "float", [batch, length, rotated // 2], cosines)
    case.operand("sin", "float", [batch, length, rotated // 2], sines)
    case.result("y", "float", [batch, heads, length, depth], y)
    return case


def test_causal_convolution(folder):
    channels, length, size = 2, 5, 3
    r = Values(5)
    x, w, bias, past = (r.floats(n) for n in (channels * length, channels * size, channels, channels * (size - 1)))
    y, state = [], []
    for c in range(channels):
        row = past[c * (size - 1):(c + 1) * (size - 1)] + x[c * length:(c + 1) * length]
        state += row[length:]
        for t in range(length):
            total = bias[c] + sum(row[t + i] * w[c * size + i] for i in range(size))
            y.append(total / (1 + math.exp(-total)))
    case = Case(folder, "CausalConvWithState", version=27, activation="silu")
    case.operand("x", "float", [1, channels, length], x)
    case.operand("w", "float", [channels, 1, size], w)
    case.operand("b", "float", [channels], bias)
    case.operand("past", "float", [1, channels, size - 1], past)
    case.result("y", "float", [1, channels, length], y)
    case.result("present", "float", [1, channels, size - 1], state)
    return case


if __name__ == "__main__":
    main(globals())
