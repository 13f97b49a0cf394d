# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Processes on one cache of little space, many of them killed: killed.py FOLDER PROCESSES RUNS LIMIT.

Each of PROCESSES threads starts RUNS compilations, of models of its own and of ones that the others compile as well, to a
file that holds an older artefact, and kills most of them at a random moment. A file must hold the older artefact or the
new one, and one that was not killed must say nothing and be right. Afterwards no temporary files are left, the cache is
within LIMIT bytes, and what is in it is right.
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

folder, processes, runs, limit = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
cache = folder / "cache"
cached = dict(os.environ, TINYC_CACHE=str(cache), TINYC_CACHE_SIZE=str(limit))
MODEL = """func.func @main(%x: tensor<{n}x32xf32>) -> (tensor<{n}xf32>, tensor<{n}x32xf32>) {{
  %0 = tiny.reduce sum %x [1] : tensor<{n}x32xf32> -> tensor<{n}xf32>
  %1 = tiny.exp e %x : tensor<{n}x32xf32>
  return %0, %1 : tensor<{n}xf32>, tensor<{n}x32xf32>
}}
"""
OLD = b"an older artefact" * 1000
expected, problems, counts = {}, [], {"killed": 0, "old": 0, "new": 0}


def compile(model, output, env):
    return subprocess.Popen(["tinyc", "compile", str(model), "-o", str(output)], env=env, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def run(seed):
    chance = random.Random(seed)
    output = folder / f"out{seed}" / "model.tinyc"
    output.parent.mkdir()
    for _ in range(runs):
        model = chance.choice(list(expected))
        output.write_bytes(OLD)
        process = compile(model, output, cached)
        if kill := chance.random() < 0.7:
            time.sleep(chance.uniform(0, slowest))
            process.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
        said = process.communicate(timeout=120)[1]
        killed = process.returncode < 0
        found = output.read_bytes()
        counts["killed"] += killed
        counts["new" if found == expected[model] else "old"] += 1
        if killed and not kill or not killed and (process.returncode != 0 or said):
            problems.append(f"exit code {process.returncode}: {said.decode()}")
        if found != expected[model] and not (killed and found == OLD):
            problems.append(f"{output}: {len(found)} bytes that are neither the old artefact nor the new one")


for n in range(processes + 2):
    model = folder / f"model{n}.mlir"
    model.write_text(MODEL.format(n=n + 3))
    start = time.monotonic()
    assert compile(model, folder / "expected.tinyc", dict(cached, TINYC_CACHE_SIZE="0")).wait() == 0
    slowest = 1.5 * processes * (time.monotonic() - start) / os.cpu_count()
    expected[model] = (folder / "expected.tinyc").read_bytes()

threads = [threading.Thread(target=run, args=(seed,)) for seed in range(processes)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

# Left to themselves, with a count of what is there.
(cache / "size").unlink(missing_ok=True)
for round in range(2):
    for model, bytes in expected.items():
        for output in sorted(folder.glob("out*/model.tinyc")):
            process = compile(model, output, cached)
            said = process.communicate(timeout=120)[1]
            if process.returncode != 0 or said or output.read_bytes() != bytes:
                problems.append(f"afterwards, {model.name}: exit code {process.returncode}: {said.decode()}")
left = [path for path in folder.rglob("*.tinyc-tmp")]
size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file() and path.name != "size")
if left:
    problems.append(f"left behind: {left}")
if size > limit:
    problems.append(f"the cache holds {size} bytes, the limit is {limit}")
print("\n".join(problems), end="\n" if problems else "")
print(f"{processes * runs} runs, {counts['killed']} killed; {counts['old']} times the old artefact stayed")
sys.exit(1 if problems or not counts["killed"] or not counts["new"] else 0)
