// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocation and copies, streams and events.
#include "test/emulators/cuda/Driver.h"

#include <cstdlib>

using namespace tinyc::emulator;

static CUresult refused(Driver &D, const char *Function, const std::string &Why) {
  complain(std::string(Function) + ": " + Why);
  return InvalidValue;
}

TINYC_CUDA_API CUresult cuMemAlloc_v2(CUdeviceptr *Out, size_t Bytes) {
  TINYC_ENTER();
  if (!Out || !Bytes)
    return InvalidValue;
  Allocation *A = D.Memory->allocate(Bytes, "cuMemAlloc");
  if (!A)
    return OutOfMemory;
  *Out = A->Base;
  return Success;
}
TINYC_CUDA_API CUresult cuMemFree_v2(CUdeviceptr Address) {
  TINYC_ENTER();
  if (!Address)
    return Success;
  return D.Memory->release(Address) ? Success
                                    : refused(D, "cuMemFree", "the address was not allocated, or freed before");
}
TINYC_CUDA_API CUresult cuMemAllocAsync(CUdeviceptr *Out, size_t Bytes, CUstream) { return cuMemAlloc_v2(Out, Bytes); }
TINYC_CUDA_API CUresult cuMemFreeAsync(CUdeviceptr Address, CUstream) { return cuMemFree_v2(Address); }
TINYC_CUDA_API CUresult cuMemGetInfo_v2(size_t *Free, size_t *Total) {
  TINYC_ENTER();
  if (!Free || !Total)
    return InvalidValue;
  *Total = D.Memory->capacity();
  *Free = *Total - D.Memory->used();
  return Success;
}
TINYC_CUDA_API CUresult cuMemGetAddressRange_v2(CUdeviceptr *Base, size_t *Bytes, CUdeviceptr Address) {
  TINYC_ENTER();
  Allocation *A = D.Memory->find(Address);
  if (!A)
    return NotFound;
  if (Base)
    *Base = A->Base;
  if (Bytes)
    *Bytes = A->Size;
  return Success;
}

TINYC_CUDA_API CUresult cuMemAllocHost_v2(void **Out, size_t Bytes) {
  TINYC_ENTER();
  if (!Out || !Bytes)
    return InvalidValue;
  *Out = std::aligned_alloc(4096, (Bytes + 4095) / 4096 * 4096);
  if (!*Out)
    return OutOfMemory;
  D.HostMemory.insert(*Out);
  return Success;
}
TINYC_CUDA_API CUresult cuMemHostAlloc(void **Out, size_t Bytes, unsigned) { return cuMemAllocHost_v2(Out, Bytes); }
TINYC_CUDA_API CUresult cuMemFreeHost(void *Host) {
  TINYC_ENTER_UNCHECKED();
  if (!D.HostMemory.erase(Host))
    return InvalidValue;
  std::free(Host);
  return Success;
}

TINYC_CUDA_API CUresult cuMemcpyHtoD_v2(CUdeviceptr To, const void *From, size_t Bytes) {
  TINYC_ENTER();
  std::string Error;
  if (!Bytes)
    return Success;
  return D.Memory->write(To, From, Bytes, Error) ? Success : refused(D, "cuMemcpyHtoD", Error);
}
TINYC_CUDA_API CUresult cuMemcpyDtoH_v2(void *To, CUdeviceptr From, size_t Bytes) {
  TINYC_ENTER();
  std::string Error;
  if (CUresult R = D.synchronise())
    return R;
  if (!Bytes)
    return Success;
  return D.Memory->read(To, From, Bytes, Error) ? Success : refused(D, "cuMemcpyDtoH", Error);
}
TINYC_CUDA_API CUresult cuMemcpyDtoD_v2(CUdeviceptr To, CUdeviceptr From, size_t Bytes) {
  TINYC_ENTER();
  std::string Error;
  if (!Bytes)
    return Success;
  return D.Memory->copy(To, From, Bytes, Error) ? Success : refused(D, "cuMemcpyDtoD", Error);
}
TINYC_CUDA_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr To, const void *From, size_t Bytes, CUstream S) {
  TINYC_ENTER();
  return D.validStream(S) ? cuMemcpyHtoD_v2(To, From, Bytes) : CUresult(InvalidHandle);
}
TINYC_CUDA_API CUresult cuMemcpyDtoHAsync_v2(void *To, CUdeviceptr From, size_t Bytes, CUstream S) {
  TINYC_ENTER();
  if (!D.validStream(S))
    return InvalidHandle;
  if (!Bytes)
    return Success;
  std::string Error;
  Driver::HostCopy Copy{To, std::vector<uint8_t>(Bytes)};
  if (!D.Memory->read(Copy.Bytes.data(), From, Bytes, Error))
    return refused(D, "cuMemcpyDtoHAsync", Error);
  std::memset(To, 0xff, Bytes); // who looks before synchronising finds nothing that could pass for a result
  D.HostCopies.push_back(std::move(Copy));
  return Success;
}
TINYC_CUDA_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr To, CUdeviceptr From, size_t Bytes, CUstream S) {
  TINYC_ENTER();
  return D.validStream(S) ? cuMemcpyDtoD_v2(To, From, Bytes) : CUresult(InvalidHandle);
}

static CUresult fill(CUdeviceptr To, uint32_t Value, unsigned Width, size_t Count, const char *Function) {
  TINYC_ENTER();
  std::string Error;
  if (!Count)
    return Success;
  if (To % Width)
    return InvalidValue;
  return D.Memory->fill(To, Value, Width, Count, Error) ? Success : refused(D, Function, Error);
}
TINYC_CUDA_API CUresult cuMemsetD8_v2(CUdeviceptr To, unsigned char V, size_t N) {
  return fill(To, V, 1, N, "cuMemsetD8");
}
TINYC_CUDA_API CUresult cuMemsetD16_v2(CUdeviceptr To, unsigned short V, size_t N) {
  return fill(To, V, 2, N, "cuMemsetD16");
}
TINYC_CUDA_API CUresult cuMemsetD32_v2(CUdeviceptr To, unsigned V, size_t N) {
  return fill(To, V, 4, N, "cuMemsetD32");
}
TINYC_CUDA_API CUresult cuMemsetD8Async(CUdeviceptr To, unsigned char V, size_t N, CUstream) {
  return fill(To, V, 1, N, "cuMemsetD8Async");
}
TINYC_CUDA_API CUresult cuMemsetD16Async(CUdeviceptr To, unsigned short V, size_t N, CUstream) {
  return fill(To, V, 2, N, "cuMemsetD16Async");
}
TINYC_CUDA_API CUresult cuMemsetD32Async(CUdeviceptr To, unsigned V, size_t N, CUstream) {
  return fill(To, V, 4, N, "cuMemsetD32Async");
}

// Streams: all work is done in the order of the calls.

TINYC_CUDA_API CUresult cuStreamCreate(CUstream *Out, unsigned Flags) {
  TINYC_ENTER();
  if (!Out)
    return InvalidValue;
  auto S = std::make_unique<CUstream_st>(CUstream_st{Flags});
  *Out = S.get();
  D.Streams[*Out] = std::move(S);
  return Success;
}
TINYC_CUDA_API CUresult cuStreamCreateWithPriority(CUstream *Out, unsigned Flags, int) {
  return cuStreamCreate(Out, Flags);
}
TINYC_CUDA_API CUresult cuStreamDestroy_v2(CUstream S) {
  TINYC_ENTER_UNCHECKED();
  D.synchronise();
  return D.Streams.erase(S) ? Success : InvalidHandle;
}
TINYC_CUDA_API CUresult cuStreamSynchronize(CUstream S) {
  TINYC_ENTER_UNCHECKED();
  if (!CurrentContext)
    return InvalidContext;
  return D.validStream(S) ? D.synchronise() : CUresult(InvalidHandle);
}
TINYC_CUDA_API CUresult cuStreamQuery(CUstream S) { return cuStreamSynchronize(S); }
TINYC_CUDA_API CUresult cuStreamWaitEvent(CUstream S, CUevent E, unsigned) {
  TINYC_ENTER();
  return D.validStream(S) && D.Events.count(E) ? Success : InvalidHandle;
}

TINYC_CUDA_API CUresult cuEventCreate(CUevent *Out, unsigned) {
  TINYC_ENTER();
  if (!Out)
    return InvalidValue;
  auto E = std::make_unique<CUevent_st>();
  *Out = E.get();
  D.Events[*Out] = std::move(E);
  return Success;
}
TINYC_CUDA_API CUresult cuEventDestroy_v2(CUevent E) {
  TINYC_ENTER_UNCHECKED();
  return D.Events.erase(E) ? Success : InvalidHandle;
}
TINYC_CUDA_API CUresult cuEventRecord(CUevent E, CUstream S) {
  TINYC_ENTER();
  if (!D.Events.count(E) || !D.validStream(S))
    return InvalidHandle;
  E->Recorded = true;
  E->When = std::chrono::steady_clock::now();
  return Success;
}
TINYC_CUDA_API CUresult cuEventSynchronize(CUevent E) {
  TINYC_ENTER_UNCHECKED();
  return D.Events.count(E) ? D.synchronise() : CUresult(InvalidHandle);
}
TINYC_CUDA_API CUresult cuEventQuery(CUevent E) { return cuEventSynchronize(E); }
TINYC_CUDA_API CUresult cuEventElapsedTime(float *Out, CUevent Begin, CUevent End) {
  TINYC_ENTER();
  if (!Out)
    return InvalidValue;
  if (!D.Events.count(Begin) || !D.Events.count(End) || !Begin->Recorded || !End->Recorded)
    return InvalidHandle;
  *Out = std::chrono::duration<float, std::milli>(End->When - Begin->When).count();
  return Success;
}
TINYC_CUDA_API CUresult cuEventElapsedTime_v2(float *Out, CUevent Begin, CUevent End) {
  return cuEventElapsedTime(Out, Begin, End);
}
