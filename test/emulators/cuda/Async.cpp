// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async: the destination is poisoned from the moment of issue until the issuing thread waits for the copy's group;
// other threads see the data after a barrier that follows the wait.
#include "test/emulators/cuda/Access.h"
#include "test/emulators/cuda/Lanes.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

namespace {

/// S: destination, source, bytes to read (the rest is zero), predicate that ignores the source.
void copyAsync(Warp &W, const Instruction &I) {
  uint64_t To[32], From[32];
  addresses(W, I, 0, To);
  Instruction Source;
  Source.S[0] = I.S[1];
  Source.Offset = I.SourceOffset;
  addresses(W, Source, 0, From);
  if (I.S[2])
    W.requireDefined(I.S[2], W.Active, "the source size");
  uint32_t Ignored = 0;
  if (I.S[3]) {
    W.requireDefined(I.S[3], W.Active, "the predicate");
    Ignored = W.predicate(I.S[3]);
  }
  const uint32_t Size = I.Width;
  Place Destination, P;
  uint32_t Reading = 0;
  for (unsigned L = 0; L < 32; ++L) {
    if (!(W.Active >> L & 1))
      continue;
    AsyncCopy C;
    C.Lane = uint8_t(L);
    C.Bytes = uint8_t(Size);
    C.Group = W.CopyGroups[L];
    C.Data.fill(0);
    C.States.fill(Defined);
    uint64_t Bytes = I.S[2] ? W.get(I.S[2], L) : Size;
    if (Bytes > Size)
      W.fault(Fault::LaunchFailed,
              "expected a source size of at most " + std::to_string(Size) + ", found " + std::to_string(Bytes), int(L));
    if (Ignored >> L & 1)
      Bytes = 0;
    if (From[L] % Size)
      W.fault(Fault::Misaligned, "expected a source address that is a multiple of " + std::to_string(Size), int(L));
    if (Bytes) {
      // Bounds are those of the bytes that are read; alignment was that of the whole copy.
      for (uint64_t Done = 0; Done < Bytes;) {
        uint32_t Part = Bytes - Done == 16  ? 16
                        : Bytes - Done >= 8 ? 8
                        : Bytes - Done >= 4 ? 4
                        : Bytes - Done >= 2 ? 2
                                            : 1;
        locate(W, Space::Global, From[L] + Done, Part, L, P);
        noteRead(W, P, Part, L, false);
        std::memcpy(C.Data.data() + Done, P.Bytes, Part);
        std::memcpy(C.States.data() + Done, P.States, Part);
        Done += Part;
      }
      Reading |= 1u << L;
    }
    locate(W, Space::Shared, To[L], Size, L, Destination);
    noteWrite(W, Destination, Size, L, nullptr, false);
    std::memset(Destination.Bytes, 0xff, Size);
    std::memset(Destination.States, Poisoned | InFlight, Size);
    C.Destination = uint32_t(To[L]);
    W.Copies.push_back(C);
  }
  countRequest(W, Space::Shared, To, Size, true);
  if (Reading) {
    uint32_t Active = W.Active;
    W.Active = Reading;
    countRequest(W, Space::Global, From, Size, false);
    W.Active = Active;
  }
}

void commitGroup(Warp &W, const Instruction &I) {
  for (unsigned L = 0; L < 32; ++L)
    W.CopyGroups[L] += W.Active >> L & 1;
}

/// Lands all copies of the active lanes whose group is older than the last Offset committed ones; all of them if
/// Offset is negative.
void waitGroup(Warp &W, const Instruction &I) {
  SharedMemory &M = W.Block->Shared;
  auto Lands = [&](const AsyncCopy &C) {
    if (!(W.Active >> C.Lane & 1))
      return false;
    if (I.Offset >= 0 && int64_t(C.Group) >= int64_t(W.CopyGroups[C.Lane]) - I.Offset)
      return false;
    std::memcpy(M.bytes() + C.Destination, C.Data.data(), C.Bytes);
    std::memcpy(M.states() + C.Destination, C.States.data(), C.Bytes);
    M.land(W.Block->Time, C.Destination, C.Bytes, W.Index, C.Lane);
    return true;
  };
  W.Copies.erase(std::remove_if(W.Copies.begin(), W.Copies.end(), Lands), W.Copies.end());
}

void bindCopy(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("cp_async");
  if (!M.take("async"))
    D.fail("unknown instruction: expected cp.async");
  if (M.take("commit_group")) {
    D.need(S, 0);
    I.Execute = commitGroup;
    return;
  }
  if (M.take("wait_all")) {
    D.need(S, 0);
    I.Offset = -1;
    // Uncommitted copies too.
    I.Execute = waitGroup;
    return;
  }
  if (M.take("wait_group")) {
    D.need(S, 1);
    if (S.Arguments[0].Kind != Argument::Integer)
      D.fail("expected a constant number of groups");
    I.Offset = int64_t(S.Arguments[0].Value);
    I.Execute = waitGroup;
    return;
  }
  int Cache = M.oneOf({"ca", "cg"});
  bool Shared = M.take("shared") || M.take("shared::cta");
  if (Cache < 0 || !Shared || !M.take("global"))
    M.unknown(M.next().empty() ? "async" : M.next());
  M.oneOf({"L2::64B", "L2::128B", "L2::256B"});
  D.need(S, 3, 4);
  I.Space = Space::Shared;
  Instruction Source;
  Source.Space = Space::Global;
  D.address(S.Arguments[1], Source);
  D.address(S.Arguments[0], I);
  I.S[1] = Source.S[0];
  I.SourceOffset = Source.Offset;
  uint64_t Size = S.Arguments[2].Value;
  if (S.Arguments[2].Kind != Argument::Integer || (Size != 16 && (Cache == 1 || (Size != 4 && Size != 8))))
    D.fail(Cache == 1 ? "expected a size of 16 bytes" : "expected a size of 4, 8 or 16 bytes");
  I.Width = uint8_t(Size);
  if (S.Arguments.size() == 4) {
    const Argument &A = S.Arguments[3];
    if (A.Kind == Argument::Name && A.Text[0] == '%' && D.isPredicate(A))
      I.S[3] = D.predicate(A);
    else
      I.S[2] = D.source(A, Type::U32);
  }
  I.Execute = copyAsync;
}

} // namespace

std::vector<BinderRow> asyncBinders() { return {{"cp", bindCopy}}; }

} // namespace tinyc::emulator::ptx
