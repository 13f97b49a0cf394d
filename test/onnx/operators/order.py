# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Orders of few elements, taken by ranks, and of many, taken by a network of exchanges."""
import functools
import math

from case import Case, Values, main


def first(values, count, largest):
    """Positions of the first elements: NaN counts as the largest, equal ones stand in their old order."""

    def compare(i, j):
        a, b = values[i], values[j]
        if math.isnan(a) or math.isnan(b):
            order = math.isnan(a) - math.isnan(b)
        else:
            order = (a > b) - (a < b)
        return (-order if largest else order) or i - j

    return sorted(range(len(values)), key=functools.cmp_to_key(compare))[:count]


def case_of(folder, kind, shape, values, count, axis=-1, largest=True):
    case = Case(folder, "TopK", version=11, axis=axis, largest=int(largest))
    case.operand("x", kind, shape, values)
    case.operand("k", "int64", [1], [count], weight=True)
    dim = axis % len(shape)
    inner, size = math.prod(shape[dim + 1:]), shape[dim]
    result_shape = [*shape[:dim], count, *shape[dim + 1:]]
    found, places = ([0] * math.prod(result_shape) for _ in range(2))
    for outer in range(math.prod(shape[:dim])):
        for i in range(inner):
            row = [values[(outer * size + at) * inner + i] for at in range(size)]
            for r, at in enumerate(first(row, count, largest)):
                found[(outer * count + r) * inner + i] = row[at]
                places[(outer * count + r) * inner + i] = at
    case.result("values", kind, result_shape, found)
    case.result("places", "int64", result_shape, places)
    return case


def with_corners(values):
    """Equal numbers, signed zeros, infinities and NaN among them."""
    for at, value in enumerate([math.nan, math.inf, -math.inf, 0.0, -0.0, math.nan, -math.inf, math.inf]):
        values[at * 37 % len(values)] = value
    return values


def test_few(folder):
    return case_of(folder, "float", [3, 50, 2], with_corners(Values(1).floats(300)), 7, axis=1)


def test_few_of_many(folder):
    return case_of(folder, "float", [1, 9001], with_corners(Values(2).floats(9001)), 10)


def test_smallest_of_many(folder):
    return case_of(folder, "float", [5000, 2], with_corners(Values(3).floats(10000)), 33, axis=0, largest=False)


def test_last_numbers(folder):
    # The numbers of the padding are among the data, which come first all the same.
    return case_of(folder, "float", [5000], [-math.inf] * 2500 + [math.nan] * 2500, 5000, largest=False)


def test_sort(folder):
    return case_of(folder, "int32", [5000], Values(4).integers(5000, -100, 100), 5000)


def test_sort_unsigned(folder):
    return case_of(folder, "uint8", [2, 6000], Values(5).integers(12000, 0, 255), 6000, largest=False)


def test_sort_halves(folder):
    return case_of(folder, "float16", [4097], [float(v) for v in Values(6).integers(4097, -2048, 2048)], 4097)


if __name__ == "__main__":
    main(globals())
