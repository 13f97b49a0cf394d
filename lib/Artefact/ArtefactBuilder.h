// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds a .tinyc file from plain structures. Nothing here knows MLIR: the emission stage fills these structures, and
// tests fill them by hand.
//
//   tinyc::artefact::Artefact a;
//   uint32_t w = a.addWeight({"fc.weight", DType::F32, {10, 784}}, bytes);
//   a.entryPoints.push_back({"main", {{"x", DType::F32, {1, 784}}}, {{"y", DType::F32, {1, 10}}}});
//   Target &t = a.targets.emplace_back(); ...
//   std::vector<uint8_t> file; std::string error;
//   if (!tinyc::artefact::serialize(a, file, error)) ...

#ifndef TINYC_LIB_ARTEFACT_ARTEFACTBUILDER_H
#define TINYC_LIB_ARTEFACT_ARTEFACTBUILDER_H

#include "lib/Artefact/FileBytes.h"
#include "runtime/schema/ArtefactEnums.h"
#include "runtime/schema/Sha256.h"

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace tinyc::artefact {

struct Tensor {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> value = {}; // the only bytes that an input may hold; empty: any

  /// Bytes of the tensor, row-major and dense. The shape is taken to be sane (serialize checks it).
  uint64_t byteSize() const;
};

/// Canonical bytes of a parameter; not owned, they must outlive the call of serialize.
struct Weight {
  Tensor tensor;
  std::span<const uint8_t> bytes;
  /// Keep the bytes out of the file; at load they are looked up as HASH.bin.
  bool external = false;
};

struct State {
  Tensor tensor;
  int32_t initialWeight = -1; // zeros
};

struct EntryPoint {
  std::string name;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::vector<uint32_t> states; // updated in place
};

struct Code {
  CodeKind kind = CodeKind::ElfSharedObject;
  std::string chip; // sm_80, gfx1100; empty for the CPU and for PTX that any newer chip takes
  std::vector<uint8_t> bytes;
};

/// One translation unit in one or more forms (PTX and cubin).
struct Module {
  std::vector<Code> forms;
};

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

struct Kernel {
  std::string symbol;           // in the code; two kernels may share one
  std::string name;             // for people: conv_relu_3
  std::vector<std::string> ops; // nodes of the user's file
  uint32_t module = 0;
  std::vector<Access> arguments; // one a buffer, in order
  uint32_t symbolCount = 0;
  uint32_t units = 1;        // CPU: independent units of work
  uint64_t scratchBytes = 0; // CPU: a thread
  Dim3 grid, block;          // GPU
  uint32_t dynamicSharedBytes = 0;
  uint64_t flops = 0;
  uint64_t bytes = 0; // read and written
};

/// Written once by the entry point `init`. `key` is hash(source, transform).
struct Derived {
  std::string name;
  Sha256Digest key{};
  uint64_t size = 0;
};

/// Memory of a plan; `index` selects the input, output, weight, derived tensor or state, `offset` the place in the
/// arena (a multiple of 64).
struct Buffer {
  BufferKind kind = BufferKind::Arena;
  uint32_t index = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct Argument {
  uint32_t buffer = 0;
  uint64_t offset = 0;
  int64_t stride = 0; // bytes an iteration of the innermost loop
};

struct Dependency {
  uint32_t command = 0; // an earlier one of the same list
  DependencyKind kind = DependencyKind::ReadAfterWrite;
};

struct Command {
  CommandKind kind = CommandKind::Launch;
  std::vector<Dependency> dependencies;
  uint32_t kernel = 0;             // launch
  std::vector<Argument> arguments; // launch: as the kernel's; copy: destination, source; fill: destination
  std::vector<int64_t> symbols;    // launch
  int32_t loopIndexSymbol = -1;    // launch: replaced by the iteration of the innermost loop
  uint64_t size = 0;               // copy, fill: bytes
  uint8_t pattern = 0;             // fill
  std::vector<Command> body;       // loop
  uint64_t bound = 0;              // loop
  std::vector<Argument> tripCount; // loop: none, or where an i64 stands
  std::vector<Argument> exitFlag;  // loop: none, or where a byte stands that ends it after an iteration
  bool exitOnZero = false;         // loop: the exit flag ends it where it is 0
  std::vector<Argument> entryFlag; // loop: none, or where a byte stands that lets it begin
  bool enterOnZero = false;        // loop: the entry flag lets it begin where it is 0
};

struct Plan {
  uint32_t entryPoint = 0;
  uint64_t arenaSize = 0;
  std::vector<Buffer> buffers;
  std::vector<Command> commands;
};

struct Target {
  std::string name; // cpu:x86-64-v4, nvidia:sm_80, amd:gfx1100
  TargetKind kind = TargetKind::Cpu;
  std::vector<std::string> features; // avx512f, amx-bf16: LLVM's names
  std::vector<Module> modules;
  std::vector<Kernel> kernels;
  std::vector<Derived> derived;
  std::vector<Plan> plans;
};

struct Artefact {
  std::string producer;
  std::vector<Weight> weights;
  std::vector<State> states;
  std::vector<EntryPoint> entryPoints; // the one called `init`, if any, runs once at load
  std::vector<Target> targets;

  /// Adds a weight and returns its index. Equal bytes are stored once in the file, whatever their names.
  uint32_t addWeight(Tensor tensor, std::span<const uint8_t> bytes, bool external = false);
  /// The index of the entry point `init`, which is added if there is none.
  uint32_t findOrAddInit();
};

/// Fills in the dependencies of `commands` from what each reads and writes: read after write, write after read and
/// write after write on overlapping bytes, arena reuse included; only those that others do not imply. Loops are
/// entered too. Replaces dependencies that stand there.
void addDependencies(const Target &target, const Plan &plan, std::vector<Command> &commands);

/// Lays out and hashes the file. False, with one sentence in `error`, if the structures contradict each other in what
/// the writer checks (sizes of weights, indices); the runtime's loader checks everything again.
bool serialize(const Artefact &artefact, std::vector<uint8_t> &file, std::string &error);

/// The same; a file of more than a few megabytes goes to a file without a name in `folder` (where that can be made),
/// and is mapped: the bytes of weights are copied from where they are to the file, and take no memory.
bool serialize(const Artefact &artefact, const std::string &folder, FileBytes &file, std::string &error);

} // namespace tinyc::artefact

#endif // TINYC_LIB_ARTEFACT_ARTEFACTBUILDER_H
