// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Addresses to bytes.
#include "test/emulators/cuda/Access.h"
#include "test/emulators/machine/Traffic.h"

namespace tinyc::emulator::ptx {

static std::string hex(uint64_t Value) {
  char Text[32];
  snprintf(Text, sizeof Text, "0x%llx", static_cast<unsigned long long>(Value));
  return Text;
}

void addresses(const Warp &W, const Instruction &I, unsigned Slot, uint64_t (&Out)[32]) {
  const Operand &O = I.S[Slot];
  W.requireDefined(O, W.Active, "the address");
  if (O.Bits == 64) {
    const uint64_t *A = W.in<uint64_t>(O);
    for (unsigned L = 0; L < 32; ++L)
      Out[L] = A[L] + uint64_t(I.Offset);
  } else {
    const uint32_t *A = W.in<uint32_t>(O);
    for (unsigned L = 0; L < 32; ++L)
      Out[L] = uint32_t(A[L] + uint64_t(I.Offset));
  }
}

[[noreturn]] static void outside(Warp &W, const char *What, uint64_t Address, uint32_t Size, uint64_t Limit,
                                 unsigned Lane) {
  W.fault(Fault::IllegalAddress,
          "expected an address inside a variable of " + std::string(What) + ", found " + std::to_string(Size) +
              " bytes at offset " + hex(Address) + " (the variables end at " + hex(Limit) + ")",
          int(Lane));
}

static Space resolve(Space S, uint64_t &Address) {
  if (S != Space::Generic)
    return S;
  if (Address - SharedWindow < WindowBytes)
    return Address -= SharedWindow, Space::Shared;
  if (Address - LocalWindow < WindowBytes)
    return Address -= LocalWindow, Space::Local;
  if (Address - ParamWindow < WindowBytes)
    return Address -= ParamWindow, Space::Param;
  return Space::Global;
}

void locate(Warp &W, Space S, uint64_t Address, uint32_t Size, unsigned Lane, Place &P) {
  P.Space = resolve(S, Address);
  P.Address = Address;
  if (Address % Size)
    W.fault(Fault::Misaligned,
            "expected an address that is a multiple of " + std::to_string(Size) + ", found " + hex(Address), int(Lane));
  switch (P.Space) {
  case Space::Global:
  case Space::Const:
  case Space::Generic: {
    if (!P.Owner || !P.Owner->contains(Address, Size)) {
      P.Owner = W.Launch->Memory.find(Address, Size);
      if (!P.Owner)
        W.fault(Fault::IllegalAddress,
                "expected an address inside an allocation, but " + W.Launch->Memory.explain(Address, Size), int(Lane));
    }
    P.Bytes = P.Owner->Bytes.get() + (Address - P.Owner->Base);
    P.States = P.Owner->States.get() + (Address - P.Owner->Base);
    P.State = stateOf(P.States, Size);
    return;
  }
  case Space::Shared: {
    SharedMemory &M = W.Block->Shared;
    if (Address >= M.size() || Address + Size > M.size())
      outside(W, "shared memory", Address, Size, M.size(), Lane);
    P.Bytes = M.bytes() + Address;
    P.States = M.states() + Address;
    P.State = stateOf(P.States, Size);
    if (P.State & Unmapped) [[unlikely]]
      outside(W, "shared memory", Address, Size, M.size(), Lane);
    return;
  }
  case Space::Local: {
    uint32_t Bytes = W.Launch->Program.LocalBytes;
    if (Address >= Bytes || Address + Size > Bytes)
      outside(W, "local memory", Address, Size, Bytes, Lane);
    P.Bytes = W.Local.data() + size_t(Lane) * Bytes + Address;
    P.States = W.LocalStates.data() + size_t(Lane) * Bytes + Address;
    P.State = stateOf(P.States, Size);
    if (P.State & Unmapped)
      outside(W, "local memory", Address, Size, Bytes, Lane);
    return;
  }
  case Space::Param: {
    uint32_t Bytes = W.Launch->Program.ParameterBytes;
    if (Address >= Bytes || Address + Size > Bytes)
      outside(W, "the kernel's parameters", Address, Size, Bytes, Lane);
    static uint8_t AllDefined[32];
    P.Bytes = W.Launch->Parameters.data() + Address;
    P.States = AllDefined;
    P.State = Defined;
    return;
  }
  }
}

void noteRead(Warp &W, const Place &P, uint32_t Size, unsigned Lane, bool Strong) {
  if (P.Space == Space::Shared) {
    for (uint32_t K = 0; P.State & InFlight; ++K)
      if (P.States[K] & InFlight) [[unlikely]]
        W.fault(Fault::LaunchFailed,
                "byte " + std::to_string(P.Address + K) +
                    " of shared memory is read while an asynchronous "
                    "copy into it is under way: no wait has completed it",
                int(Lane));
    if (auto R = W.Block->Shared.read(W.Block->Time, uint32_t(P.Address), Size, W.Index, Lane, Strong)) [[unlikely]]
      W.fault(Fault::LaunchFailed, "race: " + R->describe(W.Index, Lane, 32), int(Lane));
  } else if (P.Space == Space::Global) {
    if (auto C = W.Launch->Order.read(*P.Owner, P.Address, Size, W.Block->Time, W.Index, Lane, Strong)) [[unlikely]]
      W.fault(Fault::LaunchFailed, "race: " + C->describe(32), int(Lane));
  }
}

void noteWrite(Warp &W, const Place &P, uint32_t Size, unsigned Lane, const void *NewBytes, bool Strong) {
  if (P.Space == Space::Shared) {
    for (uint32_t K = 0; P.State & InFlight; ++K)
      if (P.States[K] & InFlight) [[unlikely]]
        W.fault(Fault::LaunchFailed,
                "byte " + std::to_string(P.Address + K) +
                    " of shared memory is written while an "
                    "asynchronous copy into it is under way",
                int(Lane));
    if (auto R = W.Block->Shared.write(W.Block->Time, uint32_t(P.Address), Size, W.Index, Lane, NewBytes, Strong))
        [[unlikely]]
      W.fault(Fault::LaunchFailed, "race: " + R->describe(W.Index, Lane, 32), int(Lane));
  } else if (P.Space == Space::Global) {
    if (P.Owner->ReadOnly)
      W.fault(Fault::IllegalAddress, "expected a writable address, found one in constant memory", int(Lane));
    if (auto C = W.Launch->Order.write(*P.Owner, P.Address, Size, W.Block->Time, W.Index, Lane, NewBytes, Strong))
        [[unlikely]]
      W.fault(Fault::LaunchFailed, "race: " + C->describe(32), int(Lane));
  } else if (P.Space == Space::Param || P.Space == Space::Const) {
    W.fault(Fault::IllegalAddress, "expected a writable address, found one of parameters or constants", int(Lane));
  }
}

void countRequest(Warp &W, Space S, const uint64_t *Addresses, uint32_t Size, bool Store) {
  LaunchReport &R = W.Launch->Report;
  if (S == Space::Global) {
    SectorCount C = countSectors(Addresses, 32, W.Active, Size);
    ++R.GlobalRequests;
    R.GlobalSectors += C.Sectors;
    R.SectorBytes += C.UsefulBytes;
    (Store ? R.GlobalStoreBytes : R.GlobalLoadBytes) += uint64_t(std::popcount(W.Active)) * Size;
  } else if (S == Space::Shared) {
    uint32_t Offsets[32];
    for (unsigned L = 0; L < 32; ++L)
      Offsets[L] = uint32_t(Addresses[L]);
    ++R.SharedRequests;
    W.Launch->Conflicts[size_t(W.Current - W.Launch->Program.Code.data())] +=
        countBankConflicts(Offsets, 32, W.Active, Size);
  }
}

} // namespace tinyc::emulator::ptx
