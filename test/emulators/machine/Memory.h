// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The device's memory as the emulated drivers see it: allocations with their exact size, far apart, so that no address
// past an allocation's last byte belongs to another. Each byte knows whether anything was ever written to it.
//
//   DeviceMemory Memory(/*Capacity=*/1ull << 34);
//   Allocation *A = Memory.allocate(400, "cuMemAlloc");
//   Memory.find(A->Base + 400, 4);   // null
//   Memory.explain(A->Base + 400, 4) // "... starts at the end of the 400-byte allocation ..."
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tinyc::emulator {

/// Values of the state byte that shadows each byte of memory.
enum ByteState : uint8_t {
  Defined = 0,  ///< written by someone
  Poisoned = 1, ///< never written
  InFlight = 2, ///< an asynchronous copy into it has started and was not waited for
  Unmapped = 4  ///< belongs to no variable
};

/// Who touched a unit of global memory last in this launch; see GlobalOrder.
struct AccessHistory {
  struct Reader {
    uint32_t Block = 0, Bits = 0;
  };
  uint32_t WriterBlock = 0, Writer = 0;
  Reader First, Other;    ///< reads since the write, by two different threads
  bool Published = false; ///< the writer's fence, or its atomicity, made the write visible to other blocks
};

/// The histories of Bytes bytes. A unit is a word until a narrower access comes: then the whole page is kept in units
/// of that width, so that two threads that share a word are told apart.
struct HistoryPage {
  static constexpr uint64_t Bytes = 4096;
  std::unique_ptr<AccessHistory[]> Units; ///< made when a launch first touches the page
  unsigned Shift = 2;                     ///< a unit has 1 << Shift bytes
};

struct Allocation {
  uint64_t Base = 0, Size = 0;
  std::string Name;                  ///< who asked for it, for messages
  std::unique_ptr<uint8_t[]> Bytes;  ///< Size bytes
  std::unique_ptr<uint8_t[]> States; ///< Size state bytes
  std::vector<HistoryPage> Pages;    ///< made when a launch first touches the allocation
  bool ReadOnly = false;

  bool contains(uint64_t Address, uint64_t Count) const {
    return Address >= Base && Count <= Size && Address - Base <= Size - Count;
  }
  /// The page that holds the byte at Offset, in units of at most 1 << Shift bytes.
  HistoryPage &page(uint64_t Offset, unsigned Shift) {
    if (Pages.empty()) [[unlikely]]
      Pages.resize((Size + HistoryPage::Bytes - 1) / HistoryPage::Bytes);
    HistoryPage &Page = Pages[Offset / HistoryPage::Bytes];
    if (!Page.Units || Page.Shift > Shift) [[unlikely]]
      refine(Page, Shift);
    return Page;
  }

private:
  void refine(HistoryPage &Page, unsigned Shift);
};

class DeviceMemory {
public:
  explicit DeviceMemory(uint64_t Capacity) : Capacity(Capacity) {}

  /// Null when the capacity is used up or Size is 0. The base is a multiple of Alignment (and, on purpose, of no higher
  /// power of two: a real driver promises no more). All bytes are poisoned.
  Allocation *allocate(uint64_t Size, std::string Name, uint64_t Alignment = 256);
  /// False when Base is not the base of a live allocation.
  bool release(uint64_t Base);

  /// The allocation that holds all of [Address, Address + Count), or null.
  Allocation *find(uint64_t Address, uint64_t Count = 1);

  /// A sentence on why [Address, Address + Count) is not inside one allocation.
  std::string explain(uint64_t Address, uint64_t Count) const;

  /// What the host does. False, with a sentence in Error, when a range leaves its allocation.
  bool write(uint64_t Address, const void *Source, uint64_t Count, std::string &Error);
  bool read(void *Destination, uint64_t Address, uint64_t Count, std::string &Error);
  bool copy(uint64_t Destination, uint64_t Source, uint64_t Count, std::string &Error);
  /// Fills Count elements of Width bytes (1, 2 or 4).
  bool fill(uint64_t Address, uint32_t Value, unsigned Width, uint64_t Count, std::string &Error);

  uint64_t used() const { return Used; }
  uint64_t capacity() const { return Capacity; }

private:
  uint64_t Capacity, Used = 0;
  uint64_t Next = 0x0000'7f00'0000'0000ull;
  std::map<uint64_t, std::unique_ptr<Allocation>> Live; ///< by base
  std::map<uint64_t, uint64_t> Released;                ///< base to size: for messages on use after free
};

} // namespace tinyc::emulator
