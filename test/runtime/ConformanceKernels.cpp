// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the targets of the conformance suite from the code that the build has compiled.

#include "test/runtime/ConformanceKernels.h"

#include <cstdio>
#include <iterator>

namespace tinyc::test {

using namespace artefact;

std::vector<uint8_t> readBytes(const std::string &path) {
  std::vector<uint8_t> bytes;
  if (std::FILE *file = std::fopen(path.c_str(), "rb")) {
    uint8_t block[65536];
    while (size_t count = std::fread(block, 1, sizeof(block), file))
      bytes.insert(bytes.end(), block, block + count);
    std::fclose(file);
  }
  return bytes;
}

PluginCode &pluginCode() {
  static PluginCode code;
  return code;
}

Target conformanceTarget(const std::string &driver) {
  struct Form {
    const char *driver, *target;
    TargetKind kind;
    CodeKind code;
    const char *chip, *file;
  };
  const Form forms[] = {
      {"cpu", "cpu", TargetKind::Cpu, CodeKind::ElfSharedObject, "", TINYC_BUILD_DIR "/test/runtime/conformance.so"},
      {"cuda", "nvidia:sm_80", TargetKind::Cuda, CodeKind::Ptx, "sm_80", "test/runtime/kernels/conformance.ptx"},
      {"hip", "amd:gfx1100", TargetKind::Hip, CodeKind::Hsaco, "gfx1100",
       TINYC_BUILD_DIR "/test/runtime/conformance.hsaco"},
      {"null", "null", TargetKind::Null, CodeKind::ElfSharedObject, "", nullptr},
  };
  Target target;
  if (const PluginCode &plugin = pluginCode(); !plugin.target.empty() && driver == plugin.driver) {
    target.name = plugin.target;
    target.kind = TargetKind::Plugin;
    target.modules.emplace_back().forms.push_back({CodeKind::Plugin, "", readBytes(plugin.file)});
  }
  for (const Form &form : forms) {
    if (driver != form.driver)
      continue;
    target.name = form.target;
    target.kind = form.kind;
    Module &module = target.modules.emplace_back();
    if (form.file)
      module.forms.push_back({form.code, form.chip, readBytes(form.file)});
  }
  auto add = [&](const char *symbol, std::vector<Access> arguments, uint32_t symbols, uint32_t units) {
    Kernel &k = target.kernels.emplace_back();
    k.symbol = symbol;
    k.name = std::string(symbol) + "_" + std::to_string(target.kernels.size() - 1);
    k.ops = {"node/" + k.name};
    k.arguments = std::move(arguments);
    k.symbolCount = symbols;
    k.units = units;
    k.scratchBytes = 256;
    k.grid = {units, 1, 1};
    k.block = {units == 1 ? 1u : 64u, 1, 1};
    k.flops = units * 64;
    k.bytes = units * 64 * sizeof(float) * k.arguments.size();
  };
  add("add", {Access::Read, Access::Read, Access::Write}, 0, 16);
  add("scale", {Access::Read, Access::Write}, 2, 16);
  add("accumulate", {Access::Read, Access::ReadWrite}, 0, 16);
  add("reached", {Access::Read, Access::Write}, 1, 1);
  add("fail", {}, 1, 1);
  return target;
}

Command launch(uint32_t kernel, std::vector<Argument> arguments, std::vector<int64_t> symbols) {
  Command c;
  c.kernel = kernel;
  c.arguments = std::move(arguments);
  c.symbols = std::move(symbols);
  return c;
}

Command copy(Argument to, Argument from, uint64_t size) {
  Command c;
  c.kind = CommandKind::Copy;
  c.arguments = {to, from};
  c.size = size;
  return c;
}

Command fill(Argument to, uint8_t pattern, uint64_t size) {
  Command c;
  c.kind = CommandKind::Fill;
  c.arguments = {to};
  c.pattern = pattern;
  c.size = size;
  return c;
}

Command loop(uint64_t bound, std::vector<Command> body) {
  Command c;
  c.kind = CommandKind::Loop;
  c.bound = bound;
  c.body = std::move(body);
  return c;
}

Buffer arena(uint64_t offset, uint64_t size) { return {BufferKind::Arena, 0, offset, size}; }
Buffer buffer(BufferKind kind, uint32_t index, uint64_t size) { return {kind, index, 0, size}; }
Tensor vector(std::string name) { return {std::move(name), DType::F32, {vectorSize}}; }

} // namespace tinyc::test
