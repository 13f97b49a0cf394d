#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random variations of the ten shared models: other batch and image sizes where the model leaves them open, and rewrites
that change nothing (rewrites.py).

    test/models/variations.py [--build build] [--count N | --all] [--model NAME --seed N [--keep DIR]]

Of each variation, on random inputs:
- the CPU's results agree with the reference's, at rtol 1e-3, atol 1e-4;
- they are those of the model before the rewrites, bit for bit.

--all runs two hundred, else as many as --count says, of models that take the reference a moment. Exit code 3 if one is
wrong, and then a line says how to run that one again. 1 if the models are not there.
"""
import argparse
import array
import math
import os
import pathlib
import random
import shlex
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "onnx"), str(ROOT / "test" / "models")]
import messages  # noqa: E402
import rewrites  # noqa: E402

RTOL, ATOL = 1e-3, 1e-4
# How many of two hundred; those without are not in the quick ones.
QUICK = ("mnist", "micro_kws", "magika", "ultraface", "squeezenet_fp16", "bert_qa_tiny", "dtln_1", "silero_vad")
SLOW = ("basic_pitch", "dnsmos")
BATCHES = (1, 3, 5, 7)
# Sizes that the models leave open: of an input's dimensions those that are the same random number.
OPEN = {
    "magika": [(("bytes", 0), BATCHES)],
    "ultraface": [(("input", 0), BATCHES)],
    "squeezenet_fp16": [(("data_0", 0), (1, 3)), (("data_0", 2), (97, 131, 193)), (("data_0", 3), (101, 127, 161))],
    "micro_kws": [(("serving_default_input:0", 0), BATCHES)],
    "bert_qa_tiny": [(("attention_mask", 0, "input_ids", 0, "token_type_ids", 0), BATCHES)],
    "dtln_1": [(("input_2", 1), BATCHES)],
    "silero_vad": [(("input", 0, "state", 1), BATCHES), (("input", 1), (512, 577, 639, 801))],
    "basic_pitch": [(("serving_default_input_2:0", 0), (1, 3))],
    "dnsmos": [(("input_1", 0), (1, 1, 3))],
}
# What the models take as integers: bytes, words, flags. (A file of two values only makes magika divide by a variance that
# is all rounding.)
RANGES = {"bytes": 256, "input_ids": 1000, "attention_mask": 2, "token_type_ids": 2}
CODES = {1: "f", 6: "i", 7: "q", 10: "e", 11: "d"}
NAMES = {1: "f4", 6: "i4", 7: "i8", 10: "f2", 11: "f8"}


def inputs_of(model):
    weights = {weight.name for weight in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def resize(name, model, chosen):
    """Gives the open dimensions sizes: one variation's, from here on fixed."""
    for places, sizes in OPEN.get(name, []):
        size = chosen.choice(sizes)
        for value in inputs_of(model):
            for at in range(0, len(places), 2):
                if value.name == places[at]:
                    dim = value.type.tensor_type.shape.dim[places[at + 1]]
                    dim.dim_value, dim.dim_param = size, None
    model.graph.value_info = []
    for value in model.graph.output:
        value.type.tensor_type.shape = None


def write_input(path, value, chosen):
    kind = value.type.tensor_type.elem_type
    shape = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    count = 1
    for size in shape:
        count *= size
    if value.name == "sr":  # silero_vad takes two rates
        numbers = [16000]
    elif CODES[kind] in "iq":
        numbers = [chosen.randrange(RANGES[value.name]) for _ in range(count)]
    else:
        numbers = [chosen.uniform(-1, 1) for _ in range(count)]
    header = f"{{'descr': '<{NAMES[kind]}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() +
                     struct.pack(f"<{count}{CODES[kind]}", *numbers))


def read_npy(path):
    data = path.read_bytes()
    size = struct.unpack_from("<H", data, 8)[0]
    kind = data[10:10 + size].decode().split("'descr': '<")[1].split("'")[0]
    code = {name: CODES[number] for number, name in NAMES.items()}[kind]
    body = data[10 + size:]
    return array.array("d", struct.unpack(f"<{len(body) // struct.calcsize(code)}{code}", body)), data[10:10 + size]


def near(found, right):
    """Whether an element is within the tolerance of the right one: NaN is so of NaN only, an infinity of itself."""
    if found == right or (math.isnan(found) and math.isnan(right)):
        return True
    return math.isfinite(found) and math.isfinite(right) and abs(found - right) <= RTOL * abs(right) + ATOL


class Wrong(Exception):
    pass


def run(options, model, device, inputs, folder):
    """The outputs of a model in `folder`, as files in their order, and their hashes."""
    names = [value.name for value in inputs_of(messages.read("ModelProto", model.read_bytes()))]
    command = [options.build / "bin" / "tinyc", "run", model, "--device", device, "--hash", "--output-dir", folder]
    for name, path in zip(names, inputs, strict=True):
        command += ["--input", f"{name}=@{path}"]
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        raise Wrong(f"on {device}: exit code {done.returncode}: {done.stderr[-1500:]}\n  {shlex.join(map(str, command))}")
    outputs = messages.read("ModelProto", model.read_bytes()).graph.output
    hashes = [line.split()[0] for line in done.stdout.splitlines() if len(line.split()[0]) == 64]
    if len(hashes) != len(outputs):
        raise Wrong(f"on {device}: {len(hashes)} hashes of {len(outputs)} outputs")
    return [folder / (value.name.replace("/", "_") + ".npy") for value in outputs], hashes


def compare(found, expected):
    for position, (one, other) in enumerate(zip(found, expected, strict=True)):
        (numbers, header), (right, wanted) = read_npy(one), read_npy(other)
        if header != wanted:
            raise Wrong(f"output {position}: the reference gives {wanted}, the CPU {header}")
        if len(numbers) != len(right):
            raise Wrong(f"output {position}: the reference has {len(right)} elements, the CPU {len(numbers)}")
        wrong = [k for k, (a, b) in enumerate(zip(numbers, right)) if not near(a, b)]
        if wrong:
            raise Wrong(f"output {position}: {len(wrong)} of {len(right)} elements are wrong; the CPU's element "
                        f"{wrong[0]} is {numbers[wrong[0]]}, the reference's {right[wrong[0]]}")



def vary(options, name, seed, folder):
    """Makes and checks one variation; says what it is."""
    chosen = random.Random(f"{name} {seed}")
    model = messages.read("ModelProto", (options.shared / "models" / name / "model.onnx").read_bytes())
    resize(name, model, chosen)
    inputs = []
    for value in inputs_of(model):
        inputs.append(folder / f"input_{len(inputs)}.npy")
        write_input(inputs[-1], value, chosen)
    sizes = ["x".join(str(dim.dim_value) for dim in value.type.tensor_type.shape.dim) for value in inputs_of(model)]
    base, varied = folder / "base.onnx", folder / "model.onnx"
    base.write_bytes(messages.write(model))
    done = []
    for rewrite in chosen.choices(rewrites.REWRITES, k=chosen.randint(2, 6)):
        if word := rewrite(model, chosen):
            done.append(word)
    varied.write_bytes(messages.write(model))
    what = f"{name} seed {seed}: {', '.join(sizes)}; {' '.join(done) or 'as it is'}"
    try:
        _, before = run(options, base, "cpu", inputs, folder / "base")
        found, after = run(options, varied, "cpu", inputs, folder / "cpu")
        expected, _ = run(options, varied, "reference", inputs, folder / "reference")
        compare(found, expected)
        if before != after:
            raise Wrong("other bits than before the rewrites")
    except Wrong as wrong:
        return what, str(wrong)
    return what, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--shared", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("TINYC_SHARED") or ROOT.parent / "shared"))
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--model", choices=QUICK + SLOW)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the variation and its results")
    options = parser.parse_args()
    options.build = options.build.resolve()
    if not (options.shared / "models").is_dir():
        print(f"no models: {options.shared / 'models'} is not there")
        print("variations: 0 passed, 0 failed, 0 skipped")
        return 1
    if options.model:
        seeds = [options.seed] if options.seed is not None else range(options.count)
        wanted = [(options.model, seed) for seed in seeds]
    elif options.all:
        wanted = [(name, seed) for name in QUICK for seed in range(23)]
        wanted += [(name, seed) for name in SLOW for seed in range(8)]
    else:
        wanted = [(QUICK[i % len(QUICK)], i // len(QUICK)) for i in range(options.count)]
    failed = 0
    for name, seed in wanted:
        start = time.time()
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.keep or pathlib.Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            what, wrong = vary(options, name, seed, folder)
        failed += bool(wrong)
        print(f"{'FAILED' if wrong else 'passed'} {what} ({time.time() - start:.0f} s)", flush=True)
        if wrong:
            print(f"  {wrong}\n  again: python3 test/models/variations.py --model {name} --seed {seed} --keep /tmp/{name}-{seed}",
                  flush=True)
    print(f"variations: {len(wanted) - failed} passed, {failed} failed, 0 skipped")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
