// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The emulated driver as a user sees it: opened with dlopen, called through the Driver API. Each Device is a fresh
// context; an error in one test does not stay for the next.
//
//   Device D;
//   D.load(Ptx);
//   auto A = D.upload(std::vector<float>{1, 2, 3});
//   EXPECT_EQ(D.launch("kernel", {1}, {32}, 0, A, 3), 0);
//   auto Out = D.download<float>(A, 3);
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace tinyc::emulator_tests {

struct Dimensions {
  unsigned X = 1, Y = 1, Z = 1;
};

enum : int {
  Success = 0,
  InvalidValue = 1,
  NoBinary = 209,
  InvalidPtx = 218,
  IllegalAddress = 700,
  Misaligned = 716,
  LaunchFailed = 719
};

class Device {
public:
  Device();
  ~Device();
  Device(const Device &) = delete;

  /// The result of cuModuleLoadDataEx; Log holds the error log.
  int load(const std::string &Ptx);
  std::string Log;

  uint64_t allocate(size_t Bytes);
  template <typename T> uint64_t upload(const std::vector<T> &Values) {
    uint64_t Address = allocate(Values.size() * sizeof(T));
    copyIn(Address, Values.data(), Values.size() * sizeof(T));
    return Address;
  }
  template <typename T> std::vector<T> download(uint64_t Address, size_t Count) {
    std::vector<T> Values(Count);
    copyOut(Values.data(), Address, Count * sizeof(T));
    return Values;
  }
  void copyIn(uint64_t To, const void *From, size_t Bytes);
  int copyOut(void *To, uint64_t From, size_t Bytes);

  /// Launches, synchronises and returns the result of the latter. What the emulator said is in Report (the JSON line)
  /// and Said (standard error).
  template <typename... Ts>
  int launch(const std::string &Kernel, Dimensions Grid, Dimensions Block, unsigned Shared, Ts... Arguments) {
    std::vector<std::vector<uint8_t>> Bytes;
    (Bytes.push_back(bytesOf(Arguments)), ...);
    std::vector<void *> Pointers;
    for (auto &B : Bytes)
      Pointers.push_back(B.data());
    return launchRaw(Kernel, Grid, Block, Shared, Pointers.data());
  }
  int launchRaw(const std::string &Kernel, Dimensions Grid, Dimensions Block, unsigned Shared, void **Parameters);
  /// The number behind "name": in the last report; -1 when it is not there.
  double reported(const std::string &Name) const;
  std::string Report, Said;

  /// A function of the driver by its exported name.
  static void *symbol(const char *Name);

private:
  template <typename T> static std::vector<uint8_t> bytesOf(const T &Value) {
    std::vector<uint8_t> B(sizeof(T));
    std::memcpy(B.data(), &Value, sizeof(T));
    return B;
  }
  void *Context = nullptr, *Module = nullptr;
};

/// Sets an environment variable for as long as it lives.
class Setting {
public:
  Setting(const char *Name, const std::string &Value);
  ~Setting();

private:
  std::string Name;
};

/// Compiles a .cu file of this folder to PTX with nvcc. Empty when nvcc is not installed; the test says so and skips.
std::string compileCuda(const std::string &File, const std::string &Defines = "");

} // namespace tinyc::emulator_tests
