// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Our numbers against NVIDIA's cuda.h, and all entry points that it maps the API's names to.
#include "test/emulator-tests/cuda/Device.h"
#include "test/emulators/cuda/Api.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

using namespace tinyc::emulator_tests;

TEST(Header, NumbersAreThoseOfCuda) {
  std::ifstream In(TINYC_CUDA_HEADER);
  if (!In)
    GTEST_SKIP() << "cuda.h is not installed";
  std::stringstream Text;
  Text << In.rdbuf();
  std::string Header = Text.str();
  auto Number = [&](const std::string &Name) {
    std::smatch M;
    std::regex Pattern("\\b" + Name + "\\s*=\\s*(\\d+)");
    return std::regex_search(Header, M, Pattern) ? std::stoi(M[1]) : -1;
  };
  namespace E = tinyc::emulator;
  const std::pair<const char *, int> Errors[] = {{"CUDA_ERROR_INVALID_VALUE", E::InvalidValue},
                                                 {"CUDA_ERROR_OUT_OF_MEMORY", E::OutOfMemory},
                                                 {"CUDA_ERROR_NOT_INITIALIZED", E::NotInitialized},
                                                 {"CUDA_ERROR_NO_DEVICE", E::NoDevice},
                                                 {"CUDA_ERROR_INVALID_DEVICE", E::InvalidDevice},
                                                 {"CUDA_ERROR_INVALID_CONTEXT", E::InvalidContext},
                                                 {"CUDA_ERROR_NO_BINARY_FOR_GPU", E::NoBinaryForGpu},
                                                 {"CUDA_ERROR_INVALID_PTX", E::InvalidPtx},
                                                 {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", E::UnsupportedPtxVersion},
                                                 {"CUDA_ERROR_INVALID_HANDLE", E::InvalidHandle},
                                                 {"CUDA_ERROR_NOT_FOUND", E::NotFound},
                                                 {"CUDA_ERROR_ILLEGAL_ADDRESS", E::IllegalAddressError},
                                                 {"CUDA_ERROR_MISALIGNED_ADDRESS", E::MisalignedAddress},
                                                 {"CUDA_ERROR_LAUNCH_FAILED", E::LaunchFailedError},
                                                 {"CUDA_ERROR_NOT_SUPPORTED", E::NotSupported},
                                                 {"CU_JIT_ERROR_LOG_BUFFER", 5},
                                                 {"CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES", 6},
                                                 {"CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT", 16},
                                                 {"CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR", 75},
                                                 {"CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN", 97},
                                                 {"CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES", 8}};
  for (auto &[Name, Ours] : Errors) {
    int Theirs = Number(Name);
    if (Theirs < 0) // enumerators without a value follow their predecessor
      continue;
    EXPECT_EQ(Ours, Theirs) << Name;
  }
}

TEST(Header, ErrorsHaveNames) {
  auto Name = reinterpret_cast<int (*)(int, const char **)>(Device::symbol("cuGetErrorName"));
  const char *Text = nullptr;
  EXPECT_EQ(Name(719, &Text), 0);
  EXPECT_STREQ(Text, "CUDA_ERROR_LAUNCH_FAILED");
  EXPECT_EQ(Name(123456, &Text), 1);
}

TEST(Header, EntryPointsByName) {
  auto Get = reinterpret_cast<int (*)(const char *, void **, int, uint64_t)>(Device::symbol("cuGetProcAddress"));
  void *Entry = nullptr;
  EXPECT_EQ(Get("cuMemAlloc", &Entry, 12000, 0), 0);
  EXPECT_EQ(Entry, Device::symbol("cuMemAlloc_v2"));
  EXPECT_EQ(Get("cuLaunchKernel", &Entry, 12000, 0), 0);
  EXPECT_EQ(Entry, Device::symbol("cuLaunchKernel"));
  EXPECT_NE(Get("cuDoesNotExist", &Entry, 12000, 0), 0);
}
