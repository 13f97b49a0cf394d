// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The counters of outstanding memory accesses (VMcnt, VScnt, LGKMcnt) and what waiting for them guarantees: vector
// loads return in order, LDS accesses do among themselves, scalar loads return in any order, so only a wait for zero
// says anything about those.

#include "Launch.h"

using namespace tinyc::emulator::amd;
using tinyc::emulator::Allocation;

void tinyc::emulator::amd::markPending(Wave &wave, Outstanding::Unit unit, unsigned first, unsigned registers,
                                       unsigned halves) {
  for (unsigned i = 0; i < registers; ++i) {
    if (!wave.pending[0][first + i] && !wave.pending[1][first + i])
      continue;
    // Two loads into one register are ordered only if they come back in order.
    for (const Counter *counter : {&wave.vm, &wave.lgkm})
      for (size_t at = counter->head; at < counter->queue.size(); ++at) {
        const Outstanding &other = counter->queue[at];
        bool overlaps = other.registers && first + i >= other.firstRegister &&
                        first + i < unsigned(other.firstRegister) + other.registers;
        if (overlaps && (other.unit != unit || unit == Outstanding::ScalarLoad || unit == Outstanding::Flat))
          fault(-1, "expected a s_waitcnt before a register is loaded again, found a load into it outstanding that may "
                    "return later");
      }
  }
  for (unsigned i = 0; i < registers; ++i)
    for (unsigned half = 0; half < 2; ++half)
      wave.pending[half][first + i] += halves >> half & 1;
  wave.pendingTotal += registers;
}

static void retire(Wave &wave, const Outstanding &entry) {
  for (unsigned i = 0; i < entry.registers; ++i)
    for (unsigned half = 0; half < 2; ++half)
      wave.pending[half][entry.firstRegister + i] -= entry.halves >> half & 1;
  wave.pendingTotal -= entry.registers;
}

static void popOldest(Wave &wave, Counter &counter) {
  retire(wave, counter.queue[counter.head++]);
  if (counter.head == counter.queue.size()) {
    counter.queue.clear();
    counter.head = 0;
  }
}

Outstanding &tinyc::emulator::amd::issue(Wave &wave, Counter &counter, Outstanding::Unit unit) {
  // The counters have 6 bits: the chip stalls until the oldest is done.
  if (counter.size() >= 63 && unit != Outstanding::ScalarLoad)
    popOldest(wave, counter);
  counter.queue.emplace_back();
  Outstanding &entry = counter.queue.back();
  entry.unit = unit;
  return entry;
}

void tinyc::emulator::amd::waitVectorLoads(Wave &wave, unsigned left) {
  while (wave.vm.size() > left)
    popOldest(wave, wave.vm);
}

void tinyc::emulator::amd::waitVectorStores(Wave &wave, unsigned left) {
  while (wave.vs.size() > left)
    popOldest(wave, wave.vs);
  // On this chip a store that has been waited for is in the cache all compute units share.
  if (left == 0)
    wave.launch->order->fence(wave.group->clocks, wave.id);
}

void tinyc::emulator::amd::waitLgkm(Wave &wave, unsigned left) {
  Counter &counter = wave.lgkm;
  if (left == 0) {
    while (counter.size())
      popOldest(wave, counter);
    return;
  }
  size_t unordered = 0;
  for (size_t at = counter.head; at < counter.queue.size(); ++at)
    unordered += counter.queue[at].unit != Outstanding::Lds;
  // The accesses that may finish in any order are taken to be the ones that have finished.
  if (counter.size() <= left + unordered)
    return;
  size_t finished = counter.size() - left - unordered;
  for (size_t at = counter.head; at < counter.queue.size() && finished;)
    if (counter.queue[at].unit == Outstanding::Lds) {
      retire(wave, counter.queue[at]);
      counter.queue.erase(counter.queue.begin() + at);
      --finished;
    } else {
      ++at;
    }
}

void tinyc::emulator::amd::reissueAfterBarrier(Wave &wave) {
  for (Counter *counter : {&wave.vm, &wave.vs, &wave.lgkm})
    for (size_t at = counter->head; at < counter->queue.size(); ++at) {
      const Outstanding &entry = counter->queue[at];
      if (entry.unit == Outstanding::ScalarLoad)
        continue;
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        if (!(entry.lanes >> lane & 1))
          continue;
        uint64_t address = entry.address[lane];
        if (entry.unit == Outstanding::Lds) {
          for (const uint32_t *second = entry.second.get();; second = nullptr) {
            uint32_t offset = second ? second[lane] : uint32_t(address);
            if (entry.write)
              ldsWrite(wave, offset, entry.bytes, lane, nullptr, entry.atomic);
            else
              ldsRead(wave, offset, entry.bytes, lane, false);
            if (!second)
              break;
          }
        } else if (Allocation *allocation = wave.launch->memory->find(address, entry.bytes)) {
          if (entry.write)
            globalWrite(wave, *allocation, address, entry.bytes, lane, nullptr, false);
          else
            globalRead(wave, *allocation, address, entry.bytes, lane, false);
        }
      }
    }
}
