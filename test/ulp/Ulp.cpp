// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ulp: prints the worst error of each elementary function, as the passes expand it, over all 2^32 floats.
//
//   ulp [--sample N] [--threads N] [--cpu NAME] [function ..]
//
// --sample takes N inputs of each function instead of all, spread over all floats. div and mod take pairs: 10^8 of
// random bits, or N. Exit code 3 if a bound is broken.

#include "test/ulp/Ulp.h"
#include "lib/Builders/Elementary.h"
#include "test/ulp/Jit.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

using namespace mlir;
using namespace tinyc;

namespace {
constexpr int64_t kBatch = 4096, kLanes = 16;

struct Row {
  const char *name;
  double bound; // in ulp; 0: correctly rounded, bit for bit
  unsigned operands;
  Value (*build)(compose::Builder &, ValueRange);
  double (*exact)(double, double);
  double limit = INFINITY; // inputs of a smaller magnitude are judged
};

template <typename Op> Value unary(compose::Builder &b, ValueRange x) { return Op::create(b, x[0]); }
template <typename Op> Value binary(compose::Builder &b, ValueRange x) { return Op::create(b, x[0], x[1]); }
template <typename Op, tiny::LogBase base> Value based(compose::Builder &b, ValueRange x) {
  return Op::create(b, base, x[0]);
}
template <Value (*function)(compose::Builder &, Value)> Value composed(compose::Builder &b, ValueRange x) {
  return function(b, x[0]);
}
using tiny::LogBase;

const Row kRows[] = {
    {"exp", 2, 1, based<tiny::ExpOp, LogBase::E>, [](double x, double) { return std::exp(x); }},
    {"exp2", 2, 1, based<tiny::ExpOp, LogBase::Two>, [](double x, double) { return std::exp2(x); }},
    {"log", 2, 1, based<tiny::LogOp, LogBase::E>, [](double x, double) { return std::log(x); }},
    {"log2", 2, 1, based<tiny::LogOp, LogBase::Two>, [](double x, double) { return std::log2(x); }},
    {"sin", 2, 1, unary<tiny::SinOp>, [](double x, double) { return std::sin(x); }},
    {"sqrt", 0, 1, unary<tiny::SqrtOp>, [](double x, double) { return std::sqrt(x); }},
    {"tanh", 4, 1, composed<compose::tanh>, [](double x, double) { return std::tanh(x); }},
    {"erf", 4, 1, composed<compose::erf>, [](double x, double) { return std::erf(x); }},
    {"sigmoid", 4, 1, composed<compose::sigmoid>, [](double x, double) { return 1 / (1 + std::exp(-x)); }},
    {"cos", 4, 1, composed<compose::cos>, [](double x, double) { return std::cos(x); }, 0x1p127},
    {"div", 0, 2, binary<tiny::DivOp>, [](double x, double y) { return x / y; }},
    {"mod", 0, 2, binary<tiny::ModOp>, [](double x, double y) { return std::fmod(x, y); }},
};

// func @name(%a, [%b,] %r: memref<4096xf32>): r = f(a * scale, b), 16 elements at a time.
void buildFunction(OpBuilder &at, const Row &row, const std::string &name, bool isScaled) {
  compose::Builder b(at.getUnknownLoc(), at.getContext());
  b.setInsertionPoint(at.getInsertionBlock(), at.getInsertionPoint());
  auto buffer = MemRefType::get({kBatch}, b.getF32Type());
  SmallVector<Type> types(row.operands + 1, buffer);
  auto function = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(function.addEntryBlock());
  Value begin = arith::ConstantIndexOp::create(b, 0), end = arith::ConstantIndexOp::create(b, kBatch);
  auto loop = scf::ForOp::create(b, begin, end, arith::ConstantIndexOp::create(b, kLanes));
  auto vector = VectorType::get({kLanes}, b.getF32Type());
  b.setInsertionPointToStart(loop.getBody());
  Value index = loop.getInductionVar();
  SmallVector<Value> operands;
  for (BlockArgument argument : function.getArguments().drop_back())
    operands.push_back(vector::LoadOp::create(b, vector, argument, index));
  if (isScaled)
    operands[0] = compose::mul(b, operands[0], compose::splat(b, vector, 0.125));
  vector::StoreOp::create(b, row.build(b, operands), function.getArguments().back(), index);
  b.setInsertionPointAfter(loop);
  func::ReturnOp::create(b);
}

struct Worst {
  double error = -1;
  float x = 0, y = 0, found = 0;
  double exact = 0;
};

uint64_t scramble(uint64_t x) { // an arbitrary permutation of 64 bits
  x ^= x >> 31;
  x *= 0x9e3779b97f4a7c15u;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9u;
  return x ^ x >> 32;
}

// The errors of inputs first, first + 1, .. of `total`, which stand for all floats.
Worst measure(const Row &row, void *address, bool isScaled, uint64_t first, uint64_t last, uint64_t total) {
  alignas(64) std::array<float, kBatch> x, y, result;
  Worst worst;
  for (uint64_t at = first; at < last; at += kBatch) {
    for (int64_t k = 0; k < kBatch; ++k) {
      uint64_t number = std::min(at + k, last - 1);
      uint64_t spread =
          total == uint64_t(1) << 32 ? number : number * (uint64_t(1) << 32) / total + scramble(number) % 4096;
      uint64_t random = scramble(number + 1);
      x[k] = std::bit_cast<float>(static_cast<uint32_t>(row.operands == 1 ? spread : random));
      y[k] = std::bit_cast<float>(static_cast<uint32_t>(random >> 32));
    }
    if (row.operands == 1)
      reinterpret_cast<void (*)(const float *, float *)>(address)(x.data(), result.data());
    else
      reinterpret_cast<void (*)(const float *, const float *, float *)>(address)(x.data(), y.data(), result.data());
    for (int64_t k = 0; k < kBatch; ++k) {
      float argument = isScaled ? x[k] * 0.125f : x[k];
      if (std::fabs(argument) >= row.limit)
        continue;
      double exact = row.exact(argument, y[k]), error;
      if (row.bound == 0) {
        float rounded = static_cast<float>(exact);
        bool same = std::bit_cast<uint32_t>(rounded) == std::bit_cast<uint32_t>(result[k]) ||
                    (std::isnan(rounded) && std::isnan(result[k]));
        error = same ? 0 : std::max(ulpDistance(result[k], exact), 0.5);
      } else {
        error = ulpDistance(result[k], exact);
      }
      if (error > worst.error)
        worst = {error, argument, y[k], result[k], exact};
    }
  }
  return worst;
}
} // namespace

int main(int argc, char **argv) {
  uint64_t sample = 0;
  unsigned threads = 2;
  std::string cpu;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    bool takesValue = argument == "--sample" || argument == "--threads" || argument == "--cpu";
    if (takesValue && i + 1 == argc) {
      std::fprintf(stderr, "ulp: expected a value after %s\n", argument.c_str());
      return 2;
    }
    if (argument == "--sample")
      sample = std::strtoull(argv[++i], nullptr, 10);
    else if (argument == "--threads")
      threads = std::max(1ul, std::strtoul(argv[++i], nullptr, 10));
    else if (argument == "--cpu")
      cpu = argv[++i];
    else
      names.push_back(argument);
  }
  std::unique_ptr<MLIRContext> context = makeJitContext();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  for (const Row &row : kRows)
    for (bool isScaled : {false, true})
      buildFunction(b, row, std::string(row.name) + (isScaled ? "_scaled" : ""), isScaled);
  Jit jit(*module, cpu);
  if (!jit.error().empty()) {
    std::fprintf(stderr, "ulp: %s\n", jit.error().c_str());
    return 70;
  }
  bool isBroken = false;
  for (const Row &row : kRows) {
    if (!names.empty() && llvm::find(names, row.name) == names.end())
      continue;
    for (bool isScaled : {false, true}) {
      if (isScaled && row.operands == 2)
        continue;
      void *address = jit.find(std::string(row.name) + (isScaled ? "_scaled" : ""));
      if (!address) {
        std::fprintf(stderr, "ulp: %s\n", jit.error().c_str());
        return 70;
      }
      uint64_t total = sample ? sample : row.operands == 1 ? uint64_t(1) << 32 : 100'000'000;
      std::vector<Worst> parts(threads);
      std::vector<std::thread> workers;
      for (unsigned t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
          parts[t] = measure(row, address, isScaled, total / threads * t,
                             t + 1 == threads ? total : total / threads * (t + 1), total);
        });
      for (std::thread &worker : workers)
        worker.join();
      Worst worst = *std::max_element(parts.begin(), parts.end(),
                                      [](const Worst &a, const Worst &b) { return a.error < b.error; });
      bool isGood = worst.error <= row.bound;
      isBroken |= !isGood;
      std::printf("%-7s%-8s worst %.4f ulp (bound %g%s) at %a", row.name, isScaled ? "(x/8)" : "", worst.error,
                  row.bound, row.bound == 0 ? ": correctly rounded" : "", worst.x);
      if (row.operands == 2)
        std::printf(", %a", worst.y);
      std::printf(": %a, exactly %a, of %llu inputs%s\n", worst.found, worst.exact,
                  static_cast<unsigned long long>(total), isGood ? "" : "  BROKEN");
      std::fflush(stdout);
    }
  }
  return isBroken ? 3 : 0;
}
