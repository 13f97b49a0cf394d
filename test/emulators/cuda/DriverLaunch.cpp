// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Function attributes and launches.
#include "test/emulators/cuda/Driver.h"

#include <algorithm>

using namespace tinyc::emulator;

TINYC_CUDA_API CUresult cuFuncGetAttribute(int *Out, int Attribute, CUfunction F) {
  TINYC_ENTER();
  if (!Out)
    return InvalidValue;
  if (!D.Functions.count(F))
    return InvalidHandle;
  const ptx::Program &P = *F->Program;
  switch (Attribute) {
  case 0: // MAX_THREADS_PER_BLOCK
    *Out = P.MaxThreads ? int(P.MaxThreads) : 1024;
    return Success;
  case 1: // SHARED_SIZE_BYTES
    *Out = int(P.StaticShared);
    return Success;
  case 2: // CONST_SIZE_BYTES
    *Out = 0;
    return Success;
  case 3: // LOCAL_SIZE_BYTES
    *Out = int(P.LocalBytes);
    return Success;
  case 4: // NUM_REGS: not modelled; PTX has no physical registers
    *Out = int(std::min<uint32_t>(P.RegisterCount, 255));
    return Success;
  case 5: // PTX_VERSION
  case 6: // BINARY_VERSION
    *Out = int(D.Chip->Major * 10 + D.Chip->Minor);
    return Success;
  case 8: // MAX_DYNAMIC_SHARED_SIZE_BYTES
    *Out = int(F->MaxDynamicShared);
    return Success;
  default:
    return InvalidValue;
  }
}

TINYC_CUDA_API CUresult cuFuncSetAttribute(CUfunction F, int Attribute, int Value) {
  TINYC_ENTER();
  if (!D.Functions.count(F))
    return InvalidHandle;
  if (Attribute == 9) // PREFERRED_SHARED_MEMORY_CARVEOUT
    return Success;
  if (Attribute != 8 || Value < 0 || F->Program->StaticShared + uint32_t(Value) > D.Chip->SharedPerBlockOptIn)
    return InvalidValue;
  F->MaxDynamicShared = uint32_t(Value);
  return Success;
}
TINYC_CUDA_API CUresult cuFuncSetCacheConfig(CUfunction, int) { return Success; }

TINYC_CUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *Out, CUfunction F, int Threads,
                                                                    size_t Dynamic) {
  TINYC_ENTER();
  if (!Out || Threads <= 0)
    return InvalidValue;
  if (!D.Functions.count(F))
    return InvalidHandle;
  const ptx::Chip &C = *D.Chip;
  size_t Shared = F->Program->StaticShared + Dynamic + 1024;
  *Out = int(std::min<size_t>({size_t(C.ThreadsPerMultiprocessor) / size_t(Threads), size_t(C.BlocksPerMultiprocessor),
                               C.SharedPerMultiprocessor / Shared}));
  return Success;
}

/// Copies the caller's parameters into the kernel's parameter space. False when they cannot be.
static bool gather(const ptx::Program &P, void **Parameters, void **Extra, std::vector<uint8_t> &Out,
                   std::string &Error) {
  Out.assign(P.ParameterBytes, 0);
  if (Parameters) {
    for (size_t K = 0; K < P.Parameters.size(); ++K) {
      if (!Parameters[K])
        return Error = "parameter " + std::to_string(K) + " is null", false;
      std::memcpy(Out.data() + P.Parameters[K].first, Parameters[K], P.Parameters[K].second);
    }
    return true;
  }
  if (Extra) {
    const void *Buffer = nullptr;
    size_t Bytes = 0;
    for (void **E = Extra; *E; E += 2) {
      if (reinterpret_cast<uintptr_t>(E[0]) == 1) // CU_LAUNCH_PARAM_BUFFER_POINTER
        Buffer = E[1];
      else if (reinterpret_cast<uintptr_t>(E[0]) == 2) // CU_LAUNCH_PARAM_BUFFER_SIZE
        Bytes = *static_cast<size_t *>(E[1]);
    }
    if (!Buffer || Bytes < P.ParameterBytes)
      return Error = "expected " + std::to_string(P.ParameterBytes) + " bytes of parameters, found " +
                     std::to_string(Bytes),
             false;
    std::memcpy(Out.data(), Buffer, P.ParameterBytes);
    return true;
  }
  Error = "expected " + std::to_string(P.Parameters.size()) + " parameters, found none";
  return P.Parameters.empty();
}

TINYC_CUDA_API CUresult cuLaunchKernel(CUfunction F, unsigned GridX, unsigned GridY, unsigned GridZ, unsigned BlockX,
                                       unsigned BlockY, unsigned BlockZ, unsigned SharedBytes, CUstream S,
                                       void **Parameters, void **Extra) {
  TINYC_ENTER();
  if (!D.Functions.count(F) || !D.validStream(S))
    return InvalidHandle;
  const ptx::Program &P = *F->Program;
  auto Refuse = [&](CUresult Code, const std::string &Why) {
    complain("cuLaunchKernel of " + P.Name + ": " + Why);
    return Code;
  };
  uint64_t Threads = uint64_t(BlockX) * BlockY * BlockZ;
  if (!GridX || !GridY || !GridZ || GridX > 2147483647u || GridY > 65535 || GridZ > 65535)
    return Refuse(InvalidValue, "the grid's dimensions are outside 1 to 2^31-1, 65535, 65535");
  if (!Threads || BlockX > 1024 || BlockY > 1024 || BlockZ > 64 || Threads > 1024)
    return Refuse(InvalidValue, "expected a block of 1 to 1024 threads, found " + std::to_string(Threads));
  if (P.MaxThreads && Threads > P.MaxThreads)
    return Refuse(InvalidValue, "the kernel allows blocks of " + std::to_string(P.MaxThreads) + " threads, found " +
                                    std::to_string(Threads));
  if (SharedBytes > F->MaxDynamicShared)
    return Refuse(InvalidValue, "expected at most " + std::to_string(F->MaxDynamicShared) +
                                    " bytes of dynamic shared memory (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES "
                                    "raises that), found " +
                                    std::to_string(SharedBytes));
  Controls C = Controls::fromEnvironment();
  LaunchReport Report;
  ptx::Launch L{*D.Chip, P,      *D.Memory, D.Order, {}, {GridX, GridY, GridZ}, {BlockX, BlockY, BlockZ}, SharedBytes,
                C.Seed,  Report, {},        {},      0};
  std::string Error;
  if (!gather(P, Parameters, Extra, L.Parameters, Error))
    return Refuse(InvalidValue, Error);
  Report.Kernel = P.Name;
  Report.Chip = D.Chip->Name;
  std::copy(L.Grid, L.Grid + 3, Report.Grid);
  std::copy(L.Block, L.Block + 3, Report.Block);
  Report.SharedBytes = P.StaticShared + SharedBytes;
  Report.SyncInstructions = F->Module->Tree.SyncInstructions;
  ptx::Outcome Result = ptx::runLaunch(L);
  if (!C.ReportFile.empty() && !Report.append(C.ReportFile))
    complain("cannot write TINYC_EMULATED_REPORT file " + C.ReportFile);
  if (!Result.Good) {
    complain(Result.Message);
    D.Sticky = Result.Code == ptx::Fault::IllegalAddress ? IllegalAddressError
               : Result.Code == ptx::Fault::Misaligned   ? MisalignedAddress
                                                         : LaunchFailedError;
  }
  return Success;
}
