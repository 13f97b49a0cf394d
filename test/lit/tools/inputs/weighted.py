# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""weighted.py FILE: writes an ONNX model y = relu(x w + b) whose weight is large enough to stay outside the IR.

The messages are encoded here: field number and wire type, then the value.
"""
import struct
import sys


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(name, shape, values):
    sizes = b"".join(number(1, size) for size in shape)
    return sizes + number(2, 1) + chunk(8, name) + chunk(9, struct.pack(f"<{len(values)}f", *values))


def value_info(name, shape):
    dims = b"".join(chunk(1, number(1, size)) for size in shape)
    return chunk(1, name) + chunk(2, chunk(1, number(1, 1) + chunk(2, dims)))


def node(name, kind, inputs, outputs):
    words = b"".join(chunk(1, i) for i in inputs) + b"".join(chunk(2, o) for o in outputs)
    return words + chunk(3, name) + chunk(4, kind)


weight = [((i * 37) % 101 - 50) / 64 for i in range(16 * 8)]
bias = [i / 8 for i in range(8)]
graph = (chunk(1, node("product", "MatMul", ["x", "w"], ["p"])) + chunk(1, node("bias", "Add", ["p", "b"], ["q"])) +
         chunk(1, node("activation", "Relu", ["q"], ["y"])) + chunk(2, "g") +
         chunk(5, tensor("w", [16, 8], weight)) + chunk(5, tensor("b", [8], bias)) +
         chunk(11, value_info("x", [2, 16])) + chunk(12, value_info("y", [2, 8])))
with open(sys.argv[1], "wb") as file:
    file.write(number(1, 8) + chunk(7, graph) + chunk(8, chunk(1, "") + number(2, 17)))
