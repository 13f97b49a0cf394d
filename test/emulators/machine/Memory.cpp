// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Device memory: exact allocations with wide gaps between them, and the host's copies in and out.
#include "test/emulators/machine/Memory.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace tinyc::emulator {

/// Nothing is mapped for this many bytes after an allocation: an index that is wrong by a row still meets a gap.
static constexpr uint64_t GuardBytes = 1ull << 24;

static std::string hex(uint64_t Value) {
  char Text[32];
  snprintf(Text, sizeof Text, "0x%llx", static_cast<unsigned long long>(Value));
  return Text;
}

void Allocation::refine(HistoryPage &Page, unsigned Shift) {
  const uint64_t Start = uint64_t(&Page - Pages.data()) * HistoryPage::Bytes;
  const uint64_t Count = ((std::min(HistoryPage::Bytes, Size - Start) + 3) & ~3ull) >> Shift;
  auto Units = std::make_unique<AccessHistory[]>(Count);
  if (Page.Units)
    for (uint64_t I = 0; I < Count; ++I)
      Units[I] = Page.Units[I >> (Page.Shift - Shift)];
  Page.Units = std::move(Units);
  Page.Shift = Shift;
}

Allocation *DeviceMemory::allocate(uint64_t Size, std::string Name, uint64_t Alignment) {
  if (Size == 0 || Size > Capacity - Used)
    return nullptr;
  auto A = std::make_unique<Allocation>();
  A->Bytes.reset(new (std::nothrow) uint8_t[Size]);
  A->States.reset(new (std::nothrow) uint8_t[Size]);
  if (!A->Bytes || !A->States)
    return nullptr;
  // All ones is a NaN in every floating-point type: whoever reads it in spite of the states gets no plausible number.
  memset(A->Bytes.get(), 0xff, Size);
  memset(A->States.get(), Poisoned, Size);
  uint64_t Base = (Next + 2 * Alignment - 1) / (2 * Alignment) * (2 * Alignment) + Alignment;
  Next = Base + Size + GuardBytes;
  Used += Size;
  A->Base = Base;
  A->Size = Size;
  A->Name = std::move(Name);
  return (Live[Base] = std::move(A)).get();
}

bool DeviceMemory::release(uint64_t Base) {
  auto It = Live.find(Base);
  if (It == Live.end())
    return false;
  Used -= It->second->Size;
  Released[Base] = It->second->Size;
  Live.erase(It);
  return true;
}

Allocation *DeviceMemory::find(uint64_t Address, uint64_t Count) {
  auto It = Live.upper_bound(Address);
  if (It == Live.begin())
    return nullptr;
  Allocation *A = std::prev(It)->second.get();
  return A->contains(Address, Count) ? A : nullptr;
}

std::string DeviceMemory::explain(uint64_t Address, uint64_t Count) const {
  std::string Range = std::to_string(Count) + " bytes at " + hex(Address);
  auto It = Live.upper_bound(Address);
  if (It != Live.begin()) {
    const Allocation &A = *std::prev(It)->second;
    std::string What = std::to_string(A.Size) + "-byte allocation at " + hex(A.Base) + " (" + A.Name + ")";
    uint64_t Offset = Address - A.Base;
    if (Offset < A.Size)
      return Range + " reach " + std::to_string(Offset + Count - A.Size) + " bytes past the end of the " + What;
    if (Offset < A.Size + GuardBytes)
      return Range + " start " + std::to_string(Offset - A.Size) + " bytes past the end of the " + What;
  }
  if (It != Live.end() && It->first - Address <= GuardBytes / 2)
    return Range + " start " + std::to_string(It->first - Address) + " bytes before the " +
           std::to_string(It->second->Size) + "-byte allocation at " + hex(It->first) + " (" + It->second->Name + ")";
  auto Freed = Released.upper_bound(Address);
  if (Freed != Released.begin() && Address - std::prev(Freed)->first < std::prev(Freed)->second)
    return Range + " lie in the allocation at " + hex(std::prev(Freed)->first) + ", which was freed";
  return Range + " belong to no allocation";
}

bool DeviceMemory::write(uint64_t Address, const void *Source, uint64_t Count, std::string &Error) {
  Allocation *A = find(Address, Count);
  if (!A)
    return Error = explain(Address, Count), false;
  memcpy(A->Bytes.get() + (Address - A->Base), Source, Count);
  memset(A->States.get() + (Address - A->Base), Defined, Count);
  return true;
}

bool DeviceMemory::read(void *Destination, uint64_t Address, uint64_t Count, std::string &Error) {
  Allocation *A = find(Address, Count);
  if (!A)
    return Error = explain(Address, Count), false;
  memcpy(Destination, A->Bytes.get() + (Address - A->Base), Count);
  return true;
}

bool DeviceMemory::copy(uint64_t Destination, uint64_t Source, uint64_t Count, std::string &Error) {
  Allocation *To = find(Destination, Count), *From = find(Source, Count);
  if (!To || !From)
    return Error = explain(To ? Source : Destination, Count), false;
  memmove(To->Bytes.get() + (Destination - To->Base), From->Bytes.get() + (Source - From->Base), Count);
  memmove(To->States.get() + (Destination - To->Base), From->States.get() + (Source - From->Base), Count);
  return true;
}

bool DeviceMemory::fill(uint64_t Address, uint32_t Value, unsigned Width, uint64_t Count, std::string &Error) {
  Allocation *A = Count <= UINT64_MAX / Width ? find(Address, Count * Width) : nullptr;
  if (!A)
    return Error = explain(Address, Count * Width), false;
  uint8_t *To = A->Bytes.get() + (Address - A->Base);
  for (uint64_t I = 0; I < Count; ++I)
    memcpy(To + I * Width, &Value, Width);
  memset(A->States.get() + (Address - A->Base), Defined, Count * Width);
  return true;
}

} // namespace tinyc::emulator
