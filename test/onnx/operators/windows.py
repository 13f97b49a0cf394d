# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Convolutions and transposed convolutions, by adding each product at its place."""
import itertools
import math

from case import Case, Values, main


def numbers(values, *counts):
    """Lists of eighths, whose sums of products are exact in any order."""
    return ([v / 8 for v in values.integers(count, -8, 8)] for count in counts)


def flat(index, shape):
    place = 0
    for i, n in zip(index, shape):
        place = place * n + i
    return place


def convolution(folder, image, kernel, channels, outputs, groups=1, batch=1, **attributes):
    """`channels` and `outputs` are those of a group."""
    rank = len(image)
    strides, dilations = (attributes.get(name, [1] * rank) for name in ("strides", "dilations"))
    pads = attributes.get("pads", [0] * 2 * rank)
    size = [(image[d] + pads[d] + pads[d + rank] - (kernel[d] - 1) * dilations[d] - 1) // strides[d] + 1
            for d in range(rank)]
    r = Values(sum(image) + 7 * outputs)
    x_shape, w_shape = [batch, groups * channels, *image], [groups * outputs, channels, *kernel]
    x, w, bias = numbers(r, math.prod(x_shape), math.prod(w_shape), groups * outputs)
    y = []
    taps = list(itertools.product(*map(range, kernel)))
    for n, m in itertools.product(range(batch), range(groups * outputs)):
        for at in itertools.product(*map(range, size)):
            total = bias[m]
            for k in taps:
                place = [at[d] * strides[d] + k[d] * dilations[d] - pads[d] for d in range(rank)]
                if all(0 <= p < i for p, i in zip(place, image)):
                    offset, tap = flat(place, image), flat(k, kernel)
                    for c in range(channels):
                        total += (x[(n * groups * channels + m // outputs * channels + c) * math.prod(image) + offset]
                                  * w[(m * channels + c) * len(taps) + tap])
            y.append(total)
    case = Case(folder, "Conv", version=11, group=groups, **attributes)
    case.operand("x", "float", x_shape, x)
    case.operand("w", "float", w_shape, w, weight=True)
    case.operand("b", "float", [groups * outputs], bias)
    case.result("y", "float", [batch, groups * outputs, *size], y)
    return case


def test_short_lines(folder):
    return convolution(folder, [11, 7], [3, 3], channels=3, outputs=37, batch=2, pads=[1, 1, 1, 1])


def test_short_lines_of_many_outputs(folder):
    # A row of weights is a whole number of pages: they are packed.
    return convolution(folder, [5, 6], [2, 2], channels=256, outputs=14)


def test_short_lines_with_strides(folder):
    return convolution(folder, [19, 17], [3, 5], channels=4, outputs=18, strides=[2, 2], pads=[1, 2, 1, 2])


def test_short_lines_with_dilations(folder):
    return convolution(folder, [13, 12], [3, 3], channels=2, outputs=15, groups=2, dilations=[2, 3], pads=[2, 3, 2, 3],
                       strides=[2, 1])


def test_depthwise_short_lines(folder):
    return convolution(folder, [14, 11], [3, 3], channels=1, outputs=1, groups=5, pads=[1, 1, 1, 1])


def test_short_volumes(folder):
    return convolution(folder, [4, 6, 5], [2, 3, 3], channels=2, outputs=9, pads=[0, 1, 1, 1, 1, 1])


def test_rows_of_a_long_line(folder):
    return convolution(folder, [40], [5], channels=6, outputs=31, pads=[2, 2])


def transposed(folder, image, kernel, channels=2, outputs=3, groups=1, **attributes):
    """`channels` and `outputs` are those of a group."""
    rank = len(image)
    strides, dilations, added = (attributes.get(name, [value] * rank)
                                 for name, value in (("strides", 1), ("dilations", 1), ("output_padding", 0)))
    pads = attributes.get("pads", [0] * 2 * rank)
    size = [(image[d] - 1) * strides[d] + added[d] + (kernel[d] - 1) * dilations[d] + 1 - pads[d] - pads[d + rank]
            for d in range(rank)]
    r = Values(sum(image) + 7 * sum(kernel))
    x_shape, w_shape = [1, groups * channels, *image], [groups * channels, outputs, *kernel]
    x, w, bias = numbers(r, math.prod(x_shape), math.prod(w_shape), groups * outputs)
    y = [b for b in bias for _ in range(math.prod(size))]

    for c, m in itertools.product(range(groups * channels), range(outputs)):
        out = c // channels * outputs + m
        for at in itertools.product(*map(range, image)):
            for k in itertools.product(*map(range, kernel)):
                to = [at[d] * strides[d] + k[d] * dilations[d] - pads[d] for d in range(rank)]
                if all(0 <= t < n for t, n in zip(to, size)):
                    y[out * math.prod(size) + flat(to, size)] += (x[c * math.prod(image) + flat(at, image)]
                                                                  * w[(c * outputs + m) * math.prod(kernel) + flat(k, kernel)])
    case = Case(folder, "ConvTranspose", version=11, group=groups, **attributes)
    case.operand("x", "float", x_shape, x)
    case.operand("w", "float", w_shape, w, weight=True)
    case.operand("b", "float", [groups * outputs], bias)
    case.result("y", "float", [1, groups * outputs, *size], y)
    return case


def test_doubling(folder):
    return transposed(folder, [5, 4], [2, 2], strides=[2, 2])


def test_windows_of_equal_phases(folder):
    return transposed(folder, [5, 4], [4, 6], strides=[2, 3], pads=[1, 2, 1, 0], groups=2)


def test_windows_of_unequal_phases(folder):
    return transposed(folder, [5, 4], [3, 5], strides=[2, 3], pads=[1, 1, 1, 1], output_padding=[1, 0], groups=2)


def test_gaps(folder):
    return transposed(folder, [4, 3], [1, 2], strides=[3, 2], output_padding=[2, 1])


def test_one_phase_with_dilation(folder):
    return transposed(folder, [5, 4], [3, 2], dilations=[2, 3], pads=[1, 0, 2, 1])


def test_stride_with_dilation(folder):
    return transposed(folder, [5, 4], [3, 2], strides=[2, 1], dilations=[3, 2])


def test_padding_beyond_the_windows(folder):
    return transposed(folder, [6], [3], strides=[2], pads=[5, 4])


def test_padding_that_adds(folder):
    return transposed(folder, [3], [4], strides=[2], pads=[-3, -2])


def test_large_stride(folder):
    return transposed(folder, [4], [40], channels=1, outputs=2, strides=[17], pads=[3, 2])


def test_volume(folder):
    return transposed(folder, [2, 3, 2], [2, 3, 2], strides=[2, 2, 1], pads=[0, 1, 0, 0, 1, 1])


if __name__ == "__main__":
    main(globals())
