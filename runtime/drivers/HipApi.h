// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of AMD's HIP runtime API that we call, declared by us so that building needs no vendor SDK. A test compares
// everything here with hip_runtime_api.h where it is installed. Reference: rocm.docs.amd.com/projects/HIP.

#ifndef TINYC_RUNTIME_DRIVERS_HIPAPI_H
#define TINYC_RUNTIME_DRIVERS_HIPAPI_H

#include <cstddef>

namespace tinyc::hip {

using Result = int;
using Address = void *;
using Handle = void *; // module, function, stream, event

inline constexpr Result success = 0, outOfMemory = 2, noDevice = 100, noBinaryForGpu = 209;
inline constexpr unsigned nonBlockingStream = 1;

/// hipDeviceProp_t of ROCm 6 and later (symbol version R0600), of which we read two names. Longer than the vendor's
/// structure (1472 bytes), so that one that grows still fits.
struct Properties {
  char name[256];
  char between[904];
  char gcnArchName[256]; // gfx90a:sramecc+:xnack-
  char rest[2680];
};
static_assert(offsetof(Properties, gcnArchName) == 1160 && sizeof(Properties) == 4096);

#define TINYC_HIP_FUNCTIONS(X)                                                                                         \
  X(hipInit, (unsigned flags))                                                                                         \
  X(hipDriverGetVersion, (int *version))                                                                               \
  X(hipGetDeviceCount, (int *count))                                                                                   \
  X(hipGetDevice, (int *device))                                                                                       \
  X(hipSetDevice, (int device))                                                                                        \
  X(hipGetDevicePropertiesR0600, (Properties * properties, int device))                                                \
  X(hipModuleLoadData, (Handle * module, const void *image))                                                           \
  X(hipModuleUnload, (Handle module))                                                                                  \
  X(hipModuleGetFunction, (Handle * function, Handle module, const char *name))                                        \
  X(hipMalloc, (Address * address, size_t size))                                                                       \
  X(hipFree, (Address address))                                                                                        \
  X(hipMemcpyHtoDAsync, (Address to, const void *from, size_t size, Handle stream))                                    \
  X(hipMemcpyDtoHAsync, (void *to, Address from, size_t size, Handle stream))                                          \
  X(hipMemcpyDtoDAsync, (Address to, Address from, size_t size, Handle stream))                                        \
  X(hipMemsetD8Async, (Address to, unsigned char value, size_t size, Handle stream))                                   \
  X(hipModuleLaunchKernel,                                                                                             \
    (Handle function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,                \
     unsigned blockZ, unsigned sharedBytes, Handle stream, void **parameters, void **extra))                           \
  X(hipStreamCreateWithFlags, (Handle * stream, unsigned flags))                                                       \
  X(hipStreamDestroy, (Handle stream))                                                                                 \
  X(hipStreamSynchronize, (Handle stream))                                                                             \
  X(hipEventCreateWithFlags, (Handle * event, unsigned flags))                                                         \
  X(hipEventDestroy, (Handle event))                                                                                   \
  X(hipEventRecord, (Handle event, Handle stream))                                                                     \
  X(hipEventElapsedTime, (float *milliseconds, Handle start, Handle end))

struct Api {
#define TINYC_DECLARE(NAME, PARAMETERS) Result(*NAME) PARAMETERS;
  TINYC_HIP_FUNCTIONS(TINYC_DECLARE)
#undef TINYC_DECLARE
  const char *(*hipGetErrorName)(Result error);
  const char *(*hipGetErrorString)(Result error);
};

} // namespace tinyc::hip

#endif // TINYC_RUNTIME_DRIVERS_HIPAPI_H
