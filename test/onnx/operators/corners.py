# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attributes and types that an operator allows and models rarely have."""
from fractions import Fraction
import math

from case import Case, Values, main


def test_pad_value_that_is_not_used(folder):
    case = Case(folder, "Pad", version=9, mode="edge", pads=[1, 2], value=0.5)
    case.operand("x", "float", [3], [1, 2, 3])
    case.result("y", "float", [6], [1, 1, 2, 3, 3, 3])
    return case


def test_shrink_integers_by_a_fraction(folder):
    x = [-9, -2, -1, 0, 1, 2, 9]
    case = Case(folder, "Shrink", version=9, bias=0.5, lambd=1.0)
    case.operand("x", "int32", [len(x)], x)
    case.result("y", "int32", [len(x)], [int(v + 0.5) if v < -1 else int(v - 0.5) if v > 1 else 0 for v in x])
    return case


def of_integers(folder, operator, function):
    x = [[1, 2, 3, 4], [9, 0, 5, 7], [2, 2, 2, 2]]
    case = Case(folder, operator, version=13, axes=[1], keepdims=0)
    case.operand("x", "int32", [3, 4], sum(x, []))
    case.result("y", "int32", [3], [int(function(row)) for row in x])
    return case


def test_logarithm_of_a_sum_of_integers(folder):
    return of_integers(folder, "ReduceLogSum", lambda row: math.log(sum(row)))


def test_logarithm_of_a_sum_of_exponentials_of_integers(folder):
    return of_integers(folder, "ReduceLogSumExp", lambda row: math.log(sum(map(math.exp, row))))


def layer_norm(folder, kind):
    x = [[1, 2, 3, 6], [-1, 1, -1, 1]]
    means = [sum(row) / 4 for row in x]
    deviations = [math.sqrt(sum((v - m) ** 2 for v in row) / 4 + 0.5) for row, m in zip(x, means)]
    case = Case(folder, "LayerNormalization", version=17, epsilon=0.5)
    case.operand("x", kind, [2, 4], sum(x, []))
    case.operand("scale", kind, [4], [1, 1, 1, 1])
    case.result("y", kind, [2, 4], [(v - m) / d for row, m, d in zip(x, means, deviations) for v in row])
    # Floats of 32 bits, whatever the operand has.
    case.result("mean", "float", [2, 1], means)
    case.result("inverse", "float", [2, 1], [1 / d for d in deviations])
    return case


def test_layer_norm_statistics_of_doubles(folder):
    return layer_norm(folder, "double")


def test_layer_norm_statistics_of_halves(folder):
    return layer_norm(folder, "float16")


def pool(folder, operator, function, size, kernel, stride, pads, **attributes):
    """One window more than is whole: also where none is."""
    x = [v / 8 for v in Values(size).integers(size, -32, 32)]
    count = -((kernel - size - sum(pads)) // stride) + 1
    y = []
    for at in range(count):
        window = range(at * stride - pads[0], at * stride - pads[0] + kernel)
        y.append(function([x[i] for i in window if 0 <= i < size]))
    case = Case(folder, operator, version=19, ceil_mode=1, kernel_shape=[kernel], strides=[stride], pads=pads, **attributes)
    case.operand("x", "float", [1, 1, size], x)
    case.result("y", "float", [1, 1, count], y)
    return case


def test_average_of_a_window_larger_than_the_image(folder):
    return pool(folder, "AveragePool", lambda window: sum(window) / len(window), 2, 4, 3, [1, 0])


def test_maximum_of_a_window_larger_than_the_image(folder):
    return pool(folder, "MaxPool", max, 3, 5, 3, [0, 0])


def test_norm_of_an_image(folder):
    x = [v / 8 for v in Values(3).integers(12, -32, 32)]
    case = Case(folder, "GlobalLpPool", version=2, p=3)
    case.operand("x", "float", [1, 2, 2, 3], x)
    case.result("y", "float", [1, 2, 1, 1], [sum(abs(v) ** 3 for v in x[at:at + 6]) ** (1 / 3) for at in (0, 6)])
    return case


def test_scaled_size_in_floats(folder):
    # 2.6 as a float is less than 2.6, but 5 times it is 13 as a float.
    case = Case(folder, "Resize", version=13, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    case.operand("x", "float", [5], [0, 1, 2, 3, 4])
    case.operand(None)
    case.operand("scales", "float", [1], [2.6], weight=True)
    case.result("y", "float", [13], [math.floor(i / 2.6) for i in range(13)])
    return case


def test_positions_of_a_scale_in_floats(folder):
    # Position 6 is (6 + 1/2) / 2.6 - 1/2 = 2, and a little more by the float next to 2.6.
    case = Case(folder, "Resize", version=13, mode="nearest", nearest_mode="ceil")
    case.operand("x", "float", [5], [0, 1, 2, 3, 4])
    case.operand(None)
    case.operand("scales", "float", [1], [2.6], weight=True)
    places = [math.ceil(Fraction(2 * i + 1, 2) / Fraction(26, 10) - Fraction(1, 2)) for i in range(13)]
    case.result("y", "float", [13], [min(max(p, 0), 4) for p in places])
    return case


def test_integers_between_equal_pixels(folder):
    case = Case(folder, "Resize", version=13, mode="linear")
    case.operand("x", "uint8", [5], [9, 9, 8, 9, 9])
    case.operand(None)
    case.operand("scales", "float", [1], [2.6], weight=True)
    values = [9, 9, 8, 9, 9]
    y = []
    for i in range(13):
        at = min(max(Fraction(2 * i + 1, 2) / Fraction(26, 10) - Fraction(1, 2), 0), 4)
        low = min(math.floor(at), 3)
        y.append(math.floor(values[low] + (values[low + 1] - values[low]) * (at - low)))
    case.result("y", "uint8", [13], y)
    return case


def test_powers_of_zeros_and_by_infinity(folder):
    x, y = [-0.0, -0.0, -0.0, -0.0, 0.0, -0.0, -1, -1, -0.5], [-1, -3, -2, 0.5, -3, -0.5, math.inf, -math.inf, math.inf]
    case = Case(folder, "Pow", version=13)
    case.operand("x", "float", [9], x)
    case.operand("y", "float", [9], y)
    case.result("z", "float", [9], [-math.inf, -math.inf, math.inf, 0, math.inf, math.inf, 1, 1, 0])
    return case


def test_antialiased_integers_are_rounded(folder):
    x = [8, 9, 3, 2]
    y = []
    for i in range(7):
        at = min(max((i + 0.5) * 4 / 7 - 0.5, 0), 3)
        low = min(math.floor(at), 2)
        y.append(round(x[low] + (x[low + 1] - x[low]) * (at - low)))
    case = Case(folder, "Resize", version=18, mode="linear", antialias=1)
    case.operand("x", "uint8", [1, 1, 4], x)
    case.operand(None)
    case.operand(None)
    case.operand("sizes", "int64", [3], [1, 1, 7], weight=True)
    case.result("y", "uint8", [1, 1, 7], y)
    return case


def cubic(x):
    x, a = abs(x), -0.75
    return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1 if x <= 1 else a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a


def test_cubic_samples_at_the_border(folder):
    # A position up to half an element outside is not moved; its taps are, each to the border.
    image, grid = [1, 2, 5, -3], [-1, -0.875, -0.5, 0.25, 0.9375, 1, 1.5]
    y = []
    for g in grid:
        at = ((g + 1) * 4 - 1) / 2
        if not -0.5 <= at <= 3.5:
            at = min(max(at, 0), 3)
        first = math.floor(at) - 1
        y.append(sum(cubic(at - i) * image[min(max(i, 0), 3)] for i in range(first, first + 4)))
    case = Case(folder, "GridSample", version=20, mode="cubic", padding_mode="border")
    case.operand("x", "float", [1, 1, 1, 4], image)
    case.operand("grid", "float", [1, 1, len(grid), 2], [v for g in grid for v in (g, 0)])
    case.result("y", "float", [1, 1, 1, len(grid)], y)
    return case


def scattered_truths(folder, reduction, function):
    x, places, updates = [0, 1, 0, 1, 1], [0, 0, 2, 3, 3, 4], [1, 1, 0, 1, 0, 1]
    y = list(x)
    for place, update in zip(places, updates):
        y[place] = function(y[place], update)
    case = Case(folder, "ScatterElements", version=18, axis=0, reduction=reduction)
    case.operand("x", "bool", [len(x)], x)
    case.operand("places", "int64", [len(places)], places)
    case.operand("updates", "bool", [len(updates)], updates)
    case.result("y", "bool", [len(y)], y)
    return case


def test_scattered_sum_of_truths(folder):
    return scattered_truths(folder, "add", max)


def test_scattered_product_of_truths(folder):
    return scattered_truths(folder, "mul", min)


if __name__ == "__main__":
    main(globals())
