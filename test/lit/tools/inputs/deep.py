#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""deep.py KIND N: prints a model with N of something.

  regions, attribute   loops in each other, lists in each other
  chain                ops one after the other
  signs, terms         of an affine expression
  aliases, doubled     each naming the one before once, or twice
  digits, sizes, dims  of an integer, of a shape, of an affine map
"""
import sys

kind, count = sys.argv[1], int(sys.argv[2])
value = "tensor<4xf32>"
alias = {"signs": f"affine_map<(d0) -> ({'-' * count}d0)>", "terms": f"affine_map<(d0) -> ({'d0 + ' * count}d0)>",
         "dims": f"affine_map<({', '.join(f'd{i}' for i in range(count))}) -> (d0)>"}.get(kind)
attribute = {"attribute": f"{'[' * count}{']' * count}", "digits": "9" * count, "aliases": f"#a{count}",
             "doubled": f"#a{count}", "sizes": f"tensor<{'1x' * count}f32>"}.get(kind, "#m" if alias else None)
if alias:
    print(f"#m = {alias}")
if kind in ("aliases", "doubled"):
    print("#a0 = [1]")
    for i in range(count):
        print(f"#a{i + 1} = [#a{i}{f', #a{i}' if kind == 'doubled' else ''}]")
# A name has to be a string: a message shows what it is instead.
extra = f" {{tiny.name = {attribute}}}" if kind == "doubled" else ""
print(f"func.func @main(%x: {value}{extra}) -> {value} {f'attributes {{deep = {attribute}}} ' if attribute else ''}{{")
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
