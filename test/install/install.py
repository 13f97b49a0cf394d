#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Installs a build into a temporary prefix, moves the prefix, and builds and tests against it alone: the examples, every
installed header, a C program by CMake and one by pkg-config. Links in the installed documents lead somewhere.

    install.py BUILD            the last line is 'N passed, N failed, N skipped'
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(command, **kwargs):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **kwargs)
    if done.returncode != 0:
        print(f"$ {' '.join(map(str, command))}\n{done.stdout[-12000:]}")
    return done


def cache_values(build, names):
    text = (build / "CMakeCache.txt").read_text()
    values = {}
    for name in names:
        if found := re.search(rf"^{name}:\w+=(.*)$", text, re.M):
            values[name] = found[1]
    return values


def foreign_paths(prefix, build):
    """Installed text files and libraries that name the build or the source folder."""
    for path in sorted(prefix.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix in (".cmake", ".pc", ".py", ".h", ".inc"):
            text = path.read_text(errors="replace")
            for folder in (build, ROOT, prefix):
                if str(folder) in text:
                    yield f"{path} names {folder}"
        elif path.is_file() and (path.suffix == ".so" or path.parent.name == "bin"):
            dynamic = subprocess.run(["readelf", "-d", str(path)], text=True, capture_output=True).stdout
            for folder in (build, ROOT):
                if str(folder) in dynamic:
                    yield f"{path} looks for libraries in {folder}"


def build_and_test(source, build, options, totals):
    """A CMake project: its tests are counted; one that does not build is one failure."""
    for command in (["cmake", "-G", "Ninja", "-S", source, "-B", build, *options], ["cmake", "--build", build]):
        if run(command).returncode != 0:
            totals[1] += 1
            return
    tests = run(["ctest", "--test-dir", build, "--output-on-failure"])
    found = re.search(r"(\d+)% tests passed, (\d+) tests failed out of (\d+)", tests.stdout)
    if not found or int(found[3]) == 0:
        totals[1] += 1
        return
    totals[0] += int(found[3]) - int(found[2])
    totals[1] += int(found[2])


def pkg_config_client(prefix, folder, compiler, totals):
    if not shutil.which("pkg-config"):
        print("pkg-config is not installed: its file is not tried")
        totals[2] += 1
        return
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "tinyc-runtime"], text=True, capture_output=True,
                           env={"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig"), "PATH": "/usr/bin:/bin"})
    client = folder / "pkg-config-client"
    ok = flags.returncode == 0 and run(
        [compiler, ROOT / "test" / "install" / "RuntimeClient.c", "-o", client, *flags.stdout.split(), "-lm",
         f"-Wl,-rpath,{prefix}/lib"]).returncode == 0 and run([client, folder / "installed" / "mlp.tinyc"]).returncode == 0
    totals[0 if ok else 1] += 1


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    totals = [0, 0, 0]
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        if run(["cmake", "--install", build, "--prefix", temporary / "first"]).returncode != 0:
            print("0 passed, 1 failed, 0 skipped")
            return 1
        prefix = temporary / "moved" / "tinyc"
        prefix.parent.mkdir()
        (temporary / "first").rename(prefix)
        problems = list(foreign_paths(prefix, build))
        print("\n".join(problems), end="\n" if problems else "")
        totals[bool(problems)] += 1
        links = run([sys.executable, ROOT / "test" / "tree" / "links.py", prefix])
        totals[links.returncode != 0] += 1
        cache = cache_values(build, ["CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER", "CMAKE_CXX_COMPILER_LAUNCHER",
                                     "CMAKE_LINKER_TYPE", "CMAKE_BUILD_TYPE"])
        options = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DMODEL={ROOT / 'examples' / 'mlp' / 'model.mlir'}"]
        options += [f"-D{name}={value}" for name, value in cache.items()]
        # Nothing of the tree is beside them.
        shutil.copytree(prefix / "share" / "tinyc" / "examples", temporary / "examples")
        shutil.copytree(ROOT / "test" / "install", temporary / "client")
        build_and_test(temporary / "examples", temporary / "built-examples", options, totals)
        build_and_test(temporary / "client", temporary / "installed", options, totals)
        pkg_config_client(prefix, temporary, cache["CMAKE_C_COMPILER"], totals)
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
