// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// dlopen of build/emulators/libcuda.so.1, and nvcc where it is installed.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <unistd.h>

namespace tinyc::emulator_tests {

void *Device::symbol(const char *Name) {
  static void *Library = dlopen(TINYC_BUILD_DIR "/emulators/libcuda.so.1", RTLD_NOW);
  if (!Library) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::abort();
  }
  void *Symbol = dlsym(Library, Name);
  if (!Symbol) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::abort();
  }
  return Symbol;
}

template <typename... Ts> static int call(const char *Name, Ts... Arguments) {
  return reinterpret_cast<int (*)(Ts...)>(Device::symbol(Name))(Arguments...);
}

Device::Device() {
  EXPECT_EQ(call("cuInit", 0u), 0);
  EXPECT_EQ(call("cuCtxCreate_v2", &Context, 0u, 0), 0);
}
Device::~Device() { EXPECT_EQ(call("cuCtxDestroy_v2", Context), 0); }

int Device::load(const std::string &Ptx) {
  std::vector<char> Buffer(4096);
  int Options[] = {5, 6};
  void *Values[] = {Buffer.data(), reinterpret_cast<void *>(Buffer.size())};
  int Result = call("cuModuleLoadDataEx", &Module, static_cast<const void *>(Ptx.c_str()), 2u, &Options[0], &Values[0]);
  Log = Buffer.data();
  return Result;
}

uint64_t Device::allocate(size_t Bytes) {
  uint64_t Address = 0;
  EXPECT_EQ(call("cuMemAlloc_v2", &Address, Bytes), 0);
  return Address;
}
void Device::copyIn(uint64_t To, const void *From, size_t Bytes) {
  EXPECT_EQ(call("cuMemcpyHtoD_v2", To, From, Bytes), 0);
}
int Device::copyOut(void *To, uint64_t From, size_t Bytes) {
  int Result = call("cuMemcpyDtoH_v2", To, From, Bytes);
  EXPECT_EQ(Result, 0);
  return Result;
}

static std::string slurp(const std::string &File) {
  std::ifstream In(File);
  std::stringstream Text;
  Text << In.rdbuf();
  return Text.str();
}

int Device::launchRaw(const std::string &Kernel, Dimensions Grid, Dimensions Block, unsigned Shared,
                      void **Parameters) {
  void *Function = nullptr;
  if (int R = call("cuModuleGetFunction", &Function, Module, Kernel.c_str()))
    return R;
  if (Shared > 48 * 1024)
    EXPECT_EQ(call("cuFuncSetAttribute", Function, 8, int(Shared)), 0);
  std::string Stem = (std::filesystem::temp_directory_path() / ("tinyc-emulated-" + std::to_string(getpid()))).string();
  Setting ReportFile("TINYC_EMULATED_REPORT", Stem + ".json");
  std::fflush(stderr);
  int Saved = dup(2);
  FILE *Capture = std::fopen((Stem + ".err").c_str(), "w");
  dup2(fileno(Capture), 2);
  int Launched = call("cuLaunchKernel", Function, Grid.X, Grid.Y, Grid.Z, Block.X, Block.Y, Block.Z, Shared,
                      static_cast<void *>(nullptr), Parameters, static_cast<void **>(nullptr));
  int Result = Launched ? Launched : call("cuCtxSynchronize");
  std::fflush(stderr);
  dup2(Saved, 2);
  close(Saved);
  std::fclose(Capture);
  Report = slurp(Stem + ".json");
  Said = slurp(Stem + ".err");
  std::filesystem::remove(Stem + ".json");
  std::filesystem::remove(Stem + ".err");
  return Result;
}

double Device::reported(const std::string &Name) const {
  size_t At = Report.find("\"" + Name + "\":");
  return At == Report.npos ? -1 : std::strtod(Report.c_str() + At + Name.size() + 3, nullptr);
}

Setting::Setting(const char *Name, const std::string &Value) : Name(Name) { setenv(Name, Value.c_str(), 1); }
Setting::~Setting() { unsetenv(Name.c_str()); }

std::string compileCuda(const std::string &File, const std::string &Defines) {
  static const bool Present = std::system("nvcc --version > /dev/null 2>&1") == 0;
  if (!Present)
    return {};
  static std::map<std::string, std::string> Compiled;
  std::string &Ptx = Compiled[File + " " + Defines];
  if (!Ptx.empty())
    return Ptx;
  std::string Out =
      (std::filesystem::temp_directory_path() / ("tinyc-nvcc-" + std::to_string(getpid()) + ".ptx")).string();
  std::string Command =
      "nvcc -std=c++17 -ptx -arch=sm_80 " + Defines + " -o " + Out + " test/emulator-tests/cuda/" + File + " 2>&1";
  EXPECT_EQ(std::system(Command.c_str()), 0) << Command;
  Ptx = slurp(Out);
  std::filesystem::remove(Out);
  return Ptx;
}

} // namespace tinyc::emulator_tests
