#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""deep-onnx.py KIND N OUT: writes a model with N graphs of nodes in each other (graphs), N sequences as the type of its
input (types), N functions of which each calls the next (functions), or N dimensions of its input (rank)."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "test" / "onnx" / "operators"))
from case import field, varint  # noqa: E402


def around(heads, body):
    """`body` inside of len(heads) messages; heads[i] writes what comes before i others, of that many bytes."""
    parts, size = [body], len(body)
    for head in heads:
        parts.append(head(size))
        size += len(parts[-1])
    return b"".join(reversed(parts))


def nested(number, before, size):
    return before + varint(number << 3 | 2) + varint(size)


def branch(size):
    graph = nested(6, field(1, "then_branch"), size)
    attribute = nested(5, field(1, "c") + field(2, "y") + field(4, "If"), len(graph) + size) + graph
    return nested(1, b"", len(attribute) + size) + attribute


def sequence(size):
    element = nested(1, b"", size)
    return nested(4, b"", len(element) + size) + element


def vector(rank):
    return field(1, 1) + field(2, field(1, field(1, 1)) * rank)


kind, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
relu = field(1, field(1, "x") + field(2, "y") + field(4, "Relu"))
nodes, kept, rest = relu, field(1, vector(count if kind == "rank" else 1)), b""
if kind == "graphs":
    nodes = around([branch] * count, relu)
elif kind == "types":
    kept = around([sequence] * count, b"")
elif kind == "functions":
    nodes = field(1, field(1, "x") + field(2, "y") + field(4, "f0") + field(7, "own"))
    own = field(9, field(1, "own") + field(2, 1)) + field(9, field(2, 13)) + field(10, "own")
    rest = field(8, field(1, "own") + field(2, 1)) + b"".join(
        field(25, field(1, f"f{i}") + field(4, "u") + field(5, "v") + own +
              field(7, field(1, "u") + field(2, "v") + (field(4, f"f{i + 1}") + field(7, "own") if i + 1 < count
                                                        else field(4, "Relu")))) for i in range(count))
graph = nodes + field(11, field(1, "x") + field(2, kept)) + field(12, field(1, "y"))
pathlib.Path(out).write_bytes(field(1, 8) + field(8, field(2, 13)) + field(7, graph) + rest)
