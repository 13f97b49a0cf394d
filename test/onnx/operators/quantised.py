# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised operators. Scales are powers of two, so that the expected integers follow without rounding but the last."""
from case import Case, Values, main


def test_matmul_integer_by_rows_and_columns(folder):
    rows, depth, columns = 3, 5, 4
    r = Values(1)
    a, b = r.integers(rows * depth, 0, 255), r.integers(depth * columns, -128, 127)
    za, zb = r.integers(rows, 0, 255), r.integers(columns, -9, 9)
    case = Case(folder, "MatMulInteger", version=10)
    case.operand("a", "uint8", [rows, depth], a)
    case.operand("b", "int8", [depth, columns], b)
    case.operand("za", "uint8", [rows], za)
    case.operand("zb", "int8", [columns], zb)
    case.result("y", "int32", [rows, columns], [
        sum((a[i * depth + k] - za[i]) * (b[k * columns + j] - zb[j]) for k in range(depth))
        for i in range(rows) for j in range(columns)])
    return case


def test_matmul_known_weights(folder):
    """The zero point of the left operand is taken off the sums."""
    rows, depth, columns = 4, 70, 3
    r = Values(2)
    a, b = r.integers(rows * depth, 0, 255), r.integers(depth * columns, -128, 127)
    case = Case(folder, "QLinearMatMul", version=21)
    case.operand("a", "uint8", [rows, depth], a)
    case.operand("sa", "float", [], [0.125])
    case.operand("za", "uint8", [], [131])
    case.operand("b", "int8", [depth, columns], b, weight=True)
    case.operand("sb", "float", [columns], [0.5, 0.25, 0.125], weight=True)
    case.operand("zb", "int8", [columns], [0] * columns, weight=True)
    case.operand("sy", "float", [], [64.0])
    case.operand("zy", "int8", [], [-3])
    sums = [sum((a[i * depth + k] - 131) * b[k * columns + j] for k in range(depth)) for i in range(rows)
            for j in range(columns)]
    case.result("y", "int8", [rows, columns],
                [max(-128, min(127, round(s * 2.0**(-4 - n % columns) / 64) - 3)) for n, s in enumerate(sums)])
    return case


def test_convolution_padded_with_zero_points(folder):
    channels, outputs, size, pad = 2, 3, 5, 1
    r = Values(3)
    x, w = r.integers(channels * size * size, 0, 255), r.integers(outputs * channels * 9, -128, 127)
    bias, zw, scales = r.integers(outputs, -500, 500), [4, -7, 0], [0.25, 0.5, 0.125]
    y = []
    for o in range(outputs):
        for i in range(size):
            for j in range(size):
                total = bias[o]
                for c in range(channels):
                    for u in range(3):
                        for v in range(3):
                            p, q = i + u - pad, j + v - pad
                            if 0 <= p < size and 0 <= q < size:
                                weight = w[((o * channels + c) * 3 + u) * 3 + v] - zw[o]
                                total += (x[(c * size + p) * size + q] - 100) * weight
                # round goes to even at a tie, as the operator does.
                y.append(max(0, min(255, round(total * 0.5 * scales[o] / 128) + 90)))
    case = Case(folder, "QLinearConv", version=10, pads=[pad] * 4, kernel_shape=[3, 3])
    for name, kind, shape, values in (("x", "uint8", [1, channels, size, size], x), ("sx", "float", [], [0.5]),
                                      ("zx", "uint8", [], [100]), ("w", "int8", [outputs, channels, 3, 3], w),
                                      ("sw", "float", [outputs], scales), ("zw", "int8", [outputs], zw),
                                      ("sy", "float", [], [128.0]), ("zy", "uint8", [], [90]),
                                      ("bias", "int32", [outputs], bias)):
        case.operand(name, kind, shape, values)
    case.result("y", "uint8", [1, outputs, size, size], y)
    return case


def test_dequantize_blocks(folder):
    x, scales, zeros = list(range(-6, 6)), [0.5, 2.0, 0.25, 4.0], [1, -2, 0, 3]
    case = Case(folder, "DequantizeLinear", version=21, axis=1, block_size=4)
    case.operand("x", "int8", [2, 6], x)
    case.operand("scale", "float", [2, 2], scales)
    case.operand("zero", "int8", [2, 2], zeros)
    block = lambda i: i // 6 * 2 + i % 6 // 4
    case.result("y", "float", [2, 6], [(v - zeros[block(i)]) * scales[block(i)] for i, v in enumerate(x)])
    return case


def test_quantize_saturates_and_rounds_to_even(folder):
    x = [0.5, 1.5, 2.5, -0.5, 300.0, -300.0, 63.75, float("inf")]
    case = Case(folder, "QuantizeLinear", version=19)
    case.operand("x", "float", [8], x)
    case.operand("scale", "float", [], [0.5])
    case.operand("zero", "int8", [], [10])
    case.result("y", "int8", [8], [11, 13, 15, 9, 127, -128, 127, 127])
    return case


def test_quantize_to_4_bits(folder):
    x = [-9.0, -3.75, 0.0, 2.25, 2.75, 7.0, 100.0]
    case = Case(folder, "QuantizeLinear", version=21)
    case.operand("x", "float", [7], x)
    case.operand("scale", "float", [], [0.5])
    case.operand("zero", "int4", [], [-2], weight=True)
    case.result("y", "int4", [7], [-8, -8, -2, 2, 4, 7, 7])
    return case


def quotients(folder, expected, **attributes):
    # Of 16 bits the quotients are n + 1/2, and rounded to an even number; exactly they are a little less or more.
    case = Case(folder, "QuantizeLinear", version=23, axis=0, **attributes)
    case.operand("x", "float16", [4], [55.875, 27.5, 65.75, 42.625])
    case.operand("scale", "float16", [4], [0.828125, 0.359375, 0.859375, 0.796875])
    case.result("y", "uint8", [4], expected)
    return case


def test_quantize_by_quotients_of_the_scale(folder):
    return quotients(folder, [68, 76, 76, 54])


def test_quantize_by_quotients_in_floats(folder):
    return quotients(folder, [67, 77, 77, 53], precision=1)


def test_dequantize_2_bits(folder):
    case = Case(folder, "DequantizeLinear", version=25)
    case.operand("x", "int2", [5], [-2, -1, 0, 1, -2])
    case.operand("scale", "float", [], [0.5])
    case.operand("zero", "int2", [], [1], weight=True)
    case.result("y", "float", [5], [-1.5, -1.0, -0.5, 0.0, -1.5])
    return case


def test_cast_wraps_to_4_bits(folder):
    case = Case(folder, "Cast", version=21, to=21)
    case.operand("x", "float", [5], [-1.5, 3.9, 15.0, 16.0, 33.0])
    case.result("y", "uint4", [5], [15, 3, 15, 0, 1])
    return case


if __name__ == "__main__":
    main(globals())
