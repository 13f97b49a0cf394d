// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Wrong programs must be reported and right ones not: missing barriers, addresses past an end, undefined values, and
// each synchronising instruction of a kernel dropped in turn.
#include "HipTest.h"
#include "Kernels.h"

#include <cstdio>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace hiptest;

namespace {

/// C for the GPU rather than OpenCL C: one function a kernel, so that every instruction of the text is executed.
const std::string CPrelude = R"(
typedef __attribute__((address_space(1))) float *Global;
#define KERNEL __attribute__((amdgpu_kernel, visibility("protected"))) void
#define LDS static __attribute__((address_space(3), loader_uninitialized))
static unsigned tid(void) { return __builtin_amdgcn_workitem_id_x(); }
static void group_barrier(void) {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}
static void lds_barrier(void) {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}
)";

struct Environment {
  std::string name;
  Environment(const char *name, const std::string &value) : name(name) { setenv(name, value.c_str(), 1); }
  ~Environment() { unsetenv(name.c_str()); }
};

void expectReport(const std::string &source, const std::string &language, unsigned threads, int code,
                  const std::string &part, unsigned elements = 256) {
  Module module(compile(source, language));
  Buffer out{std::vector<float>(elements)}, in{std::vector<float>(elements, 1)};
  EXPECT_EQ(run(module.function("k"), {1}, {threads}, out, in), code) << source << lastMessage();
  EXPECT_NE(lastMessage().find(part), std::string::npos) << lastMessage();
  if (code != Success) { // where it happened
    for (const char *what : {"kernel 'k'", "work-group (0, 0, 0)", "wave ", "at 0x"})
      EXPECT_NE(lastMessage().find(what), std::string::npos) << lastMessage();
  }
}

/// Runs kernel `k` with each synchronising instruction dropped; returns how many there are. Every drop must be reported
/// for some seed.
unsigned dropEach(const std::string &source, unsigned threads, const std::vector<float> &want) {
  const std::vector<char> &image = compile(CPrelude + source, "c");
  std::string report = "/tmp/tinyc-hip-report-" + std::to_string(getpid());
  unsigned count = 0;
  for (unsigned drop = 0; drop <= count; ++drop) {
    Environment dropped("TINYC_EMULATED_DROP", std::to_string(drop));
    bool reported = false;
    for (unsigned seed = 0; seed < 4; ++seed) {
      Environment seeded("TINYC_EMULATED_SEED", std::to_string(seed)), file("TINYC_EMULATED_REPORT", report);
      Module module(image);
      std::vector<float> x(threads);
      for (unsigned i = 0; i < threads; ++i)
        x[i] = float(i);
      Buffer out{std::vector<float>(threads)}, in{x};
      int code = run(module.function("k"), {1}, {threads}, out, in);
      if (drop == 0) {
        EXPECT_EQ(code, Success) << lastMessage();
        EXPECT_EQ(out.read<float>(), want);
      }
      reported |= code != Success;
    }
    if (drop == 0) {
      std::ifstream lines(report);
      std::string line;
      std::getline(lines, line);
      size_t at = line.find("\"sync_instructions\":");
      EXPECT_NE(at, std::string::npos) << line;
      count = unsigned(std::atoi(line.c_str() + at + 20));
      unlink(report.c_str());
    } else {
      EXPECT_TRUE(reported) << "dropping synchronising instruction " << drop << " of " << count
                            << " is not reported in\n"
                            << source;
    }
  }
  unlink(report.c_str());
  return count;
}

} // namespace

TEST(Negative, MissingBarrier) {
  auto source = [](const char *first, const char *second) {
    return CPrelude + "LDS float s[64]; KERNEL k(Global o, Global x) { unsigned t = tid(); s[t] = x[t]; " + first +
           " float v = s[t ^ 33]; " + second + " s[t] = v + 1; o[t] = s[t]; }";
  };
  expectReport(source("", "lds_barrier();"), "c", 64, LaunchFailure, "");
  expectReport(source("lds_barrier();", ""), "c", 64, LaunchFailure, "no barrier orders the two");
  expectReport(source("lds_barrier();", "lds_barrier();"), "c", 64, Success, "");
}

TEST(Negative, OneElementPastTheEnd) {
  expectReport(CPrelude + "KERNEL k(Global o, Global x) { o[tid() + 1] = x[tid()]; }", "c", 64, IllegalAddress,
               "lane 31", 64);
  expectReport(CPrelude + "KERNEL k(Global o, Global x) { o[tid()] = x[tid() + 1]; }", "c", 64, IllegalAddress,
               "lane 31", 64);
  expectReport(CPrelude + "KERNEL k(Global o, Global x) { o[tid()] = x[(int)tid() - 1]; }", "c", 64, IllegalAddress,
               "lane 0", 64);
  expectReport(CPrelude + "KERNEL k(Global o, Global x) { o[tid()] = x[tid()]; }", "c", 64, Success, "", 64);
}

TEST(Negative, LdsPastTheEnd) {
  expectReport(CPrelude + "LDS float s[64]; KERNEL k(Global o, Global x) { *(volatile "
                          "__attribute__((address_space(3))) float *)&s[tid() + 1] = x[tid()]; }",
               "c", 64, IllegalAddress, "bytes of LDS");
}

TEST(Negative, UndefinedValues) {
  expectReport(CPrelude + "LDS volatile float s[64]; KERNEL k(Global o, Global x) { o[tid()] = s[tid()]; }", "c", 32,
               LaunchFailure, "nothing has written");
  expectReport(CPrelude + "LDS volatile int s[64]; KERNEL k(Global o, Global x) { if (s[tid()] > 3) o[tid()] = 1; }",
               "c", 32, LaunchFailure, "decides which lanes go on");
  expectReport(CPrelude + "LDS volatile int s[64]; KERNEL k(Global o, Global x) { o[s[tid()] & 63] = 1; }", "c", 32,
               LaunchFailure, "an address");
  // Discarding what is undefined is no use of it.
  expectReport(CPrelude + "LDS volatile int s[64]; KERNEL k(Global o, Global x) { o[tid()] = (s[tid()] & 0) + 1; }",
               "c", 32, Success, "");
  const std::string uninitialised = R"ir(
target triple = "amdgcn-amd-amdhsa"
define protected amdgpu_kernel void @k(ptr addrspace(1) %o, ptr addrspace(1) %x) {
  %v = call i32 asm sideeffect "v_add_nc_u32 $0, v77, v77", "=v,~{v77}"()
  store i32 %v, ptr addrspace(1) %o
  ret void
}
)ir";
  expectReport(uninitialised, "ll", 32, LaunchFailure, "nothing has written");
}

TEST(Negative, LanesOfOneStoreDisagree) {
  expectReport(CPrelude + "LDS volatile float s[64]; KERNEL k(Global o, Global x) { s[tid() / 2] = (float)tid(); "
                          "o[tid()] = x[tid()]; }",
               "c", 32, LaunchFailure, "different values");
}

TEST(Negative, LanesOfOneGlobalStoreDisagree) {
  for (const char *store : {"o[t / 2] = (float)t;", "*(float *)(o + t / 2) = (float)t;",
                            "((__attribute__((address_space(1))) short *)o)[t / 2] = t;"}) {
    expectReport(CPrelude + "KERNEL k(Global o, Global x) { unsigned t = tid(); " + store + " }", "c", 32,
                 LaunchFailure, "different values to address");
  }
  // The same value from all lanes is none's loss.
  expectReport(CPrelude + "KERNEL k(Global o, Global x) { o[tid() / 2] = (float)(tid() / 2); }", "c", 32, Success, "");
}

TEST(Negative, LanesOfOneFlatStoreToLdsDisagree) {
  auto source = [](const char *value) {
    return CPrelude +
           "LDS float s[64]; KERNEL k(Global o, Global x) { volatile float *p = (volatile float *)s; if "
           "(x[0] == 2) p = (volatile float *)o; p[tid() / 2] = " +
           value + "; }";
  };
  expectReport(source("(float)tid()"), "c", 32, LaunchFailure, "different values to address");
  expectReport(source("(float)(tid() / 2)"), "c", 32, Success, "");
}

// Wave 0 reads what wave 1 updates in place: its own read does not hide the other's.
TEST(Negative, ReadsOfWhatIsUpdatedInPlace) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    Environment seeded("TINYC_EMULATED_SEED", std::to_string(seed));
    auto source = [](const char *barrier) {
      return CPrelude + "KERNEL k(Global o, Global x) { unsigned t = tid(); if (t < 32) o[t] = x[t + 32]; " + barrier +
             " if (t >= 32) x[t] += 1000; }";
    };
    expectReport(source(""), "c", 64, LaunchFailure, "no barrier orders the two");
    expectReport(source("group_barrier();"), "c", 64, Success, "");
  }
}

// Waves that write neighbouring halves of one word, and a third that reads one of them.
TEST(Negative, RacesOnHalvesOfAWord) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    Environment seeded("TINYC_EMULATED_SEED", std::to_string(seed));
    auto source = [](const char *half) {
      return CPrelude +
             "KERNEL k(Global o, Global x) { __attribute__((address_space(1))) short *h = (void "
             "__attribute__((address_space(1))) *)o; unsigned w = tid() / 32; if (w == 0) h[0] = 7; else if "
             "(w == 1) h[1] = 7; else h[64] = h[" +
             half + "]; }";
    };
    expectReport(source("0"), "c", 96, LaunchFailure, "no barrier orders the two");
    expectReport(source("1"), "c", 96, LaunchFailure, "no barrier orders the two");
    expectReport(source("2"), "c", 96, Success, "");
  }
}

TEST(Negative, WorkGroupsMeetInGlobalMemory) {
  std::string source =
      CPrelude + "KERNEL k(Global o, Global x) { o[tid()] = (float)__builtin_amdgcn_workgroup_id_x(); }";
  Module module(compile(source, "c"));
  Buffer out{std::vector<float>(64)}, in{std::vector<float>(64)};
  EXPECT_EQ(run(module.function("k"), {2}, {64}, out, in), LaunchFailure);
  EXPECT_NE(lastMessage().find("global address"), std::string::npos) << lastMessage();
}

TEST(Negative, UnknownInstruction) {
  const std::string source = R"ir(
target triple = "amdgcn-amd-amdhsa"
define protected amdgpu_kernel void @k(ptr addrspace(1) %o, ptr addrspace(1) %x) {
  call void asm sideeffect "s_getreg_b32 s9, hwreg(HW_REG_SHADER_CYCLES)", "~{s9}"()
  ret void
}
)ir";
  expectReport(source, "ll", 32, LaunchFailure, "not implemented");
}

/// A code object that is open for damage.
struct Image {
  std::vector<char> bytes;
  template <typename T> T *at(uint64_t offset) { return reinterpret_cast<T *>(bytes.data() + offset); }
  Elf64_Ehdr &header() { return *at<Elf64_Ehdr>(0); }
  Elf64_Phdr *segment(uint32_t type) {
    auto *first = at<Elf64_Phdr>(header().e_phoff);
    for (auto *s = first; s != first + header().e_phnum; ++s)
      if (s->p_type == type)
        return s;
    return nullptr;
  }
  Elf64_Shdr *section(uint32_t type) {
    auto *first = at<Elf64_Shdr>(header().e_shoff);
    for (auto *s = first; s != first + header().e_shnum; ++s)
      if (s->sh_type == type)
        return s;
    return nullptr;
  }
  Elf64_Sym &descriptor() {
    Elf64_Shdr *symbols = section(SHT_DYNSYM);
    const char *names = at<char>(at<Elf64_Shdr>(header().e_shoff)[symbols->sh_link].sh_offset);
    auto *symbol = at<Elf64_Sym>(symbols->sh_offset);
    while (std::strcmp(names + symbol->st_name, "k.kd") != 0)
      ++symbol;
    return *symbol;
  }
};

/// Offsets and sizes whose sums are small only because they wrap around.
TEST(Negative, DamagedCodeObjects) {
  const Image sound{compile(CPrelude + R"(
__attribute__((visibility("protected"))) int pointed = 1;
__attribute__((visibility("protected"))) int *pointer = &pointed;
KERNEL k(Global o, Global x) { o[tid()] = x[tid()]; }
)",
                            "c")};
  struct Damage {
    const char *report;
    std::function<void(Image &)> inflict;
  };
  const Damage damages[] = {
      {"headers name bytes", [](Image &i) { i.header().e_shoff = -uint64_t(i.header().e_shnum) * sizeof(Elf64_Shdr); }},
      {"headers name bytes", [](Image &i) { i.header().e_phoff = -uint64_t(sizeof(Elf64_Phdr)); }},
      {"headers name bytes", [](Image &i) { i.header().e_shentsize = 8; }},
      {"headers name bytes", [](Image &i) { i.section(SHT_DYNSYM)->sh_offset = -i.section(SHT_DYNSYM)->sh_size; }},
      {"larger than 4 GiB", [](Image &i) { i.segment(PT_LOAD)->p_vaddr = -i.segment(PT_LOAD)->p_memsz; }},
      {"lies outside the image", [](Image &i) { i.descriptor().st_value = -uint64_t(64); }},
      {"relocation lies outside", [](Image &i) { i.at<Elf64_Rela>(i.section(SHT_RELA)->sh_offset)->r_offset = -8; }},
  };
  for (const Damage &damage : damages) {
    Image image = sound;
    ASSERT_TRUE(image.section(SHT_RELA) && image.segment(PT_LOAD));
    damage.inflict(image);
    void *module = nullptr;
    testing::internal::CaptureStderr();
    int code = call("hipModuleLoadData", &module, static_cast<const void *>(image.bytes.data()));
    std::string message = testing::internal::GetCapturedStderr();
    EXPECT_EQ(code, 200) << damage.report;
    EXPECT_NE(message.find(damage.report), std::string::npos) << message;
  }
  Module loads(sound.bytes);
}

/// Registers overwritten or read while a load into them is outstanding.
TEST(Negative, WaitsMatter) {
  auto assembly = [](const std::string &body) {
    return "target triple = \"amdgcn-amd-amdhsa\"\ndefine protected amdgpu_kernel void @k(ptr addrspace(1) %o, ptr "
           "addrspace(1) %x) {\n"
           "  %t = call i32 @llvm.amdgcn.workitem.id.x()\n  %a = shl i32 %t, 2\n  %v = call i32 asm sideeffect \"" +
           body +
           "\", \"=&v,v,s\"(i32 %a, ptr addrspace(1) %x)\n  %p = getelementptr i32, ptr addrspace(1) %o, i32 %t\n"
           "  store i32 %v, ptr addrspace(1) %p\n  ret void\n}\ndeclare i32 @llvm.amdgcn.workitem.id.x()\n";
  };
  expectReport(assembly("global_load_b32 $0, $1, $2\\0As_waitcnt vmcnt(0)"), "ll", 32, Success, "");
  expectReport(assembly("global_load_b32 $0, $1, $2\\0Av_add_nc_u32 $0, 1, $0\\0As_waitcnt vmcnt(0)"), "ll", 32,
               LaunchFailure, "outstanding");
  expectReport(assembly("global_load_b32 $0, $1, $2\\0Av_mov_b32 $0, 1\\0As_waitcnt vmcnt(0)"), "ll", 32, LaunchFailure,
               "outstanding");
}

/// Sums over pairs of waves. (A tree that ends inside one wave needs no barrier there: its lanes run in lock step.)
TEST(Mutation, LdsReduction) {
  std::vector<float> want(128);
  for (unsigned i = 0; i < 128; ++i)
    want[i] = 4 * (i % 32) + 32 + 64 + 96;
  EXPECT_GE(dropEach(R"(
LDS float s[128];
KERNEL k(Global o, Global x) {
  unsigned t = tid();
  float sum = x[t];
  for (unsigned n = 64; n >= 32; n /= 2) {
    s[t] = sum;
    lds_barrier();
    sum += s[t ^ n];
    if (n > 32) lds_barrier();
  }
  o[t] = sum;
}
)",
                     128, want),
            5u);
}

TEST(Mutation, ExchangeThroughGlobalMemory) {
  std::vector<float> want(128);
  for (unsigned i = 0; i < 128; ++i)
    want[i] = float(i ^ 33) + 1;
  EXPECT_GE(dropEach(R"(
KERNEL k(Global o, Global x) {
  unsigned t = tid();
  x[t] += 1;
  group_barrier();
  o[t] = x[t ^ 33];
}
)",
                     128, want),
            5u);
}

TEST(Mutation, TileStagedThroughLds) {
  std::vector<float> want(128);
  for (unsigned i = 0; i < 128; ++i)
    for (unsigned k = 0; k < 8; ++k)
      want[i] += float((i ^ 64) % 128) * float(k + 1);
  EXPECT_GE(dropEach(R"(
LDS float s[128];
KERNEL k(Global o, Global x) {
  unsigned t = tid();
  float sum = 0;
  for (unsigned i = 0; i < 8; ++i) {
    s[t] = x[t] * (float)(i + 1);
    lds_barrier();
    sum += s[t ^ 64];
    if (i < 7) lds_barrier();
  }
  o[t] = sum;
}
)",
                     128, want),
            6u);
}

TEST(Report, CountsSectorsConflictsAndInstructions) {
  std::string path = "/tmp/tinyc-hip-counts-" + std::to_string(getpid());
  Environment file("TINYC_EMULATED_REPORT", path);
  Module module(compile(CPrelude + R"(
LDS float s[2048];
KERNEL k(Global o, Global x) { unsigned t = tid(); s[t * 32] = x[t]; lds_barrier(); o[t * 8] = s[t * 32]; }
)",
                        "c"));
  Buffer out{std::vector<float>(1024)}, in{std::vector<float>(64)};
  ASSERT_EQ(run(module.function("k"), {1}, {64}, out, in), Success) << lastMessage();
  std::ifstream lines(path);
  std::string line;
  std::getline(lines, line);
  unlink(path.c_str());
  for (const char *part :
       {"\"kernel\":\"k\"", "\"chip\":\"gfx1100\"", "\"global_load_bytes\":256", "\"global_store_bytes\":256",
        "\"global_requests\":4", "\"global_sectors\":72", "\"bank_conflicts\":124"})
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
}
