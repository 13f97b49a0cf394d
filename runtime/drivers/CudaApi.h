// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the CUDA driver API that we call, declared by us so that building needs no vendor SDK. The names are
// those of the library (with _v2 where cuda.h renames). A test compares everything here with cuda.h where it is
// installed. Reference: docs.nvidia.com/cuda/cuda-driver-api.

#ifndef TINYC_RUNTIME_DRIVERS_CUDAAPI_H
#define TINYC_RUNTIME_DRIVERS_CUDAAPI_H

#include <cstddef>

namespace tinyc::cuda {

using Result = int;
using DeviceId = int;
using Address = unsigned long long;
using Handle = void *; // context, module, function, stream, event

inline constexpr Result success = 0, outOfMemory = 2, noDevice = 100, unsupportedPtxVersion = 222;
inline constexpr int computeCapabilityMajor = 75, computeCapabilityMinor = 76; // device attributes
inline constexpr int maxDynamicSharedBytes = 8;                                // function attribute
inline constexpr int jitErrorLog = 5, jitErrorLogSize = 6;
inline constexpr unsigned nonBlockingStream = 1;

#define TINYC_CUDA_FUNCTIONS(X)                                                                                        \
  X(cuInit, (unsigned flags))                                                                                          \
  X(cuDriverGetVersion, (int *version))                                                                                \
  X(cuDeviceGetCount, (int *count))                                                                                    \
  X(cuDeviceGet, (DeviceId * device, int ordinal))                                                                     \
  X(cuDeviceGetName, (char *name, int size, DeviceId device))                                                          \
  X(cuDeviceGetAttribute, (int *value, int attribute, DeviceId device))                                                \
  X(cuDevicePrimaryCtxRetain, (Handle * context, DeviceId device))                                                     \
  X(cuDevicePrimaryCtxRelease_v2, (DeviceId device))                                                                   \
  X(cuCtxPushCurrent_v2, (Handle context))                                                                             \
  X(cuCtxPopCurrent_v2, (Handle * context))                                                                            \
  X(cuModuleLoadDataEx, (Handle * module, const void *image, unsigned count, int *options, void **values))             \
  X(cuModuleUnload, (Handle module))                                                                                   \
  X(cuModuleGetFunction, (Handle * function, Handle module, const char *name))                                         \
  X(cuFuncSetAttribute, (Handle function, int attribute, int value))                                                   \
  X(cuMemAlloc_v2, (Address * address, size_t size))                                                                   \
  X(cuMemFree_v2, (Address address))                                                                                   \
  X(cuMemcpyHtoDAsync_v2, (Address to, const void *from, size_t size, Handle stream))                                  \
  X(cuMemcpyDtoHAsync_v2, (void *to, Address from, size_t size, Handle stream))                                        \
  X(cuMemcpyDtoDAsync_v2, (Address to, Address from, size_t size, Handle stream))                                      \
  X(cuMemsetD8Async, (Address to, unsigned char value, size_t size, Handle stream))                                    \
  X(cuLaunchKernel,                                                                                                    \
    (Handle function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,                \
     unsigned blockZ, unsigned sharedBytes, Handle stream, void **parameters, void **extra))                           \
  X(cuStreamCreate, (Handle * stream, unsigned flags))                                                                 \
  X(cuStreamDestroy_v2, (Handle stream))                                                                               \
  X(cuStreamSynchronize, (Handle stream))                                                                              \
  X(cuEventCreate, (Handle * event, unsigned flags))                                                                   \
  X(cuEventDestroy_v2, (Handle event))                                                                                 \
  X(cuEventRecord, (Handle event, Handle stream))                                                                      \
  X(cuEventElapsedTime, (float *milliseconds, Handle start, Handle end))                                               \
  X(cuGetErrorName, (Result error, const char **name))                                                                 \
  X(cuGetErrorString, (Result error, const char **text))

struct Api {
#define TINYC_DECLARE(NAME, PARAMETERS) Result(*NAME) PARAMETERS;
  TINYC_CUDA_FUNCTIONS(TINYC_DECLARE)
#undef TINYC_DECLARE
};

} // namespace tinyc::cuda

#endif // TINYC_RUNTIME_DRIVERS_CUDAAPI_H
