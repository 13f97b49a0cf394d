// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of chips.

#include "dialects/Target/Chip.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include <deque>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace tinyc;

// Facts a CPU of each x86-64 level has; caches are those of a typical server core.
static Chip cpuRow(std::string name, std::string cpu, std::string features, int64_t vectorBytes, int64_t registers,
                   double gflops) {
  Chip chip{};
  chip.name = std::move(name);
  chip.kind = ChipKind::Cpu;
  chip.triple = "x86_64-unknown-linux-gnu";
  chip.cpu = std::move(cpu);
  chip.features = std::move(features);
  chip.lanes = 1;
  chip.vectorBytes = vectorBytes;
  chip.registers = registers;
  chip.l1Bytes = 32 << 10;
  chip.l2Bytes = 1 << 20;
  chip.gflopsF32 = gflops;
  chip.gbps = 14;
  chip.instructions = {"fma"};
  chip.document = "https://gitlab.com/x86-psABIs/x86-64-ABI (micro-architecture levels)";
  return chip;
}

// What processors have beyond the highest level: matrix instructions, by LLVM's names of the features.
static Chip v4Row(std::string name, bool vnni, bool amx) {
  std::string features = "-prefer-256-bit";
  if (vnni)
    features += ",+avx512vnni,+avx512vbmi";
  if (amx)
    features += ",+amx-tile,+amx-bf16,+amx-int8";
  Chip chip = cpuRow(std::move(name), "x86-64-v4", features, 64, 32, 110);
  if (amx) {
    for (const char *row : {"amx.tdpbf16ps", "amx.tdpbssd", "amx.tdpbsud", "amx.tdpbusd", "amx.tdpbuud"})
      chip.instructions.push_back(row);
    // An instruction of 16 x 16 x 32 bf16 every 16 cycles, where two of 16 f32 start in each.
    chip.gflopsTensor = 16 * chip.gflopsF32;
    chip.l1Bytes = 48 << 10;
    chip.l2Bytes = 2 << 20;
    chip.document = "https://www.intel.com/content/www/us/en/content-details/671488/"
                    "intel-64-and-ia-32-architectures-optimization-reference-manual-volume-1.html (chapter 20)";
  }
  if (vnni)
    for (const char *row : {"avx512vnni.vpdpbusd.ui8.i8", "avx512vnni.vpdpbusd.i8.ui8", "avx512vnni.vpdpwssd"})
      chip.instructions.push_back(row);
  return chip;
}

// Whether Linux lets programs ask for the tile registers.
static bool grantsTileRegisters() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr int getSupported = 0x1021; // ARCH_GET_XCOMP_SUPP
  uint64_t supported = 0;
  return syscall(SYS_arch_prctl, getSupported, &supported) == 0 && (supported >> 18 & 1);
#else
  return false;
#endif
}

// LLVM names new processors wrongly (or as an old one), so the row of this machine is chosen by CPUID features.
static Chip hostRow() {
  llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  bool v4 = has.lookup("avx512f") && has.lookup("avx512bw") && has.lookup("avx512dq") && has.lookup("avx512vl") &&
            has.lookup("avx512cd");
  bool v3 = has.lookup("avx2") && has.lookup("fma") && has.lookup("f16c") && has.lookup("bmi2");
  bool amx = has.lookup("amx-tile") && has.lookup("amx-bf16") && has.lookup("amx-int8") && grantsTileRegisters();
  if (v4)
    return v4Row("cpu", has.lookup("avx512vnni") && has.lookup("avx512vbmi"), amx);
  if (v3)
    return cpuRow("cpu", "x86-64-v3", "", 32, 16, 55);
  Chip plain = cpuRow("cpu", "x86-64", "", 16, 16, 14);
  plain.instructions.clear(); // no fused multiply-add before x86-64-v3
  return plain;
}

// What differs between NVIDIA's chips for this compiler. Shared memory is what a block may opt in to.
struct NvidiaFacts {
  const char *cpu, *ptx; ///< LLVM's names of the chip and of the first PTX version that has all of it
  int64_t sharedBytes, l2Bytes;
  double gflopsF32, gflopsTensor, gbps;
};

// Each chip has the instructions of those before it but for what a letter at its end says: mma.sync is on all.
static Chip nvidiaRow(const NvidiaFacts &facts) {
  Chip chip{};
  chip.name = std::string("nvidia:") + facts.cpu;
  chip.kind = ChipKind::Nvidia;
  chip.triple = "nvptx64-nvidia-cuda";
  chip.cpu = facts.cpu;
  chip.features = std::string("+") + facts.ptx;
  chip.lanes = 32;
  chip.vectorBytes = 16;
  chip.registers = 65536;
  chip.maxLaneRegisters = 255;
  chip.maxThreads = 1024;
  chip.sharedBytes = facts.sharedBytes;
  chip.l2Bytes = facts.l2Bytes;
  chip.gflopsF32 = facts.gflopsF32;
  chip.gflopsTensor = facts.gflopsTensor;
  chip.gbps = facts.gbps;
  chip.asyncCopy = true;
  chip.matrixLoads = true;
  chip.instructions = {"fma", "mma.sync.m16n8k16.f32.f16", "mma.sync.m16n8k16.f32.bf16"};
  chip.document = "https://docs.nvidia.com/cuda/cuda-c-programming-guide/#compute-capabilities";
  return chip;
}

static Chip gfx1100Row() {
  Chip chip{};
  chip.name = "amd:gfx1100";
  chip.kind = ChipKind::Amd;
  chip.triple = "amdgcn-amd-amdhsa";
  chip.cpu = "gfx1100";
  chip.features = "+wavefrontsize32";
  chip.lanes = 32;
  chip.vectorBytes = 16;
  chip.registers = 49152;
  chip.maxLaneRegisters = 256;
  chip.maxThreads = 1024;
  chip.sharedBytes = 65536;
  chip.l2Bytes = 6 << 20;
  chip.gflopsF32 = 61400;
  chip.gflopsTensor = 122800;
  chip.gbps = 960;
  chip.instructions = {"fma", "wmma.f32.16x16x16.f16", "wmma.f32.16x16x16.bf16"};
  chip.document = "https://docs.amd.com/v/u/en-US/rdna3-shader-instruction-set-architecture-feb-2023_0";
  return chip;
}

static std::deque<Chip> &table() {
  static std::deque<Chip> rows = {
      hostRow(),
      cpuRow("cpu:x86-64-v3", "x86-64-v3", "", 32, 16, 55),
      v4Row("cpu:x86-64-v4", /*vnni=*/false, /*amx=*/false),
      v4Row("cpu:sapphirerapids", /*vnni=*/true, /*amx=*/true),
      // A100, RTX 3090, RTX 4090, H100 SXM, B200, RTX 5090: rates of the dense products with f32 sums.
      nvidiaRow({"sm_80", "ptx80", 166912, 40 << 20, 19500, 312000, 1555}),
      nvidiaRow({"sm_86", "ptx80", 101376, 6 << 20, 35580, 71000, 936}),
      nvidiaRow({"sm_89", "ptx81", 101376, 72 << 20, 82580, 165200, 1008}),
      nvidiaRow({"sm_90a", "ptx83", 232448, 50 << 20, 66900, 989400, 3352}),
      nvidiaRow({"sm_100a", "ptx86", 232448, 126 << 20, 80000, 2250000, 8000}),
      nvidiaRow({"sm_120a", "ptx87", 101376, 96 << 20, 104800, 209500, 1792}),
      gfx1100Row(),
  };
  return rows;
}

const Chip *tinyc::findChip(llvm::StringRef name) {
  for (const Chip &chip : table())
    if (chip.name == name)
      return &chip;
  return nullptr;
}

const Chip *tinyc::findChipOfDevice(llvm::StringRef name) {
  for (const std::string &form : {name.str(), name.str() + "a"})
    if (const Chip *chip = findChip(form))
      return chip;
  llvm::StringRef number = name;
  int device;
  if (!number.consume_front("nvidia:sm_") || number.getAsInteger(10, device))
    return nullptr;
  const Chip *best = nullptr;
  int newest = 0;
  for (const Chip &chip : table()) {
    llvm::StringRef digits = chip.name;
    int row; // a name with a letter at its end is no number: such PTX runs on one chip only
    if (digits.consume_front("nvidia:sm_") && !digits.getAsInteger(10, row) && row <= device && row > newest) {
      best = &chip;
      newest = row;
    }
  }
  return best;
}

std::vector<std::string> tinyc::chipNames() {
  std::vector<std::string> names;
  for (const Chip &chip : table())
    names.push_back(chip.name);
  return names;
}

bool tinyc::registerChip(Chip chip) {
  if (findChip(chip.name))
    return false;
  table().push_back(std::move(chip));
  return true;
}
