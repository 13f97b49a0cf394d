#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints a large ONNX model as text: large_model.py KIND NODES.

chain:  one long line of elementwise nodes, a matrix product at every eighth.
unary:  the same without products: nothing but the cost model cuts it.
fan:    pairs of nodes that all read one input, each with a constant of its own, summed in a tree.
heads:  products that all read one input, summed one after the other.
early:  layers that all read a value computed before the first.
layers: equal layers (product, bias, relu, residual), as a deep network has them, each with weights of its own.
loops:  loops one after the other.
nested: functions that call functions: NODES of them, each calling the one below ten times.
"""
import sys


def node(kind, inputs, output, domain="", attributes=""):
    operands = " ".join(f'input: "{name}"' for name in inputs)
    return f'node {{ op_type: "{kind}" domain: "{domain}" name: "{output}" {operands} output: "{output}" {attributes} }}'


def weight(name, shape, seed):
    count = 1
    for size in shape:
        count *= size
    dims = " ".join(f"dims: {size}" for size in shape)
    data = " ".join(f"float_data: {(seed * 7 + i * 3) % 11 / 40 - 0.1:.4f}" for i in range(count))
    return f'initializer {{ name: "{name}" data_type: 1 {dims} {data} }}'


def info(kind, name, shape):
    dims = " ".join(f"dim {{ dim_value: {size} }}" for size in shape)
    return f'{kind} {{ name: "{name}" type {{ tensor_type {{ elem_type: 1 shape {{ {dims} }} }} }} }}'


def line(kinds, count):
    """`count` nodes, each of which reads the one before; a product with the weight w is one of them."""
    value = "x"
    for i in range(count):
        kind = kinds[i % len(kinds)]
        yield node(kind, [value, "w"] if kind == "MatMul" else [value], f"v{i}")
        value = f"v{i}"
    yield node("Identity", [value], "y")


def chain(count):
    yield weight("w", (8, 8), 1)
    yield from line(("Tanh", "Sigmoid", "Relu", "Neg", "Tanh", "Sigmoid", "Relu", "MatMul"), count)


def unary(count):
    yield from line(("Neg", "Abs", "Sqrt"), count)


def fan(count):
    values = []
    for i in range(count // 4):
        yield weight(f"w{i}", (1,), i)
        yield node("Add", ["x", f"w{i}"], f"m{i}")
        yield node(("Exp", "Tanh", "Relu", "Neg", "Sigmoid")[i % 5], [f"m{i}"], f"v{i}")
        values.append(f"v{i}")
    number = 0
    while len(values) > 1:
        pairs = []
        for a, b in zip(values[::2], values[1::2]):
            yield node("Add", [a, b], f"s{number}")
            pairs.append(f"s{number}")
            number += 1
        values = pairs + values[len(values) // 2 * 2:]
    yield node("Identity", values, "y")


def heads(count):
    value = "x"
    for i in range(count // 2):
        yield weight(f"w{i}", (8, 8), i)
        yield node("MatMul", ["x", f"w{i}"], f"m{i}")
        yield node("Add", [f"m{i}", value], f"v{i}")
        value = f"v{i}"
    yield node("Identity", [value], "y")


def early(count):
    yield weight("w", (8, 8), 3)
    yield node("Exp", ["x"], "e")
    yield node("MatMul", ["e", "w"], "p")
    value = "x"
    for i in range(count // 3):
        yield node("MatMul", [value, "w"], f"m{i}")
        yield node("Add", [f"m{i}", "p"], f"a{i}")
        yield node("Softmax", [f"a{i}"], f"v{i}")
        value = f"v{i}"
    yield node("Identity", [value], "y")


def layers(count):
    value = "x"
    for i in range(count // 4):
        yield weight(f"w{i}", (8, 8), i)
        yield weight(f"b{i}", (8,), i)
        yield node("MatMul", [value, f"w{i}"], f"m{i}")
        yield node("Add", [f"m{i}", f"b{i}"], f"a{i}")
        yield node("Relu", [f"a{i}"], f"r{i}")
        yield node("Add", [f"r{i}", value], f"v{i}")
        value = f"v{i}"
    yield node("Identity", [value], "y")


def loops(count):
    value = "x"
    yield 'initializer { name: "trips" data_type: 7 int64_data: 100 }'
    yield 'initializer { name: "go" data_type: 9 int32_data: 1 }'
    nodes = node("Identity", ["c"], "d") + node("Softmax", ["v"], "s") + node("Sin", ["s"], "u")
    body = ('attribute { name: "body" type: GRAPH g { name: "b" input { name: "i" } input { name: "c" } '
            f'input {{ name: "v" }} {nodes} output {{ name: "d" }} output {{ name: "u" }} }} }}')
    for i in range(count // 4):
        yield node("Loop", ["trips", "go", value], f"v{i}", attributes=body)
        value = f"v{i}"
    yield node("Identity", [value], "y")


def ten(kind, domain):
    value = "x"
    for i in range(10):
        yield node(kind, [value], f"v{i}" if i < 9 else "y", domain)
        value = f"v{i}"


def nested(count):
    yield from ten(f"f{count}", "test")


def functions(count):
    for level in range(1, count + 1):
        yield (f'functions {{ name: "f{level}" domain: "test" input: "x" output: "y" opset_import {{ version: 17 }} '
               'opset_import { domain: "test" version: 1 }')
        yield from ten(f"f{level - 1}", "test") if level > 1 else ten("Sin", "")
        yield "}"


KINDS = {function.__name__: function for function in (chain, unary, fan, heads, early, layers, loops, nested)}


def main():
    generate, count = KINDS[sys.argv[1]], int(sys.argv[2])
    print("ir_version: 9 opset_import { version: 17 } graph {", info("input", "x", (4, 8)), info("output", "y", (4, 8)))
    for text in generate(count):
        print(text)
    print("}")
    if generate is nested:
        print('opset_import { domain: "test" version: 1 }')
        for text in functions(count):
            print(text)


if __name__ == "__main__":
    main()
