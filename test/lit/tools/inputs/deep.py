#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""deep.py regions|attribute|chain N: prints a model with N loops in each other, an attribute of N lists in each other,
or N ops one after the other."""
import sys

kind, count = sys.argv[1], int(sys.argv[2])
value = "tensor<4xf32>"
extra = f"attributes {{deep = {'[' * count}{']' * count}}} " if kind == "attribute" else ""
print(f"func.func @main(%x: {value}) -> {value} {extra}{{")
result = "%x"
if kind == "chain":
    for i in range(count):
        print(f"  %v{i} = tiny.sqrt {result} : {value}")
        result = f"%v{i}"
elif kind == "regions":
    print("%go = tiny.const dense<true> : tensor<i1>")
    go = "%go"
    for i in range(count):
        print(f"%r{i} = tiny.loop 1 carry({result}) use({go}) : ({value}, tensor<i1>) -> {value} {{")
        print(f"^bb0(%i{i}: tensor<i64>, %a{i}: {value}, %g{i}: tensor<i1>):")
        result, go = f"%a{i}", f"%g{i}"
    for i in reversed(range(count)):
        print(f"tiny.yield %g{i}, {result} : tensor<i1>, {value}\n}}")
        result = f"%r{i}"
print(f"  return {result} : {value}\n}}")
