#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints an ONNX model as text: convolutions with a relu, each with a pooling of its own kind."""


def weight(name, shape):
    count = 1
    for size in shape:
        count *= size
    dims = " ".join(f"dims: {size}" for size in shape)
    data = " ".join(f"float_data: {(i * 7 + len(name)) % 13 / 13 - 0.5:.4f}" for i in range(count))
    return f'initializer {{ name: "{name}" data_type: 1 {dims} {data} }}'


def ints(name, values):
    return f'attribute {{ name: "{name}" type: INTS {" ".join(f"ints: {value}" for value in values)} }}'


def node(kind, inputs, output, *attributes):
    operands = " ".join(f'input: "{name}"' for name in inputs)
    return f'node {{ op_type: "{kind}" name: "{output}" {operands} output: "{output}" {" ".join(attributes)} }}'


def info(kind, name, shape=None):
    dims = "shape { " + " ".join(f"dim {{ dim_value: {size} }}" for size in shape) + " }" if shape else ""
    return f'{kind} {{ name: "{name}" type {{ tensor_type {{ elem_type: 1 {dims} }} }} }}'


def group(count):
    return f'attribute {{ name: "group" type: INT i: {count} }}'


# Name, input, weight's shape, attributes of the convolution, the pooling.
CASES = [
    ("overlap", "x", (10, 4, 3, 3), [ints("pads", [1, 1, 1, 1])], ("MaxPool", ints("kernel_shape", [3, 3]), ints("strides", [2, 2]))),
    ("apart", "x", (10, 4, 3, 3), [ints("pads", [1, 1, 1, 1])], ("MaxPool", ints("kernel_shape", [2, 3]), ints("strides", [2, 3]))),
    ("pads", "x", (9, 4, 5, 5), [ints("pads", [2, 2, 2, 2])],
     ("MaxPool", ints("kernel_shape", [3, 3]), ints("strides", [2, 2]), ints("pads", [1, 1, 1, 1]))),
    ("dense", "x", (6, 4, 3, 3), [ints("strides", [2, 1])], ("MaxPool", ints("kernel_shape", [3, 3]), ints("strides", [1, 1]))),
    ("dilated", "x", (6, 4, 3, 3), [ints("dilations", [2, 2])],
     ("MaxPool", ints("kernel_shape", [2, 2]), ints("strides", [2, 2]), ints("dilations", [2, 2]))),
    ("depthwise", "x", (4, 1, 3, 3), [group(4)], ("MaxPool", ints("kernel_shape", [3, 2]), ints("strides", [3, 2]))),
    ("grouped", "x", (6, 2, 3, 3), [group(2)], ("MaxPool", ints("kernel_shape", [2, 2]), ints("strides", [2, 2]))),
    ("line", "s", (5, 4, 7), [ints("pads", [3, 3])], ("MaxPool", ints("kernel_shape", [4]), ints("strides", [3]))),
    ("whole", "x", (7, 4, 3, 3), [], ("GlobalMaxPool",)),
]

print("ir_version: 9 opset_import { version: 17 } graph {", info("input", "x", (2, 4, 41, 37)), info("input", "s", (3, 4, 301)))
for name, source, shape, attributes, (pool, *options) in CASES:
    print(weight(f"w_{name}", shape), weight(f"b_{name}", shape[:1]))
    print(node("Conv", [source, f"w_{name}", f"b_{name}"], f"c_{name}", *attributes))
    print(node("Relu", [f"c_{name}"], f"r_{name}"))
    print(node(pool, [f"r_{name}"], f"y_{name}", *options))
    print(info("output", f"y_{name}"))
print("}")
