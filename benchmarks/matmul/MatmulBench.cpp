// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GFLOP/s of one matrix product on one core, and how long it took to compile.
//
//   matmul-bench M N K [ROUNDS] [TYPES] [transposed] ["schedule <...>"]      prints the median over the rounds
//
// TYPES: f32 (the default), bf16 and f16 with f32 sums, or i8, ui8, ui8xi8, i8xui8 with i32 sums.

#include "test/targets/CpuKernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace tinyc;

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: matmul-bench M N K [ROUNDS] [TYPES] [transposed] [\"schedule <...>\"]\n");
    return 2;
  }
  int64_t m = atoll(argv[1]), n = atoll(argv[2]), k = atoll(argv[3]), rounds = argc > 4 ? atoll(argv[4]) : 20;
  std::vector<std::string> rest(argv + std::min(argc, 5), argv + argc);
  std::string left = "f32";
  if (!rest.empty() && (isdigit(rest[0].back()))) {
    left = rest[0];
    rest.erase(rest.begin());
  }
  size_t cross = left.find('x');
  std::string right = left.substr(cross == std::string::npos ? 0 : cross + 1);
  left = left.substr(0, cross);
  bool integers = left.back() == '8';
  // With `transposed` the right side is stored as [N, K].
  bool transposed = !rest.empty() && rest[0] == "transposed";
  std::string schedule = rest.size() > transposed ? rest[transposed] : "", sum = integers ? "i32" : "f32";
  auto tensor = [](int64_t a, int64_t b, const std::string &type) {
    return "tensor<" + std::to_string(a) + "x" + std::to_string(b) + "x" + type + ">";
  };
  std::string a = tensor(m, k, left), b = transposed ? tensor(n, k, right) : tensor(k, n, right), c = tensor(m, n, sum);
  auto wide = [&](const std::string &value, const std::string &type) {
    return "%w" + value + " = tiny.cast %" + value + " : " + type + " to " + sum + "\n";
  };
  bool casts = left != sum;
  std::string text = "func.func @main(%a: " + a + ", %b: " + b + ") -> " + c +
                     " {\n%r = tiny.kernel \"matmul\" shared 2 " + schedule + " (%a, %b) : (" + a + ", " + b + ") -> " +
                     c + " {\n^bb0(%x: " + a + ", %y: " + b + "):\n%s = tiny.stage parallel [" + std::to_string(m) +
                     ", " + std::to_string(n) + "] reduce [" + std::to_string(k) +
                     "] (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : " + a + ", %y by affine_map<(d0, d1, d2) -> (" +
                     (transposed ? "d1, d2" : "d2, d1") + ")> : " + b + ") -> (sum " + c + ") {\n^bb0(%u: " + left +
                     ", %v: " + right + "):\n" + (casts ? wide("u", left) + wide("v", right) : "") + "%p = tiny.mul " +
                     (casts ? "%wu, %wv" : "%u, %v") + " : " + sum + "\ntiny.yield %p : " + sum +
                     "\n}\ntiny.yield %s : " + c + "\n}\nreturn %r : " + c + "\n}\n";
  CompiledKernel first = compileKernel(text), kernel = compileKernel(text);
  if (!kernel.call)
    return 1;
  // Operands all of one number: 0.5 and 0.25, or 2 and 3.
  auto fill = [](Buffer<uint8_t> &bytes, const std::string &type, double number) {
    uint8_t element[4] = {static_cast<uint8_t>(number)};
    size_t size = 1;
    if (type == "f32" || type == "bf16") {
      float value = number;
      uint32_t bits;
      memcpy(&bits, &value, 4);
      size = type == "f32" ? 4 : 2;
      bits >>= 32 - 8 * size;
      memcpy(element, &bits, size);
    } else if (type == "f16") {
      _Float16 value = number;
      memcpy(element, &value, size = 2);
    }
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = element[i % size];
  };
  auto bytesOf = [](const std::string &type) { return type.back() == '8' ? 1 : type == "f32" ? 4 : 2; };
  Buffer<uint8_t> x(m * k * bytesOf(left)), y(k * n * bytesOf(right)), z(m * n * 4);
  double xValue = integers ? 2 : 0.5, yValue = integers ? 3 : 0.25;
  fill(x, left, xValue);
  fill(y, right, yValue);
  std::vector<double> times;
  for (int64_t i = 0; i < rounds; ++i) {
    auto begin = std::chrono::steady_clock::now();
    kernel.run({x.data(), y.data(), z.data()});
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  auto result = [&](int64_t i) {
    int32_t integer;
    float number;
    memcpy(&integer, z.data() + 4 * i, 4);
    memcpy(&number, z.data() + 4 * i, 4);
    return integers ? integer : number;
  };
  if (double expected = xValue * yValue * k; result(0) != expected || result(m * n - 1) != expected) {
    fprintf(stderr, "wrong result: expected %g, found %g and %g\n", expected, result(0), result(m * n - 1));
    return 3;
  }
  std::sort(times.begin(), times.end());
  double flops = 2.0 * m * n * k;
  printf("%ldx%ldx%ld: median %.1f GFLOP/s, best %.1f; compiled in %.1f ms (first time %.1f ms)\n", long(m), long(n),
         long(k), flops / times[times.size() / 2] * 1e-9, flops / times[0] * 1e-9, kernel.milliseconds,
         first.milliseconds);
}
