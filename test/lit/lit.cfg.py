# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Tests of IR: RUN lines with FileCheck. `lit --param build=<build folder> test/lit`
import os
import shutil
import subprocess
import sys
import tempfile

source = os.path.dirname(__file__)
root = os.path.dirname(os.path.dirname(source))
build = os.path.abspath(lit_config.params.get("build", os.path.join(root, "build")))
# What users' own tests get as well.
sys.path.insert(0, os.path.join(root, "test", "kit"))
import tinyc_lit

tinyc_lit.configure(config, lit_config, name="tinyc", source=source, build=os.path.join(build, "test", "lit"),
                    tools=os.path.join(build, "bin"), llvm_tools="/usr/lib/llvm-22/bin",
                    emulators=os.path.join(build, "emulators"), substitutions=[("%root", root), ("%build", build)])
# The importer's test program.
config.substitutions.append(("%onnx-cases", os.path.join(build, "test", "onnx", "tinyc-onnx-cases")))
config.substitutions.append(("%python", sys.executable))
# `%exits CODE COMMAND..` runs a command, both of its outputs as standard output, and asks for that exit code.
config.substitutions.append(("%exits", f"sh {root}/test/lit/tools/inputs/exits.sh"))
config.substitutions.append(("%damage", f"{sys.executable} {root}/test/lit/tools/inputs/damage.py"))
if os.path.exists("/dev/full") and not os.path.isfile("/dev/full"):
    config.available_features.add("dev-full")
# Tests see the compiler, not what it made before; those of the cache switch it on. Weights of printed IR lie there too.
config.environment["TINYC_CACHE"] = os.path.join(config.test_exec_root, "cache")
config.environment["TINYC_CACHE_SIZE"] = "0"
if os.geteuid() == 0:
    config.available_features.add("root")
# A disk of a test's own.
with tempfile.TemporaryDirectory() as folder:
    mount = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", folder]
    if shutil.which("unshare") and subprocess.run(mount, capture_output=True).returncode == 0:
        config.available_features.add("tmpfs")
# What a sanitizer reports has an exit code that no command of ours has.
config.environment["ASAN_OPTIONS"] = "exitcode=99:allocator_may_return_null=1"
config.environment["UBSAN_OPTIONS"] = "exitcode=99:print_stacktrace=1"
if shutil.which("dot"):
    config.available_features.add("graphviz")
# Private memory may be limited; a sanitizer's shadow alone would be over every limit.
limited = ["prlimit", "--data=134217728", os.path.join(build, "bin", "tinyc"), "--version"]
if shutil.which("prlimit") and subprocess.run(limited, capture_output=True).returncode == 0:
    config.available_features.add("memory-limit")
if os.environ.get("TINYC_TEST_ALL"):
    config.available_features.add("all")
