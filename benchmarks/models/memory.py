#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory for activations: tinyc's arena beside the peak of what ONNX Runtime allocates in a run.

    benchmarks/models/memory.py FOLDER [MODEL ..] [--tinyc build/bin/tinyc] [--json F]

FOLDER holds a folder a model, as compare.py takes it. tinyc's figures are of the plan in the artefact (`tinyc inspect`):
the arena, the live peak (the largest sum of tensors that live at once, below which no arena can be), and the scratch
of one thread. ONNX Runtime is given an allocator that counts, by its C API (RegisterAllocator), for one thread; its
figure is the largest number of bytes that were allocated at once in a run, less those from before it (weights, packed or
not). Inputs and outputs are the caller's on both sides. It is measured with and without memory patterns, and the smaller
figure counts. It includes what its kernels allocate for themselves, where ours use scratch. Exit code 3 if an arena is
larger than that. Needs onnxruntime, onnx and numpy.
"""

import argparse
import ctypes
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy
import onnxruntime

from compare import OnnxRuntime

# Places of functions in OrtApi, which only ever grows at its end.
API = {"GetErrorMessage": 2, "CreateEnv": 3, "CreateSession": 7, "Run": 9, "CreateSessionOptions": 10,
       "DisableMemPattern": 17, "SetIntraOpNumThreads": 24, "CreateTensorWithDataAsOrtValue": 49,
       "CreateCpuMemoryInfo": 69, "ReleaseSession": 95, "AddSessionConfigEntry": 130, "RegisterAllocator": 176}
API_VERSION = 13
ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10, "float64": 11}
DEVICE_ALLOCATOR, MEMORY_DEFAULT = 0, 0


class Allocator(ctypes.Structure):
    """OrtAllocator of the C API: its first four members are all that API_VERSION asks for."""

    ALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
    INFO = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    _fields_ = [("version", ctypes.c_uint32), ("alloc", ALLOC), ("free", FREE), ("info", INFO)]


class CountingRuntime:
    """ONNX Runtime by its C API, with an allocator that knows how much is allocated."""

    def __init__(self):
        folder = os.path.join(os.path.dirname(onnxruntime.__file__), "capi")
        library = ctypes.CDLL(glob.glob(os.path.join(folder, "libonnxruntime.so*"))[0])
        library.OrtGetApiBase.restype = ctypes.POINTER(ctypes.c_void_p)
        get_api = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint32)(library.OrtGetApiBase()[0])
        self.api = get_api(API_VERSION)
        self.libc = ctypes.CDLL(None)
        self.libc.aligned_alloc.restype = ctypes.c_void_p
        self.libc.aligned_alloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
        self.libc.free.argtypes = [ctypes.c_void_p]
        self.sizes, self.now, self.peak, self.calls = {}, 0, 0, 0
        self.info = self.make("CreateCpuMemoryInfo", ctypes.c_int(DEVICE_ALLOCATOR), ctypes.c_int(MEMORY_DEFAULT))
        self.allocator = Allocator(API_VERSION, Allocator.ALLOC(self.allocate), Allocator.FREE(self.release),
                                   Allocator.INFO(lambda _: self.info.value))
        self.env = self.make("CreateEnv", ctypes.c_int(3), b"memory")
        self.call("RegisterAllocator", self.env, ctypes.byref(self.allocator))

    def call(self, name, *arguments):
        function = ctypes.CFUNCTYPE(ctypes.c_void_p)(self.api[API[name]])
        function.argtypes = None
        status = function(*arguments)
        if status:
            message = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(self.api[API["GetErrorMessage"]])
            raise RuntimeError(f"{name}: {message(status).decode()}")

    def make(self, name, *arguments):
        made = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(made))
        return made

    def allocate(self, _, size):
        address = self.libc.aligned_alloc(64, max(64, (size + 63) // 64 * 64))
        self.sizes[address] = size
        self.now += size
        self.calls += 1
        self.peak = max(self.peak, self.now)
        return address

    def release(self, _, address):
        if address:
            self.now -= self.sizes.pop(address)
            self.libc.free(address)

    def tensor(self, array):
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        return self.make("CreateTensorWithDataAsOrtValue", self.info, array.ctypes.data_as(ctypes.c_void_p),
                         ctypes.c_size_t(array.nbytes), shape, ctypes.c_size_t(array.ndim),
                         ctypes.c_int(ELEMENT_TYPES[str(array.dtype)]))

    def peak_of(self, path, inputs, outputs, pattern):
        """Most bytes of a run beyond those from before it; the third run, when the pattern is known."""
        options = self.make("CreateSessionOptions")
        self.call("SetIntraOpNumThreads", options, ctypes.c_int(1))
        self.call("AddSessionConfigEntry", options, b"session.use_env_allocators", b"1")
        if not pattern:
            self.call("DisableMemPattern", options)
        session = self.make("CreateSession", self.env, path.encode(), options)
        if self.calls == 0:
            raise RuntimeError("the session does not use the counting allocator")
        names = lambda values: (ctypes.c_char_p * len(values))(*(name.encode() for name in values))
        tensors = lambda values: (ctypes.c_void_p * len(values))(*(self.tensor(v).value for v in values.values()))
        given, wanted = tensors(inputs), tensors(outputs)
        for _ in range(3):
            before = self.peak = self.now
            self.call("Run", session, None, names(inputs), given, ctypes.c_size_t(len(inputs)), names(outputs),
                      ctypes.c_size_t(len(outputs)), wanted)
        peak = self.peak - before
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.api[API["ReleaseSession"]])(session)
        return peak


def theirs(runtime, folder):
    """The peer's peak, and the --shape flags of the inputs it was given."""
    peer = OnnxRuntime(folder, 1)
    inputs = {name: numpy.ascontiguousarray(value) for name, value in peer.inputs.items()}
    names = [value.name for value in peer.session.get_outputs()]
    outputs = {name: numpy.ascontiguousarray(v) for name, v in zip(names, peer.session.run(names, inputs))}
    path = os.path.join(folder, "model.onnx")
    shapes = [f"--shape={value.name}={'x'.join(map(str, inputs[value.name].shape))}"
              for value in peer.session.get_inputs() if any(not isinstance(size, int) for size in value.shape)]
    return min(runtime.peak_of(path, inputs, outputs, pattern) for pattern in (True, False)), shapes


def ours(tinyc, folder, shapes):
    """Arena, live peak and scratch of the plan of `main`."""
    result = subprocess.run([tinyc, "inspect", os.path.join(folder, "model.onnx"), *shapes], capture_output=True,
                            text=True)
    plan = re.search(r"entry point main: \d+ commands, arena (\d+) bytes, live peak (\d+)", result.stdout)
    if not plan:
        raise RuntimeError(result.stderr.strip().split("\n")[0])
    scratch = re.search(r"scratch (\d+) bytes a thread", result.stdout)
    return int(plan[1]), int(plan[2]), int(scratch[1]) if scratch else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("models", nargs="*", help="folders to take; by default all")
    parser.add_argument("--tinyc", default="build/bin/tinyc")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    names = arguments.models or sorted(
        name for name in os.listdir(arguments.folder)
        if os.path.exists(os.path.join(arguments.folder, name, "model.onnx")))
    runtime, rows = CountingRuntime(), []
    print(f"{'model':20} {'arena':>12} {'live peak':>12} {'scratch':>10} {'onnxruntime':>12}  arena / onnxruntime")
    for name in names:
        folder = os.path.join(arguments.folder, name)
        peak, shapes = theirs(runtime, folder)
        arena, live, scratch = ours(arguments.tinyc, folder, shapes)
        rows.append({"model": name, "arena": arena, "live_peak": live, "scratch": scratch, "onnxruntime": peak})
        print(f"{name:20} {arena:12} {live:12} {scratch:10} {peak:12}  {arena / peak if peak else float('inf'):.2f}",
              flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"onnxruntime": onnxruntime.__version__, "models": rows}, file, indent=2)
    return 3 if any(row["arena"] > row["onnxruntime"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
