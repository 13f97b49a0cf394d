# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Transposed convolutions, by adding each window at its place."""
import itertools
import math

from case import Case, Values, main


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
    x, w, bias = r.floats(math.prod(x_shape)), r.floats(math.prod(w_shape)), r.floats(groups * outputs)
    y = [b for b in bias for _ in range(math.prod(size))]

    def flat(index, shape):
        place = 0
        for i, n in zip(index, shape):
            place = place * n + i
        return place

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
