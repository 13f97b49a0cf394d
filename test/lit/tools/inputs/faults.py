# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""faults.py FOLDER: writes model.onnx, a small network with a kernel for each kind of fault, and its input x.npy.

x -> convolution (padded) -> relu -> pooling -> product -> softmax -> y; and s = sum of a column whose terms cancel.
"""
import pathlib
import struct
import subprocess
import sys

folder, root = map(pathlib.Path, sys.argv[1:])


def tensor(name, shape, values):
    return (f'initializer {{ name: "{name}" data_type: 1 {" ".join(f"dims: {d}" for d in shape)} '
            f'{" ".join(f"float_data: {v:.6f}" for v in values)} }}\n')


def info(kind, name, shape):
    dims = " ".join(f"dim {{ dim_value: {d} }}" for d in shape)
    return f'{kind} {{ name: "{name}" type {{ tensor_type {{ elem_type: 1 shape {{ {dims} }} }} }} }}\n'


def node(name, kind, inputs, output, attributes=""):
    words = " ".join(f'input: "{i}"' for i in inputs)
    return f'node {{ name: "{name}" op_type: "{kind}" {words} output: "{output}" {attributes} }}\n'


def ints(name, values):
    return f'attribute {{ name: "{name}" type: INTS {" ".join(f"ints: {v}" for v in values)} }}'


weights = [((i * 29) % 17 - 8) / 8 for i in range(4 * 9)]
matrix = [((i * 31) % 23 - 11) / 16 for i in range(64 * 10)]
text = "ir_version: 8 opset_import { version: 13 } graph { name: \"g\"\n"
text += node("edges", "Conv", ["x", "w"], "c", ints("pads", [1, 1, 1, 1])) + node("cut", "Relu", ["c"], "r")
text += node("pool", "MaxPool", ["r"], "p", ints("kernel_shape", [2, 2]) + ints("strides", [2, 2]))
text += node("flat", "Reshape", ["p", "shape"], "f") + node("product", "MatMul", ["f", "m"], "z")
text += node("chances", "Softmax", ["z"], "y", 'attribute { name: "axis" type: INT i: 1 }')
text += node("total", "ReduceSum", ["k", "axes"], "s", 'attribute { name: "keepdims" type: INT i: 0 }')
text += node("ratio", "Div", ["s", "n"], "q")
text += tensor("w", [4, 1, 3, 3], weights) + tensor("m", [64, 10], matrix)
text += 'initializer { name: "shape" data_type: 7 dims: 2 int64_data: 1 int64_data: 64 }\n'
text += 'initializer { name: "axes" data_type: 7 dims: 1 int64_data: 0 }\n'
text += info("input", "x", [1, 1, 8, 8]) + info("input", "k", [3072, 16]) + info("input", "n", [16])
text += info("output", "y", [1, 10]) + info("output", "q", [16]) + "}\n"
encoded = subprocess.run(["protoc", "--encode=tinyc.onnx.ModelProto", f"--proto_path={root}",
                          f"{root}/lib/Onnx/onnx.proto"], input=text.encode(), stdout=subprocess.PIPE, check=True)
(folder / "model.onnx").write_bytes(encoded.stdout)


def save(name, shape, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode()
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    body = struct.pack(f"<{len(values)}f", *values)
    (folder / name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body)


# Forwards the large terms cancel first and the small ones are added exactly; backwards the small ones are lost.
column = [2.0**30] * 1024 + [-(2.0**30)] * 1024 + [0.5] * 1024
save("k.npy", [3072, 16], [value for value in column for _ in range(16)])
