// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the work-groups of a launch, one after the other in an order that the seed decides, and within a group the waves
// in turns whose order and length the seed decides too.

#include "Launch.h"
#include "llvm/Support/AMDHSAKernelDescriptor.h"
#include <cstring>
#include <numeric>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

const char *tinyc::emulator::amd::className(Class c) {
  static const char *const names[] = {"scalar", "vector",  "transcendental", "matrix", "scalar_memory", "lds",
                                      "global", "scratch", "branch",         "sync",   "other"};
  return names[unsigned(c)];
}

static uint32_t bitField(uint32_t word, unsigned shift, unsigned width) { return word >> shift & ((1u << width) - 1); }

/// Registers as the hardware sets them up: see "Initial Kernel Execution State" in LLVM's guide.
static void initialise(Wave &wave, Launch &launch, Group &group, unsigned id) {
  namespace hsa = llvm::amdhsa;
  const KernelInfo &kernel = *launch.kernel;
  std::vector<uint32_t> storage = std::move(wave.vectorStorage), shadows = std::move(wave.shadowStorage);
  wave = Wave();
  wave.vectorStorage = std::move(storage);
  wave.shadowStorage = std::move(shadows);
  wave.launch = &launch;
  wave.group = &group;
  wave.program = launch.program;
  wave.id = id;
  wave.pc = launch.program->indexOf(kernel.entry);
  wave.vectorCount = std::min(256u, (bitField(kernel.rsrc1, 0, 6) + 1) * 8); // granules of 8 in waves of 32
  wave.vectorStorage.assign(wave.vectorCount * kLanes, 0xfffbad00);
  wave.shadowStorage.assign(wave.vectorCount * kLanes, ~0u);
  std::fill(std::begin(wave.poison), std::end(wave.poison), ~0u);
  std::fill(std::begin(wave.s), std::end(wave.s), 0xfffbad01);
  std::fill(std::begin(wave.scalarShadow), std::end(wave.scalarShadow), ~0u);
  writeScalar(wave, NullRegister, 1, 0, 0);
  wave.s[NullRegister] = wave.scalarShadow[NullRegister] = 0;
  wave.mode = bitField(kernel.rsrc1, 12, 8);

  unsigned next = 0;
  auto pair = [&](unsigned property, uint64_t value) {
    if (!(kernel.properties & property))
      return;
    writeScalar(wave, next, 2, value, 0);
    next += 2;
  };
  if (kernel.properties & hsa::KERNEL_CODE_PROPERTY_ENABLE_SGPR_PRIVATE_SEGMENT_BUFFER)
    next += 4;
  pair(hsa::KERNEL_CODE_PROPERTY_ENABLE_SGPR_DISPATCH_PTR, launch.dispatchBase);
  pair(hsa::KERNEL_CODE_PROPERTY_ENABLE_SGPR_QUEUE_PTR, 0);
  pair(hsa::KERNEL_CODE_PROPERTY_ENABLE_SGPR_KERNARG_SEGMENT_PTR, launch.kernargBase);
  pair(hsa::KERNEL_CODE_PROPERTY_ENABLE_SGPR_DISPATCH_ID, 0);
  pair(hsa::KERNEL_CODE_PROPERTY_ENABLE_SGPR_FLAT_SCRATCH_INIT, 0);
  if (kernel.properties & hsa::KERNEL_CODE_PROPERTY_ENABLE_SGPR_PRIVATE_SEGMENT_SIZE)
    writeScalar(wave, next++, 1, kernel.privateBytes, 0);
  next = bitField(kernel.rsrc2, 1, 5); // user SGPRs; the system's follow
  for (unsigned axis = 0; axis < 3; ++axis)
    if (kernel.rsrc2 >> (7 + axis) & 1)
      writeScalar(wave, next++, 1, group.id[axis], 0);

  const uint32_t *size = launch.size.group;
  uint32_t threads = size[0] * size[1] * size[2], exec = 0;
  alignas(64) uint32_t packed[kLanes] = {};
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    uint32_t thread = id * kLanes + lane;
    if (thread >= threads)
      continue;
    exec |= 1u << lane;
    packed[lane] = thread % size[0] | (thread / size[0] % size[1]) << 10 | (thread / size[0] / size[1]) << 20;
  }
  writeVector(wave, 0, packed, ~0u);
  writeScalar(wave, EXEC, 1, exec, 0);
  wave.scratchBytes = kernel.privateBytes + (kernel.dynamicStack ? 16384 : 0);
  wave.scratch.assign(size_t(wave.scratchBytes) * kLanes, 0xff);
  wave.scratchDefined.assign(wave.scratch.size(), Poisoned);
}

static void runWave(Wave &wave, uint64_t budget) {
  const Instruction *instructions = wave.program->instructions.data();
  uint64_t *counts = wave.launch->counts;
  uint64_t done = 0;
  while (wave.state == Wave::Ready && done < budget) {
    if (wave.pc >= wave.program->instructions.size())
      fault(-1, "execution ran past the end of the code");
    const Instruction &instruction = instructions[wave.pc];
    wave.current = wave.pc++;
    ++counts[unsigned(instruction.cls)];
    ++done;
    if (instruction.vectorLimit > wave.vectorCount)
      fault(-1, "expected registers below v" + std::to_string(wave.vectorCount) +
                    ", as the kernel's descriptor asks for, found v" + std::to_string(instruction.vectorLimit - 1));
    if (wave.pendingTotal)
      checkPending(wave, instruction);
    instruction.run(wave, instruction);
  }
  wave.launch->executed += done;
}

/// All waves that have not ended have met.
static void passBarrier(Group &group) {
  uint64_t met = 0;
  for (auto &wave : group.waves)
    if (wave->state != Wave::Ready) // waves that have ended count as having arrived
      met |= uint64_t(1) << wave->id;
  group.clocks.barrier(met);
  group.globalClocks.follow(group.clocks);
  for (auto &wave : group.waves)
    if (wave->state == Wave::AtBarrier) {
      wave->state = Wave::Ready;
      ++wave->epoch;
    }
  if (group.clocks.exhausted())
    fault(-1, "more barriers in one work-group than the race detector can tell apart");
}

static void runGroup(Launch &launch, Group &group, Wave *&running) {
  unsigned count = unsigned(group.waves.size());
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (;;) {
    if (launch.seed)
      launch.random.shuffle(order);
    bool ready = false, waiting = false;
    for (unsigned id : order) {
      Wave &wave = *group.waves[id];
      running = &wave;
      if (wave.state == Wave::Ready)
        runWave(wave, launch.seed ? 1 + launch.random.below(2000) : 1000000);
      ready |= wave.state == Wave::Ready;
      waiting |= wave.state == Wave::AtBarrier;
    }
    if (ready)
      continue;
    if (!waiting)
      return;
    passBarrier(group);
    for (auto &wave : group.waves)
      if (wave->state == Wave::Ready) {
        running = wave.get();
        reissueAfterBarrier(*wave);
      }
  }
}

static std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

static std::string describe(const Launch &launch, const Group &group, const Wave &wave, const Fault &fault) {
  const Instruction &instruction = launch.program->instructions[wave.current];
  std::string text = "kernel '" + launch.kernel->name + "', work-group (" + std::to_string(group.id[0]) + ", " +
                     std::to_string(group.id[1]) + ", " + std::to_string(group.id[2]) + "), wave " +
                     std::to_string(wave.id);
  if (fault.lane >= 0)
    text += ", lane " + std::to_string(fault.lane);
  return text + ", at " + hex(instruction.address) + ": " + launch.program->texts[instruction.text] + ": " +
         fault.message;
}

LaunchStatus tinyc::emulator::amd::runLaunch(Launch &launch, std::string &message) {
  const uint32_t *grid = launch.size.grid, *size = launch.size.group;
  uint64_t groups = uint64_t(grid[0]) * grid[1] * grid[2];
  unsigned waves = (size[0] * size[1] * size[2] + kLanes - 1) / kLanes;
  launch.random = Random(launch.seed);
  launch.order->beginLaunch(groups);
  LaunchReport &report = launch.report;
  report.Kernel = launch.kernel->name;
  report.Chip = launch.chip->name;
  std::copy(grid, grid + 3, report.Grid);
  std::copy(size, size + 3, report.Block);
  report.SharedBytes = launch.kernel->ldsBytes + launch.size.dynamicLds;
  report.SyncInstructions = launch.program->syncCount;

  // Which group is the i-th: a step that shares no factor with their number visits each once.
  uint64_t step = 1, start = 0;
  if (launch.seed && groups > 1) {
    start = launch.random.below(groups);
    do
      step = 1 + launch.random.below(groups);
    while (std::gcd(step, groups) != 1);
  }
  Group group(report.SharedBytes, waves);
  for (unsigned id = 0; id < waves; ++id)
    group.waves.push_back(std::make_unique<Wave>());
  LaunchStatus status = LaunchStatus::Done;
  Wave *running = group.waves[0].get();
  try {
    for (uint64_t i = 0; i < groups; ++i) {
      uint64_t linear = (start + i * step) % groups;
      group.linear = linear;
      group.id[0] = uint32_t(linear % grid[0]);
      group.id[1] = uint32_t(linear / grid[0] % grid[1]);
      group.id[2] = uint32_t(linear / grid[0] / grid[1]);
      group.lds.reset();
      if (report.SharedBytes)
        group.lds.map(0, report.SharedBytes);
      group.clocks = Clocks(waves, true);
      group.globalClocks = Clocks(waves, true);
      launch.order->beginBlock(linear);
      for (unsigned id = 0; id < waves; ++id)
        initialise(*group.waves[id], launch, group, id);
      runGroup(launch, group, running);
    }
  } catch (const Fault &fault) {
    message = describe(launch, group, *running, fault);
    report.Reports.push_back(message);
    status = fault.kind == Fault::IllegalAddress ? LaunchStatus::IllegalAddress : LaunchStatus::Failure;
  }
  for (unsigned c = 0; c < unsigned(Class::Count); ++c)
    if (launch.counts[c])
      report.Instructions[className(Class(c))] = launch.counts[c];
  report.Mma = launch.counts[unsigned(Class::Matrix)];
  return status;
}
