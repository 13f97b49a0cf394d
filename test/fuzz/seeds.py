# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Seeds of the fuzz targets, made of the tree's own tests and of ONNX's cases where Debian's libonnx-testdata is.

Seeds are files named by their content; a target's folder holds each once.
"""
import hashlib
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEBIAN = pathlib.Path("/usr/share/libonnx-testdata/data/node")
MOST = 16384  # bytes; what is small is fast


class Folder:
    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def add(self, content):
        if isinstance(content, str):
            content = content.encode()
        if 0 < len(content) <= MOST:
            (self.path / hashlib.sha256(content).hexdigest()[:20]).write_bytes(content)


def split_file(text):
    """The parts of a test that split-file would write: name to text."""
    parts = re.split(r"^(?://|#)--- (\S+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def texts():
    """Modules of the lit tests, one a seed; the first function is the entry point, as a model's is."""
    for path in sorted((ROOT / "test" / "lit").rglob("*")) + sorted((ROOT / "examples").rglob("*.mlir")):
        if path.suffix not in (".mlir", ".test"):
            continue
        text = path.read_text()
        wholes = [text] if path.suffix == ".mlir" else []
        for whole in wholes + [part for name, part in split_file(text).items() if name.endswith(".mlir")]:
            for module in re.split(r"^// -----.*\n", whole, flags=re.M):
                module = re.sub(r"^\s*//.*\n", "", module, flags=re.M).strip()
                if module and "@main" not in module:
                    module = re.sub(r"func\.func (private )?@[\w$.]+", "func.func @main", module, count=1)
                yield module + "\n"


def encoded_models():
    """Models that tests of the importer hold as text."""
    encode = ["protoc", "--encode=tinyc.onnx.ModelProto", f"--proto_path={ROOT}", str(ROOT / "lib/Onnx/onnx.proto")]
    for path in sorted((ROOT / "test" / "lit").rglob("*.test")):
        for name, part in split_file(path.read_text()).items():
            if name.endswith(".txt") and "graph" in part:
                done = subprocess.run(encode, input=part.encode(), capture_output=True)
                if done.returncode == 0:
                    yield done.stdout


def cases(folder):
    """Files of cases: those that test/onnx/operators write, and Debian's."""
    for script in sorted((ROOT / "test" / "onnx" / "operators").glob("*.py")):
        if script.name != "case.py":
            subprocess.run([sys.executable, script, folder / script.stem], check=True, stdout=subprocess.DEVNULL)
    for source in (folder, DEBIAN):
        yield from sorted(path for path in source.rglob("*") if path.suffix in (".onnx", ".pb"))


def arrays():
    """NumPy's files of each format and of each kind of element."""
    sizes = {"b1": 1, "i1": 1, "i2": 2, "i4": 4, "i8": 8, "u1": 1, "u2": 2, "u4": 4, "u8": 8, "f2": 2, "f4": 4, "f8": 8,
             "V1": 1, "V2": 2, "c8": 8}
    for version in (1, 2, 3):
        for i, (name, size) in enumerate(sizes.items()):
            shape, count = [("()", 1), ("(3,)", 3), ("(2, 3)", 6), ("(2, 0, 5)", 0)][i % 4]
            order = "|" if size == 1 else "<>="[i % 3]
            header = f"{{'descr': '{order}{name}', 'fortran_order': {i % 5 == 0}, 'shape': {shape}, }}"
            header = header.ljust(117) + "\n"
            length = struct.pack("<H" if version == 1 else "<I", len(header))
            yield b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + bytes(range(count * size))


def write_seeds(target, path):
    """Writes the seeds of a target, e.g. "fuzz-onnx". fuzz-artefact makes its own."""
    folder = Folder(path)
    with tempfile.TemporaryDirectory() as temporary:
        if target == "fuzz-tiny":
            for text in texts():
                folder.add(text)
        if target == "fuzz-onnx":
            for model in encoded_models():
                folder.add(model)
        if target in ("fuzz-onnx", "fuzz-tensors"):
            for file in cases(pathlib.Path(temporary)):
                if (file.suffix == ".onnx") == (target == "fuzz-onnx"):
                    folder.add(file.read_bytes())
        if target == "fuzz-tensors":
            for array in arrays():
                folder.add(array)
    return folder
