# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a case whose weights lie outside of the model: mapped-weights.py FOLDER LAYERS.

Each layer is a matrix of 4096 x 4096 floats (64 MiB) in a sparse file, zero but for the beginning of its diagonal, which
holds the layer's number. Prints the model as text for protoc; input and expected output go to test_data_set_0.
"""
import os
import struct
import sys

SIZE, ROWS, USED = 4096, 4, 64
folder, layers = sys.argv[1], int(sys.argv[2])
os.makedirs(os.path.join(folder, "test_data_set_0"), exist_ok=True)


def save(name, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({ROWS}, {SIZE}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(os.path.join(folder, "test_data_set_0", name), "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"<{len(values)}f", *values))


with open(os.path.join(folder, "weights.bin"), "wb") as file:
    for layer in range(layers):
        for i in range(USED):
            file.seek(4 * (layer * SIZE * SIZE + i * SIZE + i))
            file.write(struct.pack("<f", 1 + layer % 2))
        # Equal weights would be stored once.
        file.seek(4 * (layer * SIZE * SIZE + SIZE * SIZE - 1))
        file.write(struct.pack("<f", layer))
    file.truncate(4 * layers * SIZE * SIZE)

x = [(i % 13) - 6.0 for i in range(ROWS * SIZE)]
scale = 2.0 ** (layers // 2)
save("input_0.npy", x)
# The last element of each matrix meets zeros.
save("output_0.npy", [v * scale if i % SIZE < USED else 0.0 for i, v in enumerate(x)]
     if layers > 1 else sys.exit("expected more than one layer"))

dim = lambda *sizes: "shape { " + " ".join(f"dim {{ dim_value: {size} }}" for size in sizes) + " }"
print("ir_version: 8 opset_import { version: 13 } graph { name: 'large'")
print(f"input {{ name: 'h0' type {{ tensor_type {{ elem_type: 1 {dim(ROWS, SIZE)} }} }} }}")
print(f"output {{ name: 'h{layers}' type {{ tensor_type {{ elem_type: 1 {dim(ROWS, SIZE)} }} }} }}")
for layer in range(layers):
    print(f"node {{ op_type: 'MatMul' input: 'h{layer}' input: 'w{layer}' output: 'h{layer + 1}' }}")
    print(f"initializer {{ name: 'w{layer}' data_type: 1 dims: {SIZE} dims: {SIZE} data_location: EXTERNAL"
          f" external_data {{ key: 'location' value: 'weights.bin' }}"
          f" external_data {{ key: 'offset' value: '{4 * layer * SIZE * SIZE}' }}"
          f" external_data {{ key: 'length' value: '{4 * SIZE * SIZE}' }} }}")
print("}")
