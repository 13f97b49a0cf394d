# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lit's configuration for tests of what is built on tinyc: tools on the PATH, substitutions, features.

    # lit.cfg.py
    import tinyc_lit
    tinyc_lit.configure(config, lit_config, name="my-tests", source=os.path.dirname(__file__), tools=..)

The CMake function tinyc_add_lit_tests writes such a file. Tests then say

    // RUN: tinyc-opt %s --simplify | FileCheck %s
    // REQUIRES: ptxas

Features: `ptxas` (NVIDIA's assembler is found), `avx512` and `amx` (this processor has them), `emulators` (the drop-in GPU
drivers are there: `%with-emulators TINYC_EMULATED_CHIP=sm_80 COMMAND..` runs a command on them), `protoc` (`%encode-onnx` makes an ONNX file of
one written as text).
"""
import os
import shutil

import lit.formats


def processor_features(text):
    """Features of the processor that /proc/cpuinfo describes."""
    flags = set()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            flags = set(value.split())
            break
    found = set()
    if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags:
        found.add("avx512")
    if {"amx_tile", "amx_bf16", "amx_int8"} <= flags:
        found.add("amx")
    return found


def find_ptxas(path):
    return shutil.which("ptxas", path=path) or shutil.which("ptxas", path="/usr/local/cuda/bin")


def find_onnx_schema():
    """The schema of ONNX files: beside this file where it is installed, else in the tree."""
    here = os.path.dirname(os.path.abspath(__file__))
    for folder, file in ((here, "onnx.proto"), (os.path.dirname(os.path.dirname(here)), "lib/Onnx/onnx.proto")):
        if os.path.exists(os.path.join(folder, file)):
            return folder, file
    return None


def features(emulators=None):
    """The names that REQUIRES and UNSUPPORTED lines may use on this machine."""
    found = set()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            found |= processor_features(file.read())
    if find_ptxas(os.environ.get("PATH", "")):
        found.add("ptxas")
    if shutil.which("protoc") and find_onnx_schema():
        found.add("protoc")
    if emulators and os.path.exists(os.path.join(emulators, "libcuda.so.1")):
        found.add("emulators")
    return found


def configure(config, lit_config, name, source, build, tools, llvm_tools, emulators=None, substitutions=()):
    """Fills in `config`. Folders: `tools` holds tinyc, `llvm_tools` FileCheck, `emulators` the drop-in GPU drivers."""
    config.name = name
    config.test_format = lit.formats.ShTest(execute_external=False)
    config.suffixes = [".mlir", ".test"]
    config.excludes = ["Inputs", "inputs"]
    config.test_source_root = source
    config.test_exec_root = build
    path = os.pathsep.join([tools, llvm_tools, os.environ.get("PATH", "")])
    config.environment["PATH"] = path
    # Tests leave nothing in the user's cache.
    config.environment["TINYC_CACHE"] = os.environ.get("TINYC_CACHE") or os.path.join(build, "cache")
    config.available_features |= features(emulators)
    if schema := find_onnx_schema():
        config.substitutions.append(
            ("%encode-onnx", "protoc --encode=tinyc.onnx.ModelProto --proto_path={0} {0}/{1}".format(*schema)))
    # Longer names first: lit replaces them in this order, and one may begin with another.
    for key, value in sorted(substitutions, key=lambda pair: -len(pair[0])):
        config.substitutions.append((key, value))
    if emulators:
        config.substitutions.append(("%with-emulators", f"env LD_LIBRARY_PATH={emulators}"))
        config.substitutions.append(("%emulators", emulators))
