# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""many-results.py N: a scheduled kernel of three stages, of which the second has N results; the third reads the last of
them one element to the left, with a mask."""
import sys

count = int(sys.argv[1])
tensor, same = "tensor<4x64xf32>", "affine_map<(d0, d1) -> (d0, d1)>"
left = "affine_map<(d0, d1) -> (d0, d1 - 1)> mask affine_set<(d0, d1) : (d1 - 1 >= 0)> fill 0.0 : f32"


def stage(name, reads, body, results=1):
    arguments = ", ".join(f"%e{i}: f32" for i in range(len(reads)))
    listed = ", ".join(f"{read} : {tensor}" for read in reads)
    kinds, values, types = (", ".join([word] * results) for word in ("none " + tensor, "%v", "f32"))
    return f"""    {name} = tiny.stage parallel [4, 64] ({listed}) -> ({kinds}) {{
    ^bb0({arguments}):
      %v = {body} : f32
      tiny.yield {values} : {types}
    }}"""


print(f"""module attributes {{tiny.target = "nvidia:sm_80"}} {{
func.func @main(%x: {tensor}, %y: {tensor}) -> {tensor} {{
  %r = tiny.kernel "k_0" shared 1 schedule <unit = [1], strip = [64], warps = [1, 1], keep = false> (%x, %y)
       : ({tensor}, {tensor}) -> {tensor} {{
  ^bb0(%a: {tensor}, %b: {tensor}):
{stage("%s", [f"%a by {same}"], "tiny.add %e0, %e0")}
{stage(f"%m:{count}", [f"%b by {same}", f"%s by {same}"], "tiny.mul %e0, %e1", count)}
{stage("%z", [f"%m#{count - 1} by {left}"], "tiny.add %e0, %e0")}
    tiny.yield %z : {tensor}
  }}
  return %r : {tensor}
}}
}}""")
