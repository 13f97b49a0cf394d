#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tensors.py FOLDER: tensor files for an input x of f32[2x3], right and wrong ones."""
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)


def npy(name, data, descr="<f4", shape="(2, 3)", magic=b"\x93NUMPY"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    content = magic + b"\1\0" + struct.pack("<H", len(header)) + header.encode() + data
    (folder / name).write_bytes(content)
    return content


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def pb(name, dims, dtype, raw):
    (folder / name).write_bytes(b"".join(b"\x08" + varint(d) for d in dims) + b"\x10" + varint(dtype) + b"\x4a" +
                                varint(len(raw)) + raw)


ones = struct.pack("<6f", *[1] * 6)
good = npy("good.npy", ones)
npy("type.npy", ones * 2, descr="<f8")
npy("shape.npy", ones, shape="(3, 2)")
npy("lying.npy", ones, shape="(2, 300)")
npy("huge.npy", ones, shape="(4611686018427387904, 4)")
npy("negative.npy", ones, shape="(-2, 3)")
npy("magic.npy", ones, magic=b"\x94NUMPY")
npy("object.npy", ones, descr="|O")
npy("big-endian.npy", ones, descr=">f4")
(folder / "cut.npy").write_bytes(good[:-1])
(folder / "header.npy").write_bytes(good[:8] + b"\xff\xff" + good[10:])
(folder / "empty.npy").write_bytes(b"")
(folder / "folder.npy").mkdir()
pb("good.pb", [2, 3], 1, ones)
pb("type.pb", [2, 3], 7, ones * 2)
pb("shape.pb", [6], 1, ones)
pb("short.pb", [2, 3], 1, ones[:-1])
pb("huge.pb", [1 << 31, 1 << 31], 1, ones)
pb("negative.pb", [(1 << 64) - 2, 3], 1, ones)
(folder / "random.pb").write_bytes(b"\xff" * 100)
