// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops whose only limit is the one that is measured: independent chains of multiply-adds on registers, and a sum over
// memory that no cache holds.

#include "tools/tinyc/MeasureCpu.h"

#include "dialects/Target/Chip.h"
#include "runtime/include/tinyc/runtime.h"
#include "tools/tinyc/Progress.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

using namespace tinyc;
using Clock = std::chrono::steady_clock;

/// Bytes that all threads together read: several times the last cache of most machines.
constexpr size_t kMemoryBytes = size_t(256) << 20;
/// What a thread reads between two looks at the clock, about a millisecond: another process interrupts few of them.
constexpr size_t kPieceBytes = size_t(8) << 20;
/// What a thread reads again and again from its second-level cache, too large for the first.
constexpr size_t kCachedBytes = size_t(256) << 10;
/// Rounds of multiply-adds between two looks.
constexpr int64_t kRounds = 1 << 18;
constexpr int kComputePieces = 64, kCachePieces = 64;

namespace {
template <typename Element, int count> struct Vector {
  typedef Element Type __attribute__((vector_size(count * sizeof(Element))));
};

/// As many chains as hide the latency of a multiply-add on two ports, and as fit the registers. Returns the operations.
template <int lanes, int chains> __attribute__((always_inline)) inline double multiplyAdd() {
  using Register = Vector<float, lanes>::Type;
  Register sums[chains], factor, term;
  for (int lane = 0; lane < lanes; ++lane)
    factor[lane] = 0.9999f, term[lane] = 0.0001f;
  for (Register &sum : sums)
    sum = term;
  for (int64_t round = 0; round < kRounds; ++round)
#pragma clang loop unroll(full)
    for (int chain = 0; chain < chains; ++chain)
      sums[chain] = sums[chain] * factor + term;
  for (int chain = 1; chain < chains; ++chain)
    sums[0] += sums[chain];
  float sum = sums[0][0];
  asm volatile("" ::"r"(&sum) : "memory"); // the result is wanted
  return 2.0 * lanes * chains * kRounds;
}

/// Returns the bytes.
template <int words> __attribute__((always_inline)) inline double readAll(const char *bytes, size_t size) {
  using Register = Vector<uint64_t, words>::Type;
  Register sums[4] = {};
  for (size_t i = 0; i + sizeof(sums) <= size; i += sizeof(sums))
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; ++j)
      sums[j] ^= reinterpret_cast<const Register *>(bytes + i)[j];
  uint64_t sum = (sums[0] ^ sums[1] ^ sums[2] ^ sums[3])[0];
  asm volatile("" ::"r"(&sum) : "memory");
  return static_cast<double>(size);
}

/// The widest registers that this processor has.
struct Loops {
  double (*compute)();
  double (*read)(const char *, size_t);
};

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double compute512() { return multiplyAdd<16, 12>(); }
__attribute__((target("avx512f"))) double read512(const char *p, size_t n) { return readAll<8>(p, n); }
__attribute__((target("avx2,fma"))) double compute256() { return multiplyAdd<8, 12>(); }
__attribute__((target("avx2"))) double read256(const char *p, size_t n) { return readAll<4>(p, n); }
#endif
double compute128() { return multiplyAdd<4, 12>(); }
double read128(const char *p, size_t n) { return readAll<2>(p, n); }

Loops loops() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {compute512, read512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {compute256, read256};
#endif
  return {compute128, read128};
}
} // namespace

// What `work(thread, piece)`, which returns how much it did, reaches a second on that many threads at once: of one
// thread its best piece, of several the sum of their middle ones, since one that ran while others rested says nothing.
static double rate(unsigned threads, int pieces, llvm::function_ref<double(unsigned, int)> work) {
  std::vector<std::vector<double>> rates(threads);
  std::atomic<unsigned> ready = 0;
  auto body = [&](unsigned thread) {
    for (++ready; ready < threads;)
      std::this_thread::yield();
    for (int piece = 0; piece < pieces; ++piece) {
      auto start = Clock::now();
      double done = work(thread, piece);
      rates[thread].push_back(done * 1e-9 / std::chrono::duration<double>(Clock::now() - start).count());
    }
  };
  std::vector<std::thread> others;
  for (unsigned thread = 1; thread < threads; ++thread)
    others.emplace_back(body, thread);
  body(0);
  for (std::thread &other : others)
    other.join();
  double sum = 0;
  for (std::vector<double> &of : rates) {
    std::sort(of.begin(), of.end());
    sum += threads == 1 ? of.back() : of[of.size() / 2];
  }
  return sum;
}

tensorio::CpuLimits tinyc::measureCpu() {
  showStep("measuring what this CPU reaches");
  Loops loop = loops();
  unsigned most = tinyc_usable_cpus();
  std::unique_ptr<char[]> memory(new char[kMemoryBytes + 64]);
  std::memset(memory.get(), 1, kMemoryBytes);
  char *aligned = memory.get() + (64 - reinterpret_cast<uintptr_t>(memory.get()) % 64) % 64;
  tensorio::CpuLimits limits;
  for (unsigned threads : {1u, most}) {
    size_t part = kMemoryBytes / threads / 64 * 64;
    int pieces = std::max<size_t>(1, part / kPieceBytes);
    size_t pieceBytes = std::min(part, kPieceBytes), cached = std::min(pieceBytes, kCachedBytes);
    tensorio::DeviceLimits &result = threads == 1 ? limits.one : limits.all;
    result.gflops = rate(threads, kComputePieces, [&](unsigned, int) { return loop.compute(); });
    result.gbps = rate(threads, pieces, [&](unsigned thread, int piece) {
      return loop.read(aligned + thread * part + piece * pieceBytes, pieceBytes);
    });
    result.cacheGbps = rate(threads, kCachePieces, [&](unsigned thread, int) {
      double bytes = 0;
      for (int repeat = 0; repeat < 64; ++repeat)
        bytes += loop.read(aligned + thread * part, cached);
      return bytes;
    });
  }
  if (most == 1)
    limits.all = limits.one;
  return limits;
}

tensorio::DeviceLimits tinyc::limitsOfDevice(llvm::StringRef device, llvm::StringRef chip, unsigned threads) {
  if (device == "cpu") {
    std::optional<tensorio::CpuLimits> limits = tensorio::readCpuLimits();
    std::string ignored; // where the cache cannot be written, it is measured each time
    if (!limits)
      tensorio::writeCpuLimits(*(limits = measureCpu()), ignored);
    return limits->with(threads ? threads : tinyc_usable_cpus());
  }
  const Chip *row = findChip(chip);
  return row && row->kind != ChipKind::Cpu ? tensorio::DeviceLimits{row->gflopsF32, row->gbps}
                                           : tensorio::DeviceLimits();
}
