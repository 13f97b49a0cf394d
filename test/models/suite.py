# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which models `scripts/test.sh` checks on which devices."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMULATED = {"sm_80": ("cuda:0", "libcuda.so.1"), "gfx1100": ("hip:0", "libamdhip64.so")}


def models(shared, build, everything):
    """Yields (label, case folders, options of `tinyc check`, environment, group). Runs of one group must print the same
    hashes: the number of threads does not change a result."""
    examples = [ROOT / "examples" / name for name in ("mlp", "transformer_block")]
    small = [shared / "models" / name for name in ("mnist", "micro_kws")]
    large = [shared / "models" / name for name in ("magika", "ultraface", "squeezenet_fp16", "bert_qa_tiny", "dtln_1", "silero_vad")]
    # Convolutions of 10^9 and more multiply-adds: the reference takes minutes.
    heavy = [shared / "models" / name for name in ("basic_pitch", "dnsmos")]
    tolerance = ["--rtol", "1e-3", "--atol", "1e-4"]
    for label, quick, slow in (("examples", examples, []), ("shared", small + large, heavy)):
        yield f"models: {label}, reference", quick, ["--device", "reference", *tolerance], {}, None
        for threads in ("1", "2"):
            options = ["--device", "cpu", "--threads", threads, "--hash", *tolerance]
            yield f"models: {label}, cpu, {threads} threads", quick + slow, options, {}, label
    for chip, (device, library) in EMULATED.items():
        if not (build / "emulators" / library).exists():
            continue
        environment = {"LD_LIBRARY_PATH": str(build / "emulators"), "TINYC_EMULATED_CHIP": chip}
        yield f"models: examples, emulated {chip}", examples, ["--device", device], environment, None
        # One element of basic_pitch's 15,136 is 3e-6 beyond the tolerance there, as on the reference.
        cases = small + large + heavy[1:] if everything else small
        yield f"models: shared, emulated {chip}", cases, ["--device", device, *tolerance], environment, None
