// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads code objects and builds what a launch hands to a kernel: the argument segment with its hidden arguments and the
// dispatch packet.

#include "Driver.h"
#include <cstdio>
#include <cstring>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

Driver::Driver() : controls(Controls::fromEnvironment()), memory(uint64_t(24) << 30) {
  std::string name = controls.Chip.empty() ? "gfx1100" : controls.Chip;
  chip = findChip(name);
  if (!chip)
    complain(0, "TINYC_EMULATED_CHIP: expected one of " + chipNames() + ", found '" + name + "'");
}

Driver &Driver::instance() {
  static Driver *driver = new Driver; // never destroyed: clients may call until the process ends
  return *driver;
}

int Driver::complain(int error, const std::string &message) {
  std::fprintf(stderr, "libamdhip64 (emulated): %s\n", message.c_str());
  return error;
}

int Driver::load(const void *data, size_t size, Module *&out) {
  controls = Controls::fromEnvironment(); // what to drop may differ from module to module
  auto module = std::make_unique<Module>();
  std::string error;
  if (!readCodeObject(data, size, module->object, error))
    return complain(hipErrorInvalidImage, "code object refused: " + error);
  if (module->object.chip != chip->name)
    return complain(hipErrorNoBinaryForGpu, "code object refused: expected one for " + std::string(chip->name) +
                                                ", found " + module->object.chip);
  if (!decodeProgram(module->object, chip->name, uint32_t(controls.Drop), module->program, error))
    return complain(hipErrorInvalidImage, error);
  std::vector<uint8_t> &image = module->object.image;
  module->image = memory.allocate(image.size(), "the code object", 4096);
  if (!module->image)
    return hipErrorOutOfMemory;
  for (const Relocation &relocation : module->object.relocations) {
    uint64_t value = module->image->Base + relocation.value;
    std::memcpy(image.data() + relocation.offset, &value, sizeof value);
  }
  memory.write(module->image->Base, image.data(), image.size(), error);
  for (const KernelInfo &kernel : module->object.kernels) {
    auto function = std::make_unique<Function>();
    function->module = module.get();
    function->kernel = &kernel;
    module->functions.emplace(kernel.name, std::move(function));
  }
  out = module.release();
  modules.insert(out);
  return hipSuccess;
}

void Driver::unload(Module *module) {
  modules.erase(module);
  memory.release(module->image->Base);
  delete module;
}

bool Driver::fillArguments(Function &function, const LaunchSize &size, void **parameters, void **extra,
                           std::vector<uint8_t> &segment, std::string &error) {
  const KernelInfo &kernel = *function.kernel;
  segment.assign(kernel.kernargBytes, 0);
  size_t explicitEnd = 0, index = 0;
  for (const KernelArgument &argument : kernel.arguments) {
    if (size_t(argument.offset) + argument.size > segment.size()) {
      error = "an argument lies outside the argument segment";
      return false;
    }
    if (argument.hidden())
      continue;
    explicitEnd = std::max<size_t>(explicitEnd, argument.offset + argument.size);
    if (argument.kind == "dynamic_shared_pointer") {
      error = "arguments that are pointers to dynamic LDS are not implemented";
      return false;
    }
    if (parameters)
      std::memcpy(segment.data() + argument.offset, parameters[index], argument.size);
    ++index;
  }
  if (!parameters && extra) { // HIP_LAUNCH_PARAM_BUFFER_POINTER 1, _BUFFER_SIZE 2, _END 3
    const void *buffer = nullptr;
    size_t bytes = 0;
    for (unsigned i = 0; reinterpret_cast<uintptr_t>(extra[i]) != 3; i += 2)
      if (reinterpret_cast<uintptr_t>(extra[i]) == 1)
        buffer = extra[i + 1];
      else if (reinterpret_cast<uintptr_t>(extra[i]) == 2)
        bytes = *static_cast<const size_t *>(extra[i + 1]);
      else {
        error = "entry " + std::to_string(i) + " of 'extra' is not a HIP_LAUNCH_PARAM value";
        return false;
      }
    if (!buffer || bytes < explicitEnd) {
      error = "expected " + std::to_string(explicitEnd) + " bytes of arguments, found " + std::to_string(bytes);
      return false;
    }
    std::memcpy(segment.data(), buffer, std::min(bytes, segment.size()));
  } else if (!parameters && explicitEnd) {
    error = "expected arguments, found neither kernelParams nor extra";
    return false;
  }
  for (const KernelArgument &argument : kernel.arguments) {
    if (!argument.hidden())
      continue;
    uint64_t value = 0;
    const std::string &kind = argument.kind;
    unsigned axis = kind.empty() ? 0 : unsigned(kind.back() - 'x');
    if (kind.rfind("hidden_block_count_", 0) == 0)
      value = size.grid[axis];
    else if (kind.rfind("hidden_group_size_", 0) == 0)
      value = size.group[axis];
    else if (kind == "hidden_grid_dims")
      value = size.grid[2] * size.group[2] > 1 ? 3 : size.grid[1] * size.group[1] > 1 ? 2 : 1;
    else if (kind == "hidden_private_base")
      value = kPrivateAperture;
    else if (kind == "hidden_shared_base")
      value = kSharedAperture;
    else if (kind == "hidden_dynamic_lds_size")
      value = size.dynamicLds;
    // Remainders and global offsets are 0: grids are made of whole groups. The services behind the other hidden
    // pointers (printf, hostcall, heap) do not exist here: they are null.
    std::memcpy(segment.data() + argument.offset, &value, std::min<size_t>(argument.size, sizeof value));
  }
  return true;
}

/// hsa_kernel_dispatch_packet_t, as far as device code reads it.
static std::vector<uint8_t> dispatchPacket(const LaunchSize &size, const KernelInfo &kernel, uint64_t kernarg) {
  std::vector<uint8_t> packet(64, 0);
  auto put = [&](size_t offset, auto value) { std::memcpy(packet.data() + offset, &value, sizeof value); };
  put(2, uint16_t(3));
  for (unsigned axis = 0; axis < 3; ++axis) {
    put(4 + 2 * axis, uint16_t(size.group[axis]));
    put(12 + 4 * axis, uint32_t(size.grid[axis] * size.group[axis]));
  }
  put(24, uint32_t(kernel.privateBytes));
  put(28, uint32_t(kernel.ldsBytes + size.dynamicLds));
  put(40, kernarg);
  return packet;
}

int Driver::launch(Function &function, const LaunchSize &size, void **parameters, void **extra) {
  const KernelInfo &kernel = *function.kernel;
  std::string where = "kernel '" + kernel.name + "': ";
  uint64_t threads = uint64_t(size.group[0]) * size.group[1] * size.group[2];
  for (unsigned axis = 0; axis < 3; ++axis)
    if (!size.grid[axis] || !size.group[axis])
      return complain(hipErrorInvalidValue, where + "a dimension of the grid or the work-group is 0");
  if (threads > kernel.maxThreads || threads > chip->maxThreads)
    return complain(hipErrorInvalidValue, where + "expected at most " +
                                              std::to_string(std::min(kernel.maxThreads, chip->maxThreads)) +
                                              " threads in a work-group, found " + std::to_string(threads));
  if (kernel.ldsBytes + size.dynamicLds > chip->ldsBytes)
    return complain(hipErrorLaunchOutOfResources, where + "expected at most " + std::to_string(chip->ldsBytes) +
                                                      " bytes of LDS, found " +
                                                      std::to_string(kernel.ldsBytes + size.dynamicLds));
  if (chip->waveSize == 32 && !(kernel.properties >> 10 & 1))
    return complain(hipErrorNotSupported, where + "expected waves of 32 lanes, found a kernel compiled for 64");
  if (kernel.rsrc1 >> 12 & 15)
    return complain(hipErrorNotSupported, where + "expected rounding to nearest even, found another rounding mode");

  controls = Controls::fromEnvironment();
  Launch launch;
  launch.kernel = &kernel;
  launch.program = &function.module->program;
  launch.chip = chip;
  launch.memory = &memory;
  launch.order = &order;
  launch.size = size;
  launch.seed = controls.Seed;
  launch.imageBase = function.module->image->Base;
  std::vector<uint8_t> segment;
  std::string error;
  if (!fillArguments(function, size, parameters, extra, segment, error))
    return complain(hipErrorInvalidValue, where + error);
  Allocation *kernarg = memory.allocate(std::max<size_t>(segment.size(), 4), "the kernel's arguments", 64);
  Allocation *packet = memory.allocate(64, "the dispatch packet", 64);
  if (!kernarg || !packet)
    return hipErrorOutOfMemory;
  launch.kernargBase = kernarg->Base;
  launch.dispatchBase = packet->Base;
  if (!segment.empty())
    memory.write(kernarg->Base, segment.data(), segment.size(), error);
  memory.write(packet->Base, dispatchPacket(size, kernel, kernarg->Base).data(), 64, error);
  kernarg->ReadOnly = packet->ReadOnly = true;

  std::string message;
  LaunchStatus status = runLaunch(launch, message);
  kernarg->ReadOnly = packet->ReadOnly = false;
  memory.release(launch.kernargBase);
  memory.release(launch.dispatchBase);
  if (!controls.ReportFile.empty() && !launch.report.append(controls.ReportFile))
    complain(0, "cannot write TINYC_EMULATED_REPORT=" + controls.ReportFile);
  if (status == LaunchStatus::Done)
    return hipSuccess;
  launchError = status == LaunchStatus::IllegalAddress ? hipErrorIllegalAddress : hipErrorLaunchFailure;
  return complain(launchError, message);
}
