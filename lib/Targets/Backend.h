// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A back end turns tiled kernels into code for the chips of one kind. It adds the passes of the last two stages and
// emits what the artefact carries.
//
//   const Backend *backend = findBackend(chip);
//   backend->addLanePasses(pm, chip);    // stage "lanes": tiles -> per-lane code on registers
//   backend->addLowerPasses(pm, chip);   // stage "lower": -> LLVM dialect
//   FailureOr<TargetCode> code = backend->emit(module, chip, {});

#ifndef TINYC_LIB_TARGETS_BACKEND_H
#define TINYC_LIB_TARGETS_BACKEND_H

#include "dialects/Target/Chip.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include <cstdint>
#include <string>
#include <vector>

namespace tinyc {

class ContentCache;

/// Plugin: a form that only the driver of a plug-in reads.
enum class CodeForm { Elf, Ptx, Cubin, Hsaco, Assembly, Object, Plugin };

/// One form of the code of a module: what the driver loads, or text for people (Assembly).
struct CodeBlob {
  CodeForm form;
  std::vector<uint8_t> bytes;
};

/// What a launch needs to know of a kernel.
struct KernelFacts {
  std::string symbol;
  int64_t threads = 1;      ///< of a block; 1 on a CPU
  int64_t sharedBytes = 0;  ///< dynamic shared memory of a block
  int64_t scratchBytes = 0; ///< a CPU thread's
};

struct TargetCode {
  std::vector<CodeBlob> blobs;
  /// CPU features the code uses, by LLVM's names ("avx512f"); the runtime checks them before it loads the code.
  std::vector<std::string> features;
  std::vector<KernelFacts> kernels;
};

struct EmitOptions {
  /// Emit only this form, e.g. Assembly for --emit asm; by default all that the artefact carries.
  std::vector<CodeForm> forms = {};
  /// How many kernels are compiled at a time. The code is the same for any number.
  unsigned threads = 1;
  /// Where the code of kernels is looked up and kept; may be null.
  ContentCache *cache = nullptr;
  /// This build of the compiler and of LLVM: what the code follows from beside the kernel.
  std::string compilerIdentity = {};
};

class Backend {
public:
  virtual ~Backend() = default;

  /// Passes that give each kernel its schedule: by default tinyc's own, whose last step holds every schedule against
  /// the chip's row. A back end may choose before it: a kernel that has a schedule keeps it.
  virtual void addSchedulePasses(mlir::OpPassManager &pm, const Chip &chip) const;

  /// Passes from the tile level (functions on memrefs with tiny ops on vectors) to code of one lane.
  virtual void addLanePasses(mlir::OpPassManager &pm, const Chip &chip) const = 0;

  /// Passes from there to the LLVM dialect. Kernels keep their symbols and carry the attributes tiny.threads,
  /// tiny.shared and tiny.scratch (i64).
  virtual void addLowerPasses(mlir::OpPassManager &pm, const Chip &chip) const = 0;

  /// Code of all kernels of `module`, which the passes above have lowered. Reports failures at the module's location.
  virtual mlir::FailureOr<TargetCode> emit(mlir::ModuleOp module, const Chip &chip, const EmitOptions &) const = 0;

  /// Programs of others that `emit` runs, with what tells one version from another; for keys of caches.
  virtual std::string externalTools() const { return {}; }
};

/// The back end of `chip`, null if there is none. Lives as long as the process.
const Backend *findBackend(const Chip &chip);

/// Makes `backend` the one of the chips of `family` whose kind is Other. False if they have one. Not safe beside other
/// calls.
bool registerBackend(llvm::StringRef family, std::unique_ptr<Backend> backend);

/// Registers what translation of the dialects in lowered modules to LLVM IR needs.
void registerBackendTranslations(mlir::DialectRegistry &registry);

/// Each is defined in the file of its name.
const Backend &cpuBackend();
const Backend &nvidiaBackend();
const Backend &amdBackend();

} // namespace tinyc

#endif // TINYC_LIB_TARGETS_BACKEND_H
