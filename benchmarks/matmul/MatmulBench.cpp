// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GFLOP/s of one matrix product on one core, and how long it took to compile.
//
//   matmul-bench M N K [ROUNDS] [transposed] ["schedule <...>"]      prints the median over the rounds

#include "test/targets/CpuKernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace tinyc;

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: matmul-bench M N K [ROUNDS] [transposed] [\"schedule <...>\"]\n");
    return 2;
  }
  int64_t m = atoll(argv[1]), n = atoll(argv[2]), k = atoll(argv[3]), rounds = argc > 4 ? atoll(argv[4]) : 20;
  // With `transposed` the right side is stored as [N, K].
  bool transposed = argc > 5 && std::string(argv[5]) == "transposed";
  std::string schedule = argc > 5 + transposed ? argv[5 + transposed] : "";
  auto tensor = [](int64_t a, int64_t b) { return "tensor<" + std::to_string(a) + "x" + std::to_string(b) + "xf32>"; };
  std::string a = tensor(m, k), b = transposed ? tensor(n, k) : tensor(k, n), c = tensor(m, n);
  std::string text =
      "func.func @main(%a: " + a + ", %b: " + b + ") -> " + c + " {\n%r = tiny.kernel \"matmul\" shared 2 " + schedule +
      " (%a, %b) : (" + a + ", " + b + ") -> " + c + " {\n^bb0(%x: " + a + ", %y: " + b +
      "):\n%s = tiny.stage parallel [" + std::to_string(m) + ", " + std::to_string(n) + "] reduce [" +
      std::to_string(k) + "] (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : " + a +
      ", %y by affine_map<(d0, d1, d2) -> (" + (transposed ? "d1, d2" : "d2, d1") + ")> : " + b + ") -> (sum " + c +
      ") {\n^bb0(%u: f32, %v: f32):\n%p = tiny.mul %u, %v : f32\ntiny.yield %p : f32\n}\ntiny.yield %s : " + c +
      "\n}\nreturn %r : " + c + "\n}\n";
  CompiledKernel first = compileKernel(text), kernel = compileKernel(text);
  if (!kernel.call)
    return 1;
  Buffer<float> x(m * k, 0.5f), y(k * n, 0.25f), z(m * n);
  std::vector<double> times;
  for (int64_t i = 0; i < rounds; ++i) {
    auto begin = std::chrono::steady_clock::now();
    kernel.run({x.data(), y.data(), z.data()});
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  if (z[0] != 0.125f * k || z[m * n - 1] != 0.125f * k) {
    fprintf(stderr, "wrong result: expected %g, found %g and %g\n", 0.125 * k, z[0], z[m * n - 1]);
    return 3;
  }
  std::sort(times.begin(), times.end());
  double flops = 2.0 * m * n * k;
  printf("%ldx%ldx%ld: median %.1f GFLOP/s, best %.1f; compiled in %.1f ms (first time %.1f ms)\n", long(m), long(n),
         long(k), flops / times[times.size() / 2] * 1e-9, flops / times[0] * 1e-9, kernel.milliseconds,
         first.milliseconds);
}
