# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX's conformance cases: where they are, what is in them, and those that ONNX stores in another layout.

A set is an archive backend-*.tar.xz of the shared folder ($TINYC_SHARED, else ../shared) with a table cases.csv beside
it, or Debian's package libonnx-testdata, or any folder of cases (model.onnx beside test_data_set_0).
"""
import array
import csv
import os
import pathlib
import shutil
import struct
import sys
import tarfile

from messages import read_varint

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEBIAN = pathlib.Path("/usr/share/libonnx-testdata/data")
# Numbers of fields in onnx.proto.
MODEL_GRAPH, GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, NODE_OP_TYPE, TENSOR_NAME = 7, 1, 5, 11, 4, 8
VALUE_NAME, VALUE_TYPE, TYPE_TENSOR, TENSOR_SHAPE, SHAPE_DIM, DIM_VALUE = 1, 2, 1, 2, 1, 1


def shared_archive():
    """The newest archive of cases in the shared folder; None if there is none."""
    shared = pathlib.Path(os.environ.get("TINYC_SHARED") or ROOT.parent / "shared")
    archives = sorted((shared / "onnx").glob("backend-*.tar.xz"))
    return archives[-1] if archives else None


def fields(data, wanted):
    """The values of the fields of one number in a protobuf message: bytes, or integers."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        if key >> 3 == wanted:
            yield value


def graph_of(model):
    return next(fields(memoryview(model.read_bytes()), MODEL_GRAPH))


def operators(model):
    """The operators of a model's nodes, each as often as it stands there."""
    return [bytes(name).decode() for node in fields(graph_of(model), GRAPH_NODE) for name in fields(node, NODE_OP_TYPE)]


def inputs(model):
    """Names and shapes of the inputs that are no initialisers."""
    graph = graph_of(model)
    given = {bytes(name) for tensor in fields(graph, GRAPH_INITIALIZER) for name in fields(tensor, TENSOR_NAME)}
    for value in fields(graph, GRAPH_INPUT):
        name = bytes(next(fields(value, VALUE_NAME)))
        if name in given:
            continue
        shape = next(fields(next(fields(next(fields(value, VALUE_TYPE)), TYPE_TENSOR)), TENSOR_SHAPE))
        yield name.decode(), [next(fields(dim, DIM_VALUE), 1) for dim in fields(shape, SHAPE_DIM)]


def write_npy(path, shape, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({''.join(f'{d}, ' for d in shape)}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    data = array.array("f", values)
    if sys.byteorder == "big":
        data.byteswap()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data.tobytes())


def unpack_light(folder, target):
    """Whole networks are kept as NAME.onnx and NAME_output_0.pb; their input is i / n for the i-th of n elements."""
    for model in sorted(folder.glob("*.onnx")):
        case = target / folder.name / model.stem
        data = case / "test_data_set_0"
        data.mkdir(parents=True)
        shutil.copy(model, case / "model.onnx")
        shutil.copy(model.with_name(f"{model.stem}_output_0.pb"), data / "output_0.pb")
        for index, (_, shape) in enumerate(inputs(model)):
            count = 1
            for size in shape:
                count *= size
            write_npy(data / f"input_{index}.npy", shape, (i / count for i in range(count)))


class Case:
    def __init__(self, folder, row, ops):
        self.folder = folder
        self.name = f"{folder.parent.name}/{folder.name}"
        self.classes = row["classes"] if row else "?"
        self.ops = ops
        self.operator = ops[0] if len(ops) == 1 else None  # with several nodes: named later

    def named_after(self, singles):
        """An operator's function is a case of its own, beside the operator's: test_NAME_expanded."""
        stem = self.folder.name.partition("_expanded")[0]
        if self.operator or stem == self.folder.name:
            return self.operator or f"({self.folder.parent.name}: several)"
        return f"{singles.get(stem, stem.removeprefix('test_'))}, as a function"


def load(source, temporary):
    """All cases of a set, sorted by name, as (cases, what was left out and why). `source`: archive or folder."""
    if source.is_file():
        with tarfile.open(source) as archive:
            archive.extractall(temporary, filter="data")
        folder = temporary
    else:
        folder = source
    light = temporary / "from-light"
    for kept in sorted(folder.rglob("light")):
        if kept.is_dir() and kept.parent != light:
            unpack_light(kept, light)
    rows = {}
    table = source.parent / "cases.csv"
    if table.exists():
        with open(table, newline="") as text:
            rows = {f"{row['suite']}/{row['test']}": row for row in csv.DictReader(text)}
    cases, left_out = [], []
    for model in sorted({*folder.rglob("model.onnx"), *light.rglob("model.onnx")}):
        if not (model.parent / "test_data_set_0").is_dir():
            left_out.append(f"{model.parent.parent.name}/{model.parent.name}: has no data")
            continue
        row = rows.get(f"{model.parent.parent.name}/{model.parent.name}")
        cases.append(Case(model.parent, row, operators(model)))
    here = {case.folder.name for case in cases}
    for data in sorted(folder.rglob("data.json")):  # the same networks with their real weights
        if data.parent.name.replace("test_", "light_") not in here:
            left_out.append(f"{data.parent.parent.name}/{data.parent.name}: its model is to be downloaded")
    singles = {case.folder.name: case.operator for case in cases if case.operator}
    for case in cases:
        case.operator = case.named_after(singles)
    return sorted(cases, key=lambda case: case.name), left_out
