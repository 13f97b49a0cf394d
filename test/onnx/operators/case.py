# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes models of one node, with operands and expected results, as cases for `tinyc check`.

    def test_double(folder):
        case = Case(folder, "Add")
        case.operand("x", "float", [2], [1, 2])
        case.operand("y", "float", [2], [1, 2])
        case.result("z", "float", [2], [2, 4])

main() runs every function test_* of its caller's file and prints the folders of the cases.
"""
import array
import os
import pathlib
import struct
import sys

TYPES = {"float": (1, "f"), "uint8": (2, "B"), "int8": (3, "b"), "uint16": (4, "H"), "int16": (5, "h"), "int32": (6, "i"),
         "int64": (7, "q"), "bool": (9, "B"), "float16": (10, "e"), "double": (11, "d"), "float8e4m3fn": (17, "B"),
         "float8e4m3fnuz": (18, "B"), "float8e5m2": (19, "B"), "float8e5m2fnuz": (20, "B"), "uint4": (21, 4), "int4": (22, 4),
         "uint2": (25, 2), "int2": (26, 2)}


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, value):
    """A field of a message: bytes, text, or an integer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, kind, shape, values):
    number, code = TYPES[kind]
    if isinstance(code, int):  # bits, the first element in the lowest of a byte
        word = sum((value & (1 << code) - 1) << i * code for i, value in enumerate(values))
        content = word.to_bytes((len(values) * code + 7) // 8, "little")
    else:
        content = b"".join(struct.pack("<" + code, value) for value in values)
    return b"".join(field(1, size) for size in shape) + field(2, number) + field(8, name) + field(9, content)


def attribute(name, value):
    if isinstance(value, bool) or isinstance(value, int):
        return field(1, name) + field(3, int(value)) + field(20, 2)
    if isinstance(value, float):
        return field(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + field(20, 1)
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    return field(1, name) + b"".join(field(8, each) for each in value) + field(20, 7)


def value_info(name, kind, shape):
    dims = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, TYPES[kind][0]) + field(2, dims)))


class Case:
    """A node with operands that are inputs, or weights if `weight`. None as an operand leaves it out. The values of
    8-bit floats are their bytes. Results `as_bytes` are reinterpreted as uint8, so that NaNs are compared bit by bit."""

    def __init__(self, folder, operator, domain="", version=21, as_bytes=False, **attributes):
        self.as_bytes = as_bytes
        self.folder, self.operator, self.domain, self.version = pathlib.Path(folder), operator, domain, version
        self.attributes = attributes
        self.operands, self.inputs, self.weights, self.results = [], [], [], []

    def operand(self, name, kind=None, shape=(), values=(), weight=False):
        self.operands.append(name or "")
        if name:
            (self.weights if weight else self.inputs).append((name, kind, shape, values))

    def result(self, name, kind, shape, values):
        self.results.append((name, kind, shape, values))

    def write(self):
        node = b"".join(field(1, name) for name in self.operands)
        raw = "_raw" if self.as_bytes else ""
        node += b"".join(field(2, name and name + raw) for name, *_ in self.results)
        node += field(3, "the_node") + field(4, self.operator)
        node += b"".join(field(5, attribute(name, value)) for name, value in self.attributes.items())
        node += field(7, self.domain)
        graph = field(1, node)
        if self.as_bytes:
            graph += b"".join(field(1, field(1, name + raw) + field(2, name) + field(4, "BitCast") +
                                    field(5, attribute("to", TYPES["uint8"][0]))) for name, *_ in self.results)
        graph += field(2, "graph")
        graph += b"".join(field(5, tensor(*weight)) for weight in self.weights)
        graph += b"".join(field(11, value_info(*each[:3])) for each in self.inputs)
        graph += b"".join(field(12, value_info(*each[:3])) for each in self.results)
        imports = field(8, field(1, "") + field(2, 21 if self.domain else self.version))
        if self.domain:
            imports += field(8, field(1, self.domain) + field(2, self.version))
        data = self.folder / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        (self.folder / "model.onnx").write_bytes(field(1, 10) + field(7, graph) + imports)
        for prefix, tensors in (("input", self.inputs), ("output", self.results)):
            for index, each in enumerate(tensors):
                (data / f"{prefix}_{index}.pb").write_bytes(tensor(*each))


class Values:
    """Numbers that look random and are the same everywhere."""

    def __init__(self, seed=1):
        self.state = seed

    def next(self):
        self.state = (self.state * 1103515245 + 12345) % (1 << 31)
        return self.state >> 8

    def floats(self, count, low=-1.0, high=1.0):
        numbers = array.array("f", (low + (high - low) * (self.next() % 4096) / 4096 for _ in range(count)))
        return list(numbers)

    def integers(self, count, low, high):
        return [low + self.next() % (high - low + 1) for _ in range(count)]


def main(tests):
    root = pathlib.Path(sys.argv[1])
    for name, test in sorted(tests.items()):
        if not name.startswith("test_"):
            continue
        case = test(root / name)
        case.write()
        print(os.fspath(root / name))
