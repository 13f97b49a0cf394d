# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which models `scripts/test.sh` checks on which devices."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMULATED = {"sm_80": ("cuda:0", "libcuda.so.1"), "gfx1100": ("hip:0", "libamdhip64.so")}


def models(shared, build, everything):
    """Yields (label, case folders, device, more options of `tinyc check`, environment, group, library). Runs of one group
    must print the same hashes: the number of threads does not change a result. Where the library is not there, an
    emulated driver that was not built, the cases are skipped by name."""
    examples = [ROOT / "examples" / name for name in ("mlp", "transformer_block")]
    small = [shared / "models" / name for name in ("mnist", "micro_kws")]
    large = [shared / "models" / name for name in ("magika", "ultraface", "squeezenet_fp16", "bert_qa_tiny", "dtln_1",
                                                   "silero_vad", "basic_pitch", "dnsmos")]
    for label, cases in (("examples", examples), ("shared", small + large)):
        yield f"models: {label}, reference", cases, "reference", [], {}, None, None
        for threads in ("1", "2"):
            options = ["--threads", threads, "--hash"]
            yield f"models: {label}, cpu, {threads} threads", cases, "cpu", options, {}, label, None
    for chip, (device, name) in EMULATED.items():
        library = build / "emulators" / name
        environment = {"LD_LIBRARY_PATH": str(library.parent), "TINYC_EMULATED_CHIP": chip}
        for label, cases in (("examples", examples), ("shared", small + large if everything else small)):
            yield f"models: {label}, emulated {chip}", cases, device, [], environment, None, library
