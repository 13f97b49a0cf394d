# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a case's results should be: the model with every float computed in f64.

Expected outputs in files come from another implementation that computes in f32, with errors of its own. Of an output that
is known to be such (INEXACT), a device is compared with the exact result instead, at the same tolerance. The exact result
comes from the same importer as the device's, so it must itself be next to the file: it judges roundings, not meanings.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "onnx"))
import messages  # noqa: E402

EXACT = "reference:f64"
# Outputs, by model, whose expected values are known to be further than the tolerance from the exact ones, and why.
INEXACT = {
    "basic_pitch": {
        "StatefulPartitionedCall:2": "all is relative to the logarithm of the least of 53,148 energies, which cancels; "
                                     "the file is 1.057 tolerances off at one of 15,136 elements (docs/Accuracy.md)"},
}
# How far from such a file the exact result may be, in tolerances.
NEAR = 1.25


def passes(build, case, options, environment=None):
    command = [build / "bin" / "tinyc", "check", *options, case]
    return subprocess.run(command, env=environment, text=True, capture_output=True).returncode == 0


def write_case(build, case, folder, inexact):
    """A case in `folder` with the model, the first inputs and the outputs of `case`, but for the outputs named in
    `inexact`, which are the exact ones."""
    graph = messages.read("ModelProto", (case / "model.onnx").read_bytes()).graph
    weights = {weight.name for weight in graph.initializer}
    names = [value.name for value in graph.input if value.name not in weights]
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").symlink_to((case / "model.onnx").resolve())
    flags = []
    for index, name in enumerate(names):
        source = case / "test_data_set_0" / f"input_{index}.pb"
        (data / source.name).symlink_to(source.resolve())
        flags += ["--input", f"{name}=@{source}"]
    results = folder / "results"
    subprocess.run([build / "bin" / "tinyc", "run", folder / "model.onnx", "--device", EXACT, *flags, "--output-dir",
                    results], check=True, capture_output=True)
    for index, value in enumerate(graph.output):
        if value.name in inexact:
            os.rename(results / (value.name.replace("/", "_") + ".npy"), data / f"output_{index}.npy")
        else:
            source = case / "test_data_set_0" / f"output_{index}.pb"
            (data / source.name).symlink_to(source.resolve())


def judge(build, case, device, tolerance, environment, folder):
    """Of a case that failed on a device: why the device is right all the same, or "" if it is not."""
    inexact = INEXACT.get(case.name, {})
    near = [str(NEAR * float(word)) if word[0].isdigit() else word for word in tolerance]
    if not inexact or len(list(case.glob("test_data_set_*"))) != 1:
        return ""
    if passes(build, case, ["--device", EXACT, *tolerance]) or not passes(build, case, ["--device", EXACT, *near]):
        return ""
    write_case(build, case, folder, inexact)
    if not passes(build, folder, ["--device", device, *tolerance], environment):
        return ""
    return "; ".join(f"{output}: {why}" for output, why in inexact.items())
