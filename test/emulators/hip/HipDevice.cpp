// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The exported functions of libamdhip64 that describe the device and its errors. A client that opens the library at run
// time learns the chip's name from hipGetDevicePropertiesR0600 (the structure of ROCm 6 and later, gcnArchName at byte
// 1160) or from hipGetDeviceProperties (that of ROCm 5, gcnArchName at byte 396).

#include "Driver.h"
#include <cstddef>
#include <cstring>
#include <utility>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

#define HIP_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

/// hipDeviceProp_tR0600 as far as it is filled; the rest of the client's structure is zeroed.
struct PropertiesR0600 {
  char name[256];
  char uuid[16];
  char luid[8];
  unsigned luidDeviceNodeMask;
  size_t totalGlobalMem, sharedMemPerBlock;
  int regsPerBlock, warpSize;
  size_t memPitch;
  int maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3], clockRate;
  size_t totalConstMem;
  int major, minor;
  size_t textureAlignment, texturePitchAlignment;
  int deviceOverlap, multiProcessorCount, kernelExecTimeoutEnabled, integrated, canMapHostMemory, computeMode;
  int textures[26]; // maxTexture1D .. maxTextureCubemapLayered
  int surfaces[14]; // maxSurface1D .. maxSurfaceCubemapLayered
  size_t surfaceAlignment;
  int concurrentKernels, eccEnabled, pciBusID, pciDeviceID, pciDomainID, tccDriver, asyncEngineCount, unifiedAddressing;
  int memoryClockRate, memoryBusWidth, l2CacheSize, persistingL2CacheMaxSize, maxThreadsPerMultiProcessor;
  int streamPrioritiesSupported, globalL1CacheSupported, localL1CacheSupported;
  size_t sharedMemPerMultiprocessor;
  int regsPerMultiprocessor, managedMemory, isMultiGpuBoard, multiGpuBoardGroupID, hostNativeAtomicSupported;
  int singleToDoublePrecisionPerfRatio, pageableMemoryAccess, concurrentManagedAccess, computePreemptionSupported;
  int canUseHostPointerForRegisteredMem, cooperativeLaunch, cooperativeMultiDeviceLaunch;
  size_t sharedMemPerBlockOptin;
  int pageableMemoryAccessUsesHostPageTables, directManagedMemAccessFromHost, maxBlocksPerMultiProcessor;
  int accessPolicyMaxWindowSize;
  size_t reservedSharedMemPerBlock;
  int rest[13]; // hostRegisterSupported .. unifiedFunctionPointers
  int reserved[63], hipReserved[32];
  char gcnArchName[256];
  size_t maxSharedMemoryPerMultiProcessor;
  int clockInstructionRate;
  unsigned arch;
  unsigned *flushControls[2];
  int cooperative[4], isLargeBar, asicRevision;
};
static_assert(offsetof(PropertiesR0600, gcnArchName) == 1160);

/// The first part of hipDeviceProp_t of ROCm 5.
struct PropertiesR0000 {
  char name[256];
  size_t totalGlobalMem, sharedMemPerBlock;
  int regsPerBlock, warpSize, maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3], clockRate, memoryClockRate;
  int memoryBusWidth;
  size_t totalConstMem;
  int major, minor, multiProcessorCount, l2CacheSize, maxThreadsPerMultiProcessor, computeMode, clockInstructionRate;
  unsigned arch;
  int concurrentKernels, pciDomainID, pciBusID, pciDeviceID;
  size_t maxSharedMemoryPerMultiProcessor;
  int isMultiGpuBoard, canMapHostMemory, gcnArch;
  char gcnArchName[256];
};
static_assert(offsetof(PropertiesR0000, gcnArchName) == 396);

template <typename Properties> void describe(const ChipFacts &chip, Properties &p) {
  std::memset(&p, 0, sizeof p);
  std::strncpy(p.name, chip.deviceName, sizeof p.name - 1);
  std::strncpy(p.gcnArchName, chip.name, sizeof p.gcnArchName - 1);
  p.totalGlobalMem = chip.memoryBytes;
  p.sharedMemPerBlock = chip.ldsBytes;
  p.regsPerBlock = 65536;
  p.warpSize = int(chip.waveSize);
  p.maxThreadsPerBlock = int(chip.maxThreads);
  for (int axis = 0; axis < 3; ++axis) {
    p.maxThreadsDim[axis] = int(chip.maxThreads);
    p.maxGridSize[axis] = axis ? 65535 : 2147483647;
  }
  p.clockRate = int(chip.clockKHz);
  p.memoryClockRate = int(chip.memoryClockKHz);
  p.memoryBusWidth = int(chip.memoryBusBits);
  p.l2CacheSize = int(chip.l2Bytes);
  p.totalConstMem = chip.memoryBytes;
  p.major = int(chip.major);
  p.minor = int(chip.minor);
  p.multiProcessorCount = int(chip.computeUnits);
  p.maxThreadsPerMultiProcessor = 2048;
  p.concurrentKernels = 1;
  p.maxSharedMemoryPerMultiProcessor = chip.ldsBytes;
}

thread_local int currentDevice = 0;

template <typename Body> int onDevice(int device, Body body) {
  Driver &driver = Driver::instance();
  std::lock_guard guard(driver.lock);
  bool known = device >= 0 && device < driver.controls.Devices;
  int error = !driver.chip ? hipErrorNoDevice : !known ? hipErrorInvalidDevice : body(driver);
  if (error)
    driver.lastError = error;
  return error;
}

struct ErrorText {
  int code;
  const char *name, *text;
};
const ErrorText kErrors[] = {
    {hipSuccess, "hipSuccess", "no error"},
    {hipErrorInvalidValue, "hipErrorInvalidValue", "invalid argument"},
    {hipErrorOutOfMemory, "hipErrorOutOfMemory", "out of memory"},
    {hipErrorNotInitialized, "hipErrorNotInitialized", "initialization error"},
    {hipErrorInvalidMemcpyDirection, "hipErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {hipErrorNoDevice, "hipErrorNoDevice", "no ROCm-capable device is detected"},
    {hipErrorInvalidDevice, "hipErrorInvalidDevice", "invalid device ordinal"},
    {hipErrorInvalidImage, "hipErrorInvalidImage", "device kernel image is invalid"},
    {hipErrorNoBinaryForGpu, "hipErrorNoBinaryForGpu", "no kernel image is available for execution on the device"},
    {hipErrorInvalidHandle, "hipErrorInvalidHandle", "invalid resource handle"},
    {hipErrorNotFound, "hipErrorNotFound", "named symbol not found"},
    {hipErrorNotReady, "hipErrorNotReady", "device not ready"},
    {hipErrorIllegalAddress, "hipErrorIllegalAddress", "an illegal memory access was encountered"},
    {hipErrorLaunchOutOfResources, "hipErrorLaunchOutOfResources", "out of resources"},
    {hipErrorLaunchFailure, "hipErrorLaunchFailure", "unspecified launch failure"},
    {hipErrorNotSupported, "hipErrorNotSupported", "operation not supported"},
};

const ErrorText &errorText(int code) {
  static const ErrorText unknown = {hipErrorUnknown, "hipErrorUnknown", "unknown error"};
  for (const ErrorText &error : kErrors)
    if (error.code == code)
      return error;
  return unknown;
}

} // namespace

HIP_EXPORT int hipInit(unsigned) {
  return onDevice(0, [](Driver &) { return 0; });
}
HIP_EXPORT int hipDriverGetVersion(int *version) {
  *version = 60000000;
  return hipSuccess;
}
HIP_EXPORT int hipRuntimeGetVersion(int *version) { return hipDriverGetVersion(version); }
HIP_EXPORT int hipGetDeviceCount(int *count) {
  *count = Driver::instance().chip ? Driver::instance().controls.Devices : 0;
  return *count ? hipSuccess : hipErrorNoDevice;
}
HIP_EXPORT int hipSetDevice(int device) {
  return onDevice(device, [=](Driver &) { return currentDevice = device, 0; });
}
HIP_EXPORT int hipGetDevice(int *device) {
  *device = currentDevice;
  return hipSuccess;
}
HIP_EXPORT int hipDeviceGet(int *device, int ordinal) {
  return onDevice(ordinal, [=](Driver &) { return *device = ordinal, 0; });
}
HIP_EXPORT int hipDeviceGetName(char *name, int length, int device) {
  return onDevice(device, [&](Driver &driver) -> int {
    if (!name || length <= 0)
      return hipErrorInvalidValue;
    std::strncpy(name, driver.chip->deviceName, size_t(length));
    name[length - 1] = 0;
    return hipSuccess;
  });
}
HIP_EXPORT int hipDeviceTotalMem(size_t *bytes, int device) {
  return onDevice(device, [&](Driver &driver) {
    *bytes = driver.chip->memoryBytes;
    return 0;
  });
}
HIP_EXPORT int hipGetDevicePropertiesR0600(void *properties, int device) {
  return onDevice(device, [&](Driver &driver) {
    describe(*driver.chip, *static_cast<PropertiesR0600 *>(properties));
    return 0;
  });
}
HIP_EXPORT int hipGetDeviceProperties(void *properties, int device) {
  return onDevice(device, [&](Driver &driver) {
    describe(*driver.chip, *static_cast<PropertiesR0000 *>(properties));
    return 0;
  });
}
/// The attributes with the numbers of ROCm 6's hipDeviceAttribute_t.
HIP_EXPORT int hipDeviceGetAttribute(int *value, int attribute, int device) {
  return onDevice(device, [&](Driver &driver) -> int {
    const ChipFacts &chip = *driver.chip;
    if (!value)
      return hipErrorInvalidValue;
    switch (attribute) {
    case 5: // hipDeviceAttributeClockRate
      return *value = int(chip.clockKHz), hipSuccess;
    case 19: // hipDeviceAttributeL2CacheSize
      return *value = int(chip.l2Bytes), hipSuccess;
    case 23: // hipDeviceAttributeComputeCapabilityMajor
      return *value = int(chip.major), hipSuccess;
    case 26: // hipDeviceAttributeMaxBlockDimX, Y, Z
    case 27:
    case 28:
    case 56: // hipDeviceAttributeMaxThreadsPerBlock
      return *value = int(chip.maxThreads), hipSuccess;
    case 29: // hipDeviceAttributeMaxGridDimX
      return *value = 2147483647, hipSuccess;
    case 30:
    case 31:
      return *value = 65535, hipSuccess;
    case 57: // hipDeviceAttributeMaxThreadsPerMultiProcessor
      return *value = 2048, hipSuccess;
    case 59: // hipDeviceAttributeMemoryBusWidth
      return *value = int(chip.memoryBusBits), hipSuccess;
    case 60: // hipDeviceAttributeMemoryClockRate
      return *value = int(chip.memoryClockKHz), hipSuccess;
    case 61: // hipDeviceAttributeComputeCapabilityMinor
      return *value = int(chip.minor), hipSuccess;
    case 63: // hipDeviceAttributeMultiprocessorCount
      return *value = int(chip.computeUnits), hipSuccess;
    case 74:    // hipDeviceAttributeMaxSharedMemoryPerBlock
    case 10002: // hipDeviceAttributeMaxSharedMemoryPerMultiprocessor
      return *value = int(chip.ldsBytes), hipSuccess;
    case 87: // hipDeviceAttributeWarpSize
      return *value = int(chip.waveSize), hipSuccess;
    default:
      return driver.complain(hipErrorInvalidValue, "device attribute " + std::to_string(attribute) + " is not known");
    }
  });
}
HIP_EXPORT const char *hipGetErrorName(int error) { return errorText(error).name; }
HIP_EXPORT const char *hipGetErrorString(int error) { return errorText(error).text; }
HIP_EXPORT int hipGetLastError() {
  Driver &driver = Driver::instance();
  std::lock_guard guard(driver.lock);
  return std::exchange(driver.lastError, int(hipSuccess));
}
HIP_EXPORT int hipPeekAtLastError() { return Driver::instance().lastError; }
