#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Says what kind of file FILE is: Google's magika model, compiled and run by tinyc.

    classify.py --tinyc build/bin/tinyc --model magika/models/standard_v3_3 FILE

The model looks at 2048 numbers: the first and the last 1024 bytes of the file, white space at both ends stripped,
padded with 256. Needs no Python package: the input is written as .npy by hand, the output read back the same way.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile


def features(data, config):
    """The model's input from the bytes of a file, as config.min.json of the model describes it."""
    first, last, block = config["beg_size"], config["end_size"], config["block_size"]
    begin = data[:block].lstrip()[:first]
    end = data[-block:].rstrip()[-last:]
    pad = config["padding_token"]
    return list(begin) + [pad] * (first - len(begin)) + [pad] * (last - len(end)) + list(end)


def write_npy(path, values):
    """A 1 x N int32 array in NumPy's format 1.0."""
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (1, %d), }" % len(values)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                     + struct.pack(f"<{len(values)}i", *values))


def read_npy_f32(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<H", data, 8)
    body = data[10 + length:]
    return struct.unpack(f"<{len(body) // 4}f", body)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tinyc", default="build/bin/tinyc")
    parser.add_argument("--model", required=True, type=pathlib.Path, help="folder with model.onnx and config.min.json")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("file", type=pathlib.Path)
    arguments = parser.parse_args()
    config = json.loads((arguments.model / "config.min.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_npy(folder / "bytes.npy", features(arguments.file.read_bytes(), config))
        run = subprocess.run([arguments.tinyc, "run", arguments.model / "model.onnx", "--device", arguments.device,
                              "--input", f"bytes=@{folder}/bytes.npy", "--output-dir", folder, "--profile"])
        if run.returncode:
            return run.returncode
        scores = read_npy_f32(next(folder.glob("target_label*.npy")))
    best = max(range(len(scores)), key=scores.__getitem__)
    print(f"\n{arguments.file}: {config['target_labels_space'][best]} (probability {scores[best]:.4f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
