# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which models `scripts/test.sh` checks on which devices."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMULATED = {"sm_80": ("cuda:0", "libcuda.so.1"), "gfx1100": ("hip:0", "libamdhip64.so")}


def models(shared, build, everything):
    """Yields (label, case folders, device, more options of `tinyc check`, environment, group). Runs of one group must
    print the same hashes: the number of threads does not change a result."""
    examples = [ROOT / "examples" / name for name in ("mlp", "transformer_block")]
    small = [shared / "models" / name for name in ("mnist", "micro_kws")]
    large = [shared / "models" / name for name in ("magika", "ultraface", "squeezenet_fp16", "bert_qa_tiny", "dtln_1",
                                                   "silero_vad", "basic_pitch", "dnsmos")]
    for label, cases in (("examples", examples), ("shared", small + large)):
        yield f"models: {label}, reference", cases, "reference", [], {}, None
        for threads in ("1", "2"):
            yield f"models: {label}, cpu, {threads} threads", cases, "cpu", ["--threads", threads, "--hash"], {}, label
    for chip, (device, library) in EMULATED.items():
        if not (build / "emulators" / library).exists():
            continue
        environment = {"LD_LIBRARY_PATH": str(build / "emulators"), "TINYC_EMULATED_CHIP": chip}
        yield f"models: examples, emulated {chip}", examples, device, [], environment, None
        yield f"models: shared, emulated {chip}", small + large if everything else small, device, [], environment, None
