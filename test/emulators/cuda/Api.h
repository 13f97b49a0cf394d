// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The types and error codes of the CUDA Driver API that this library implements, declared by us so that building needs
// no CUDA. Numbers are those of cuda.h; a test compares them where it is installed.
#pragma once

#include <cstddef>
#include <cstdint>

#define TINYC_CUDA_API extern "C" __attribute__((visibility("default")))

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;

namespace tinyc::emulator {

enum : CUresult {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidContext = 201,
  NoBinaryForGpu = 209,
  InvalidPtx = 218,
  UnsupportedPtxVersion = 222,
  FileNotFound = 301,
  InvalidHandle = 400,
  NotFound = 500,
  NotReady = 600,
  IllegalAddressError = 700,
  LaunchOutOfResources = 701,
  MisalignedAddress = 716,
  LaunchFailedError = 719,
  NotSupported = 801,
  Unknown = 999
};

} // namespace tinyc::emulator
