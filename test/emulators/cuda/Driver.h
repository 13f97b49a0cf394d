// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver's state behind the API: one device, its memory, modules, streams and events. Launches run when they are
// called; what goes wrong in one shows at the next call that synchronises, and stays until the context is destroyed.
#pragma once

#include "test/emulators/cuda/Api.h"
#include "test/emulators/cuda/Machine.h"

#include <chrono>
#include <mutex>
#include <set>

struct CUfunc_st {
  std::shared_ptr<tinyc::emulator::ptx::Program> Program;
  CUmod_st *Module;
  uint32_t MaxDynamicShared;
  bool DynamicSharedRaised = false;
};

struct CUmod_st {
  tinyc::emulator::ptx::Module Tree;
  std::map<std::string, uint64_t> Globals;
  std::map<std::string, uint64_t> GlobalBytes;
  std::map<std::string, std::unique_ptr<CUfunc_st>> Functions;
};

struct CUctx_st {
  bool Primary = false;
  unsigned References = 0;
};
struct CUstream_st {
  unsigned Flags;
};
struct CUevent_st {
  bool Recorded = false;
  std::chrono::steady_clock::time_point When;
};

namespace tinyc::emulator {

struct Driver {
  std::recursive_mutex Lock;
  bool Initialised = false;
  const ptx::Chip *Chip = nullptr;
  std::unique_ptr<DeviceMemory> Memory;
  GlobalOrder Order;
  CUctx_st Primary{true, 0};
  std::set<CUcontext> Contexts;
  std::map<CUmodule, std::unique_ptr<CUmod_st>> Modules;
  std::set<CUfunction> Functions;
  std::map<CUstream, std::unique_ptr<CUstream_st>> Streams;
  std::map<CUevent, std::unique_ptr<CUevent_st>> Events;
  std::set<void *> HostMemory;
  CUresult Sticky = Success;

  /// An asynchronous copy to the host: taken when it was called, seen by the host after the next synchronisation.
  struct HostCopy {
    void *Destination;
    std::vector<uint8_t> Bytes;
  };
  std::vector<HostCopy> HostCopies;

  static Driver &get();
  CUresult initialise();
  /// Frees what contexts own: the last one has gone.
  void reset();
  CUresult synchronise();
  bool validStream(CUstream S) const {
    return reinterpret_cast<uintptr_t>(S) <= 2 || Streams.count(S); // 0, 1, 2: default, legacy, per thread
  }
};

extern thread_local CUcontext CurrentContext;

/// Writes a sentence to stderr, prefixed with the library's name.
void complain(const std::string &Text);

/// The beginning of an API function: takes the lock; refuses when not initialised, without a context, or after an error
/// that stays.
#define TINYC_ENTER_UNCHECKED()                                                                                        \
  Driver &D = Driver::get();                                                                                           \
  std::lock_guard<std::recursive_mutex> Guard(D.Lock);                                                                 \
  if (!D.Initialised)                                                                                                  \
  return NotInitialized
#define TINYC_ENTER()                                                                                                  \
  TINYC_ENTER_UNCHECKED();                                                                                             \
  if (!CurrentContext || !D.Contexts.count(CurrentContext))                                                            \
    return InvalidContext;                                                                                             \
  if (D.Sticky)                                                                                                        \
  return D.Sticky

} // namespace tinyc::emulator
