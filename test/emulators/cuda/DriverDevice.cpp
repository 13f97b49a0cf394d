// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Initialisation, errors, device queries and contexts.
#include "test/emulators/cuda/Driver.h"

#include <cstdio>
#include <dlfcn.h>

using namespace tinyc::emulator;

namespace tinyc::emulator {

thread_local CUcontext CurrentContext = nullptr;

Driver &Driver::get() {
  static Driver *D = new Driver; // never destroyed: threads may still call when the process ends
  return *D;
}

void complain(const std::string &Text) { std::fprintf(stderr, "emulated libcuda: %s\n", Text.c_str()); }

CUresult Driver::initialise() {
  if (Initialised)
    return Success;
  std::string Name = Controls::fromEnvironment().Chip;
  if (Name.empty())
    Name = "sm_80";
  Chip = ptx::chipNamed(Name);
  if (!Chip) {
    std::string Known;
    for (const ptx::Chip &C : ptx::chips())
      Known += (Known.empty() ? "" : ", ") + std::string(C.Name);
    complain("TINYC_EMULATED_CHIP names an unknown chip: expected one of " + Known + ", found " + Name);
    return NoDevice;
  }
  Memory = std::make_unique<DeviceMemory>(Chip->MemoryBytes);
  Initialised = true;
  return Success;
}

void Driver::reset() {
  Functions.clear();
  Modules.clear();
  Streams.clear();
  Events.clear();
  HostCopies.clear();
  Memory = std::make_unique<DeviceMemory>(Chip->MemoryBytes);
  Sticky = Success;
}

CUresult Driver::synchronise() {
  for (HostCopy &C : HostCopies)
    std::memcpy(C.Destination, C.Bytes.data(), C.Bytes.size());
  HostCopies.clear();
  return Sticky;
}

struct ErrorRow {
  CUresult Code;
  const char *Name, *Text;
};
static constexpr ErrorRow Errors[] = {
    {Success, "CUDA_SUCCESS", "no error"},
    {InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {InvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {UnsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {FileNotFound, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {IllegalAddressError, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {MisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {LaunchFailedError, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {NotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {Unknown, "CUDA_ERROR_UNKNOWN", "unknown error"}};

} // namespace tinyc::emulator

TINYC_CUDA_API CUresult cuGetErrorName(CUresult Code, const char **Out) {
  for (const ErrorRow &R : Errors)
    if (R.Code == Code && Out)
      return *Out = R.Name, Success;
  if (Out)
    *Out = nullptr;
  return InvalidValue;
}
TINYC_CUDA_API CUresult cuGetErrorString(CUresult Code, const char **Out) {
  for (const ErrorRow &R : Errors)
    if (R.Code == Code && Out)
      return *Out = R.Text, Success;
  if (Out)
    *Out = nullptr;
  return InvalidValue;
}

TINYC_CUDA_API CUresult cuInit(unsigned Flags) {
  Driver &D = Driver::get();
  std::lock_guard<std::recursive_mutex> Guard(D.Lock);
  return Flags ? CUresult(InvalidValue) : D.initialise();
}
TINYC_CUDA_API CUresult cuDriverGetVersion(int *Out) {
  if (!Out)
    return InvalidValue;
  *Out = 13000;
  return Success;
}

TINYC_CUDA_API CUresult cuDeviceGetCount(int *Out) {
  TINYC_ENTER_UNCHECKED();
  if (!Out)
    return InvalidValue;
  *Out = 1;
  return Success;
}
TINYC_CUDA_API CUresult cuDeviceGet(CUdevice *Out, int Ordinal) {
  TINYC_ENTER_UNCHECKED();
  if (!Out)
    return InvalidValue;
  if (Ordinal != 0)
    return InvalidDevice;
  *Out = 0;
  return Success;
}
TINYC_CUDA_API CUresult cuDeviceGetName(char *Out, int Length, CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (!Out || Length <= 0)
    return InvalidValue;
  if (Device)
    return InvalidDevice;
  std::snprintf(Out, size_t(Length), "%.*s", int(D.Chip->Product.size()), D.Chip->Product.data());
  return Success;
}
TINYC_CUDA_API CUresult cuDeviceGetUuid_v2(unsigned char (*Out)[16], CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (!Out || Device)
    return Device ? InvalidDevice : InvalidValue;
  std::memset(*Out, 0, 16);
  std::memcpy(*Out, D.Chip->Name.data(), D.Chip->Name.size());
  return Success;
}
TINYC_CUDA_API CUresult cuDeviceTotalMem_v2(size_t *Out, CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (!Out || Device)
    return Device ? InvalidDevice : InvalidValue;
  *Out = D.Chip->MemoryBytes;
  return Success;
}

TINYC_CUDA_API CUresult cuDeviceGetAttribute(int *Out, int Attribute, CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (!Out)
    return InvalidValue;
  if (Device)
    return InvalidDevice;
  const ptx::Chip &C = *D.Chip;
  const std::map<int, int64_t> Values = {{1, 1024},                        // MAX_THREADS_PER_BLOCK
                                         {2, 1024},                        // MAX_BLOCK_DIM_X
                                         {3, 1024},                        // MAX_BLOCK_DIM_Y
                                         {4, 64},                          // MAX_BLOCK_DIM_Z
                                         {5, 2147483647},                  // MAX_GRID_DIM_X
                                         {6, 65535},                       // MAX_GRID_DIM_Y
                                         {7, 65535},                       // MAX_GRID_DIM_Z
                                         {8, C.SharedPerBlock},            // MAX_SHARED_MEMORY_PER_BLOCK
                                         {9, 65536},                       // TOTAL_CONSTANT_MEMORY
                                         {10, 32},                         // WARP_SIZE
                                         {11, 2147483647},                 // MAX_PITCH
                                         {12, 65536},                      // MAX_REGISTERS_PER_BLOCK
                                         {13, C.ClockKHz},                 // CLOCK_RATE
                                         {14, 512},                        // TEXTURE_ALIGNMENT
                                         {16, C.Multiprocessors},          // MULTIPROCESSOR_COUNT
                                         {17, 0},                          // KERNEL_EXEC_TIMEOUT
                                         {18, 0},                          // INTEGRATED
                                         {19, 0},                          // CAN_MAP_HOST_MEMORY
                                         {20, 0},                          // COMPUTE_MODE
                                         {31, 1},                          // CONCURRENT_KERNELS
                                         {32, 0},                          // ECC_ENABLED
                                         {33, 0},                          // PCI_BUS_ID
                                         {34, 0},                          // PCI_DEVICE_ID
                                         {35, 0},                          // TCC_DRIVER
                                         {36, C.MemoryClockKHz},           // MEMORY_CLOCK_RATE
                                         {37, C.BusBits},                  // GLOBAL_MEMORY_BUS_WIDTH
                                         {38, C.L2Bytes},                  // L2_CACHE_SIZE
                                         {39, C.ThreadsPerMultiprocessor}, // MAX_THREADS_PER_MULTIPROCESSOR
                                         {40, 1},                          // ASYNC_ENGINE_COUNT
                                         {41, 1},                          // UNIFIED_ADDRESSING
                                         {50, 0},                          // PCI_DOMAIN_ID
                                         {75, C.Major},                    // COMPUTE_CAPABILITY_MAJOR
                                         {76, C.Minor},                    // COMPUTE_CAPABILITY_MINOR
                                         {78, 0},                          // STREAM_PRIORITIES_SUPPORTED
                                         {81, C.SharedPerMultiprocessor},  // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
                                         {82, 65536},                      // MAX_REGISTERS_PER_MULTIPROCESSOR
                                         {83, 0},                          // MANAGED_MEMORY
                                         {95, 0},                          // COOPERATIVE_LAUNCH
                                         {97, C.SharedPerBlockOptIn},      // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
                                         {106, C.BlocksPerMultiprocessor}, // MAX_BLOCKS_PER_MULTIPROCESSOR
                                         {111, 1024},                      // RESERVED_SHARED_MEMORY_PER_BLOCK
                                         {115, 0}};                        // MEMORY_POOLS_SUPPORTED
  auto It = Values.find(Attribute);
  if (It == Values.end()) {
    complain("cuDeviceGetAttribute: attribute " + std::to_string(Attribute) + " is not known to the emulator");
    return InvalidValue;
  }
  *Out = int(It->second);
  return Success;
}

// Contexts.

TINYC_CUDA_API CUresult cuDevicePrimaryCtxRetain(CUcontext *Out, CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (!Out || Device)
    return Device ? InvalidDevice : InvalidValue;
  ++D.Primary.References;
  D.Contexts.insert(&D.Primary);
  *Out = &D.Primary;
  return Success;
}
static void dropContext(Driver &D, CUcontext C) {
  D.Contexts.erase(C);
  if (CurrentContext == C)
    CurrentContext = nullptr;
  if (!C->Primary)
    delete C;
  if (D.Contexts.empty())
    D.reset();
}
TINYC_CUDA_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (Device)
    return InvalidDevice;
  if (!D.Primary.References)
    return InvalidContext;
  if (--D.Primary.References == 0)
    dropContext(D, &D.Primary);
  return Success;
}
TINYC_CUDA_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (Device)
    return InvalidDevice;
  D.reset();
  return Success;
}
TINYC_CUDA_API CUresult cuDevicePrimaryCtxGetState(CUdevice Device, unsigned *Flags, int *Active) {
  TINYC_ENTER_UNCHECKED();
  if (Device)
    return InvalidDevice;
  if (Flags)
    *Flags = 0;
  if (Active)
    *Active = D.Primary.References != 0;
  return Success;
}
TINYC_CUDA_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice Device, unsigned) {
  return Device ? InvalidDevice : Success;
}

TINYC_CUDA_API CUresult cuCtxCreate_v2(CUcontext *Out, unsigned, CUdevice Device) {
  TINYC_ENTER_UNCHECKED();
  if (!Out || Device)
    return Device ? InvalidDevice : InvalidValue;
  *Out = new CUctx_st;
  D.Contexts.insert(*Out);
  CurrentContext = *Out;
  return Success;
}
TINYC_CUDA_API CUresult cuCtxCreate_v4(CUcontext *Out, void *Parameters, unsigned Flags, CUdevice Device) {
  return Parameters ? CUresult(NotSupported) : cuCtxCreate_v2(Out, Flags, Device);
}
TINYC_CUDA_API CUresult cuCtxDestroy_v2(CUcontext C) {
  TINYC_ENTER_UNCHECKED();
  if (!D.Contexts.count(C) || C->Primary)
    return InvalidContext;
  dropContext(D, C);
  return Success;
}
TINYC_CUDA_API CUresult cuCtxSetCurrent(CUcontext C) {
  TINYC_ENTER_UNCHECKED();
  if (C && !D.Contexts.count(C))
    return InvalidContext;
  CurrentContext = C;
  return Success;
}
TINYC_CUDA_API CUresult cuCtxGetCurrent(CUcontext *Out) {
  TINYC_ENTER_UNCHECKED();
  if (!Out)
    return InvalidValue;
  *Out = CurrentContext;
  return Success;
}
static thread_local std::vector<CUcontext> Pushed;
TINYC_CUDA_API CUresult cuCtxPushCurrent_v2(CUcontext C) {
  TINYC_ENTER_UNCHECKED();
  if (!D.Contexts.count(C))
    return InvalidContext;
  Pushed.push_back(CurrentContext);
  CurrentContext = C;
  return Success;
}
TINYC_CUDA_API CUresult cuCtxPopCurrent_v2(CUcontext *Out) {
  TINYC_ENTER_UNCHECKED();
  if (!CurrentContext)
    return InvalidContext;
  if (Out)
    *Out = CurrentContext;
  CurrentContext = Pushed.empty() ? nullptr : Pushed.back();
  if (!Pushed.empty())
    Pushed.pop_back();
  return Success;
}
TINYC_CUDA_API CUresult cuCtxGetDevice(CUdevice *Out) {
  TINYC_ENTER();
  if (!Out)
    return InvalidValue;
  *Out = 0;
  return Success;
}
TINYC_CUDA_API CUresult cuCtxSynchronize() {
  TINYC_ENTER_UNCHECKED();
  if (!CurrentContext)
    return InvalidContext;
  return D.synchronise();
}

// Symbols by name, as the runtime library asks for them.

TINYC_CUDA_API CUresult cuGetProcAddress_v2(const char *Symbol, void **Out, int, uint64_t, int *Status) {
  if (!Symbol || !Out)
    return InvalidValue;
  // The newest version this library has; callers ask for the plain name.
  for (const char *Suffix : {"_v2", "_v4", ""}) {
    *Out = dlsym(RTLD_DEFAULT, (std::string(Symbol) + Suffix).c_str());
    if (!*Out) {
      Dl_info Info;
      if (dladdr(reinterpret_cast<void *>(&cuInit), &Info))
        if (void *Self = dlopen(Info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)) {
          *Out = dlsym(Self, (std::string(Symbol) + Suffix).c_str());
          dlclose(Self);
        }
    }
    if (*Out)
      break;
  }
  if (Status)
    *Status = *Out ? 0 : 1;
  return *Out ? Success : NotFound;
}
TINYC_CUDA_API CUresult cuGetProcAddress(const char *Symbol, void **Out, int Version, uint64_t Flags) {
  return cuGetProcAddress_v2(Symbol, Out, Version, Flags, nullptr);
}
