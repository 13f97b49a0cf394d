// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules: PTX text in, decoded kernels and placed variables out. The whole module is decoded when it is loaded, so
// that an instruction the emulator does not know is refused before anything runs.
#include "test/emulators/cuda/Decoder.h"
#include "test/emulators/cuda/Driver.h"

using namespace tinyc::emulator;

namespace {

/// Options of cuModuleLoadDataEx that carry the logs.
struct Logs {
  char *Info = nullptr, *Error = nullptr;
  size_t InfoBytes = 0, ErrorBytes = 0;
  void **InfoUsed = nullptr, **ErrorUsed = nullptr;

  Logs(unsigned Count, const int *Options, void **Values) {
    for (unsigned K = 0; K < Count; ++K) {
      switch (Options[K]) {
      case 3: // CU_JIT_INFO_LOG_BUFFER
        Info = static_cast<char *>(Values[K]);
        break;
      case 4:
        InfoBytes = unsigned(reinterpret_cast<uintptr_t>(Values[K]));
        InfoUsed = &Values[K];
        break;
      case 5: // CU_JIT_ERROR_LOG_BUFFER
        Error = static_cast<char *>(Values[K]);
        break;
      case 6:
        ErrorBytes = unsigned(reinterpret_cast<uintptr_t>(Values[K]));
        ErrorUsed = &Values[K];
        break;
      }
    }
  }
  static void write(char *Buffer, size_t Bytes, void **Used, const std::string &Text) {
    if (Buffer && Bytes)
      std::snprintf(Buffer, Bytes, "%s", Text.c_str());
    if (Used)
      *Used = reinterpret_cast<void *>(Buffer && Bytes ? std::min(Text.size() + 1, Bytes) : 0);
  }
  CUresult fail(CUresult Code, const std::string &Text) {
    write(Error, ErrorBytes, ErrorUsed, Text);
    write(Info, InfoBytes, InfoUsed, "");
    complain("module refused: " + Text);
    return Code;
  }
  /// An image for other machines: nothing is wrong with it, and the caller has other forms of the code.
  CUresult pass(CUresult Code, const std::string &Text) {
    write(Error, ErrorBytes, ErrorUsed, Text);
    write(Info, InfoBytes, InfoUsed, "");
    return Code;
  }
  void succeed() {
    write(Error, ErrorBytes, ErrorUsed, "");
    write(Info, InfoBytes, InfoUsed, "");
  }
};

/// Whether PTX for Target ("sm_80", "sm_90a") runs on the chip.
bool runsOn(const std::string &Target, const ptx::Chip &C) {
  if (Target.rfind("sm_", 0) != 0 && Target.rfind("compute_", 0) != 0)
    return false;
  std::string Number = Target.substr(Target.find('_') + 1);
  if (!Number.empty() && (Number.back() == 'a' || Number.back() == 'f'))
    return C.Name == "sm_" + Number;
  return std::strtoul(Number.c_str(), nullptr, 10) <= C.Major * 10 + C.Minor;
}

void placeVariables(Driver &D, CUmod_st &M) {
  for (const ptx::Variable &V : M.Tree.Variables) {
    if (V.Space != ptx::Space::Global && V.Space != ptx::Space::Const)
      continue;
    if (V.External)
      throw ptx::PtxError{V.Line, "variable " + V.Name + " is declared .extern; linking is not supported"};
    if (!V.bytes())
      continue;
    Allocation *A = D.Memory->allocate(V.bytes(), "variable " + V.Name, std::max(256u, V.Alignment));
    if (!A)
      throw ptx::PtxError{V.Line, "no memory for variable " + V.Name};
    // Variables without a value hold zeros.
    std::memset(A->Bytes.get(), 0, A->Size);
    std::memset(A->States.get(), Defined, A->Size);
    M.Globals[V.Name] = A->Base;
    M.GlobalBytes[V.Name] = V.bytes();
  }
  for (const ptx::Variable &V : M.Tree.Variables) {
    auto It = M.Globals.find(V.Name);
    if (It == M.Globals.end())
      continue;
    Allocation *A = D.Memory->find(It->second);
    for (const ptx::Variable::Initial &I : V.Initials) {
      uint64_t Bits = I.Bits;
      if (!I.Symbol.empty()) {
        auto Symbol = M.Globals.find(I.Symbol);
        if (Symbol == M.Globals.end())
          throw ptx::PtxError{V.Line, "initial value of " + V.Name + " names " + I.Symbol + ", which has no address"};
        Bits += Symbol->second;
      }
      if (I.Offset + V.ElementBytes > A->Size)
        throw ptx::PtxError{V.Line, "more initial values than elements in " + V.Name};
      std::memcpy(A->Bytes.get() + I.Offset, &Bits, std::min(V.ElementBytes, 8u));
    }
    A->ReadOnly = V.Space == ptx::Space::Const;
  }
}

} // namespace

TINYC_CUDA_API CUresult cuModuleLoadDataEx(CUmodule *Out, const void *Image, unsigned Count, int *Options,
                                           void **Values) {
  TINYC_ENTER();
  if (!Out || !Image || (Count && (!Options || !Values)))
    return InvalidValue;
  Logs L(Count, Options, Values);
  static constexpr unsigned char Elf[] = {0x7f, 'E', 'L', 'F'};
  static constexpr unsigned char Fat[] = {0x50, 0xed, 0x55, 0xba};
  if (!std::memcmp(Image, Elf, 4) || !std::memcmp(Image, Fat, 4))
    return L.pass(NoBinaryForGpu, "expected PTX text, found a cubin or fat binary: the emulator executes PTX only");
  auto M = std::make_unique<CUmod_st>();
  try {
    M->Tree = ptx::parse(static_cast<const char *>(Image));
    if (M->Tree.VersionMajor > 9 || (M->Tree.VersionMajor == 9 && M->Tree.VersionMinor > 0))
      return L.fail(UnsupportedPtxVersion, "expected PTX version 9.0 or older, found " +
                                               std::to_string(M->Tree.VersionMajor) + "." +
                                               std::to_string(M->Tree.VersionMinor));
    if (!runsOn(M->Tree.Target, *D.Chip))
      return L.fail(NoBinaryForGpu,
                    "expected PTX for " + std::string(D.Chip->Name) + " or an earlier chip, found " + M->Tree.Target);
    placeVariables(D, *M);
    ptx::Decoder Decode(M->Tree, M->Globals, Controls::fromEnvironment().Drop);
    for (const ptx::Function &F : M->Tree.Functions) {
      if (!F.Kernel || !F.Defined)
        continue;
      auto Function = std::make_unique<CUfunc_st>();
      Function->Program = Decode.decode(F);
      Function->Module = M.get();
      if (Function->Program->StaticShared > D.Chip->SharedPerBlock)
        throw ptx::PtxError{F.Line,
                            "kernel " + F.Name + " declares " + std::to_string(Function->Program->StaticShared) +
                                " bytes of shared memory; expected at most " + std::to_string(D.Chip->SharedPerBlock)};
      Function->MaxDynamicShared = D.Chip->SharedPerBlock - Function->Program->StaticShared;
      D.Functions.insert(Function.get());
      M->Functions[F.Name] = std::move(Function);
    }
  } catch (const ptx::PtxError &E) {
    for (auto &[Name, F] : M->Functions)
      D.Functions.erase(F.get());
    for (auto &[Name, Address] : M->Globals)
      D.Memory->release(Address);
    return L.fail(InvalidPtx, "PTX line " + std::to_string(E.Line) + ": " + E.Message);
  }
  L.succeed();
  *Out = M.get();
  D.Modules[*Out] = std::move(M);
  return Success;
}
TINYC_CUDA_API CUresult cuModuleLoadData(CUmodule *Out, const void *Image) {
  return cuModuleLoadDataEx(Out, Image, 0, nullptr, nullptr);
}
TINYC_CUDA_API CUresult cuModuleUnload(CUmodule M) {
  TINYC_ENTER_UNCHECKED();
  auto It = D.Modules.find(M);
  if (It == D.Modules.end())
    return InvalidHandle;
  for (auto &[Name, F] : M->Functions)
    D.Functions.erase(F.get());
  for (auto &[Name, Address] : M->Globals)
    D.Memory->release(Address);
  D.Modules.erase(It);
  return Success;
}
TINYC_CUDA_API CUresult cuModuleGetFunction(CUfunction *Out, CUmodule M, const char *Name) {
  TINYC_ENTER();
  if (!Out || !Name)
    return InvalidValue;
  if (!D.Modules.count(M))
    return InvalidHandle;
  auto It = M->Functions.find(Name);
  if (It == M->Functions.end())
    return NotFound;
  *Out = It->second.get();
  return Success;
}
TINYC_CUDA_API CUresult cuModuleGetGlobal_v2(CUdeviceptr *Address, size_t *Bytes, CUmodule M, const char *Name) {
  TINYC_ENTER();
  if (!Name)
    return InvalidValue;
  if (!D.Modules.count(M))
    return InvalidHandle;
  auto It = M->Globals.find(Name);
  if (It == M->Globals.end())
    return NotFound;
  if (Address)
    *Address = It->second;
  if (Bytes)
    *Bytes = M->GlobalBytes[Name];
  return Success;
}
