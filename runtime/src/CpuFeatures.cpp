// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CPU features from CPUID and XGETBV (x86; Intel SDM volume 2, CPUID; AMD APM volume 3) or the auxiliary vector (Arm).

#include "runtime/src/CpuFeatures.h"

#include <cerrno>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace tinyc {

#if defined(__x86_64__)
namespace {

enum Register { EAX, EBX, ECX, EDX };
/// The state the operating system must save for a feature to be usable.
enum Saved { Always, Avx, Avx512, Tiles };

struct Row {
  const char *name;
  unsigned leaf, subleaf;
  Register where;
  unsigned bit;
  Saved saved;
};

constexpr Row rows[] = {
    {"cx8", 1, 0, EDX, 8, Always},
    {"cmov", 1, 0, EDX, 15, Always},
    {"mmx", 1, 0, EDX, 23, Always},
    {"fxsr", 1, 0, EDX, 24, Always},
    {"sse", 1, 0, EDX, 25, Always},
    {"sse2", 1, 0, EDX, 26, Always},
    {"sse3", 1, 0, ECX, 0, Always},
    {"pclmul", 1, 0, ECX, 1, Always},
    {"ssse3", 1, 0, ECX, 9, Always},
    {"fma", 1, 0, ECX, 12, Avx},
    {"cx16", 1, 0, ECX, 13, Always},
    {"sse4.1", 1, 0, ECX, 19, Always},
    {"sse4.2", 1, 0, ECX, 20, Always},
    {"crc32", 1, 0, ECX, 20, Always},
    {"movbe", 1, 0, ECX, 22, Always},
    {"popcnt", 1, 0, ECX, 23, Always},
    {"aes", 1, 0, ECX, 25, Always},
    {"xsave", 1, 0, ECX, 26, Always},
    {"avx", 1, 0, ECX, 28, Avx},
    {"f16c", 1, 0, ECX, 29, Avx},
    {"rdrnd", 1, 0, ECX, 30, Always},
    {"fsgsbase", 7, 0, EBX, 0, Always},
    {"bmi", 7, 0, EBX, 3, Always},
    {"avx2", 7, 0, EBX, 5, Avx},
    {"bmi2", 7, 0, EBX, 8, Always},
    {"invpcid", 7, 0, EBX, 10, Always},
    {"avx512f", 7, 0, EBX, 16, Avx512},
    {"avx512dq", 7, 0, EBX, 17, Avx512},
    {"rdseed", 7, 0, EBX, 18, Always},
    {"adx", 7, 0, EBX, 19, Always},
    {"avx512ifma", 7, 0, EBX, 21, Avx512},
    {"clflushopt", 7, 0, EBX, 23, Always},
    {"clwb", 7, 0, EBX, 24, Always},
    {"avx512cd", 7, 0, EBX, 28, Avx512},
    {"sha", 7, 0, EBX, 29, Always},
    {"avx512bw", 7, 0, EBX, 30, Avx512},
    {"avx512vl", 7, 0, EBX, 31, Avx512},
    {"avx512vbmi", 7, 0, ECX, 1, Avx512},
    {"pku", 7, 0, ECX, 4, Always},
    {"waitpkg", 7, 0, ECX, 5, Always},
    {"avx512vbmi2", 7, 0, ECX, 6, Avx512},
    {"shstk", 7, 0, ECX, 7, Always},
    {"gfni", 7, 0, ECX, 8, Always},
    {"vaes", 7, 0, ECX, 9, Avx},
    {"vpclmulqdq", 7, 0, ECX, 10, Avx},
    {"avx512vnni", 7, 0, ECX, 11, Avx512},
    {"avx512bitalg", 7, 0, ECX, 12, Avx512},
    {"avx512vpopcntdq", 7, 0, ECX, 14, Avx512},
    {"rdpid", 7, 0, ECX, 22, Always},
    {"cldemote", 7, 0, ECX, 25, Always},
    {"movdiri", 7, 0, ECX, 27, Always},
    {"movdir64b", 7, 0, ECX, 28, Always},
    {"enqcmd", 7, 0, ECX, 29, Always},
    {"uintr", 7, 0, EDX, 5, Always},
    {"avx512vp2intersect", 7, 0, EDX, 8, Avx512},
    {"serialize", 7, 0, EDX, 14, Always},
    {"tsxldtrk", 7, 0, EDX, 16, Always},
    {"amx-bf16", 7, 0, EDX, 22, Tiles},
    {"avx512fp16", 7, 0, EDX, 23, Avx512},
    {"amx-tile", 7, 0, EDX, 24, Tiles},
    {"amx-int8", 7, 0, EDX, 25, Tiles},
    {"avxvnni", 7, 1, EAX, 4, Avx},
    {"avx512bf16", 7, 1, EAX, 5, Avx512},
    {"amx-fp16", 7, 1, EAX, 21, Tiles},
    {"avxifma", 7, 1, EAX, 23, Avx},
    {"avxvnniint8", 7, 1, EDX, 4, Avx},
    {"avxneconvert", 7, 1, EDX, 5, Avx},
    {"amx-complex", 7, 1, EDX, 8, Tiles},
    {"avxvnniint16", 7, 1, EDX, 10, Avx},
    {"xsaveopt", 0xD, 1, EAX, 0, Always},
    {"xsavec", 0xD, 1, EAX, 1, Always},
    {"xsaves", 0xD, 1, EAX, 3, Always},
    {"sahf", 0x80000001, 0, ECX, 0, Always},
    {"lzcnt", 0x80000001, 0, ECX, 5, Always},
    {"sse4a", 0x80000001, 0, ECX, 6, Always},
    {"prfchw", 0x80000001, 0, ECX, 8, Always},
    {"xop", 0x80000001, 0, ECX, 11, Avx},
    {"fma4", 0x80000001, 0, ECX, 16, Avx},
    {"tbm", 0x80000001, 0, ECX, 21, Always},
    {"mwaitx", 0x80000001, 0, ECX, 29, Always},
    {"64bit", 0x80000001, 0, EDX, 29, Always},
    {"clzero", 0x80000008, 0, EBX, 0, Always},
    {"wbnoinvd", 0x80000008, 0, EBX, 9, Always},
};

uint64_t savedState() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
    return 0;
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

std::vector<CpuFeature> detect() {
  uint64_t state = savedState();
  auto isSaved = [&](Saved saved) {
    uint64_t bits = saved == Avx ? 0x6 : saved == Avx512 ? 0xE6 : saved == Tiles ? 0x60000 : 0;
    return (state & bits) == bits;
  };
  std::vector<CpuFeature> features;
  for (const Row &row : rows) {
    unsigned r[4] = {};
    bool known = __get_cpuid_count(row.leaf, row.subleaf, &r[0], &r[1], &r[2], &r[3]);
    features.push_back({row.name, known && (r[row.where] >> row.bit & 1) && isSaved(row.saved)});
  }
  return features;
}

} // namespace

std::string cpuArchitecture() { return "x86-64"; }

std::string cpuBrand() {
  unsigned text[12];
  for (unsigned i = 0; i < 3; ++i)
    if (!__get_cpuid(0x80000002 + i, &text[4 * i], &text[4 * i + 1], &text[4 * i + 2], &text[4 * i + 3]))
      return "x86-64 processor";
  const char *bytes = reinterpret_cast<const char *>(text);
  std::string brand(bytes, strnlen(bytes, sizeof(text)));
  size_t first = brand.find_first_not_of(' '), last = brand.find_last_not_of(' ');
  return first == std::string::npos ? "x86-64 processor" : brand.substr(first, last - first + 1);
}

Status requestTileRegisters() {
  constexpr int requestPermission = 0x1023, tileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  if (syscall(SYS_arch_prctl, requestPermission, tileData) != 0)
    return unsupported(std::string("the operating system does not grant the AMX tile registers: ") +
                       std::strerror(errno));
  return {};
}

#elif defined(__aarch64__)
namespace {

struct Row {
  const char *name;
  unsigned long vector;
  unsigned bit;
};

// Bits of AT_HWCAP and AT_HWCAP2: Linux, Documentation/arch/arm64/elf_hwcaps.rst.
constexpr Row rows[] = {
    {"fp-armv8", AT_HWCAP, 0}, {"neon", AT_HWCAP, 1},     {"aes", AT_HWCAP, 3},       {"sha2", AT_HWCAP, 6},
    {"crc", AT_HWCAP, 7},      {"lse", AT_HWCAP, 8},      {"fullfp16", AT_HWCAP, 10}, {"rdm", AT_HWCAP, 12},
    {"dotprod", AT_HWCAP, 20}, {"fp16fml", AT_HWCAP, 23}, {"sve", AT_HWCAP, 22},      {"sve2", AT_HWCAP2, 1},
    {"i8mm", AT_HWCAP2, 13},   {"bf16", AT_HWCAP2, 14},
};

std::vector<CpuFeature> detect() {
  std::vector<CpuFeature> features;
  for (const Row &row : rows)
    features.push_back({row.name, (getauxval(row.vector) >> row.bit & 1) != 0});
  return features;
}

} // namespace

std::string cpuArchitecture() { return "aarch64"; }
std::string cpuBrand() { return "aarch64 processor"; }
Status requestTileRegisters() { return unsupported("AMX exists on x86-64 only"); }
#endif

const std::vector<CpuFeature> &cpuFeatures() {
  static const std::vector<CpuFeature> features = detect();
  return features;
}

} // namespace tinyc
