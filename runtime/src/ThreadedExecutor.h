// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Executes plans on CPU threads. Every thread walks the command list in order; at a command it waits for the commands
// it depends on, then takes units of work as long as there are any, and goes on. So independent commands overlap and
// nothing but the dependencies orders them. No thread waits for units that another took, except through a dependency.

#ifndef TINYC_RUNTIME_SRC_THREADEDEXECUTOR_H
#define TINYC_RUNTIME_SRC_THREADEDEXECUTOR_H

#include "runtime/drivers/Driver.h"

#include <atomic>
#include <thread>

namespace tinyc {

/// The CPU's kernel ABI. 0 is success.
using CpuKernel = int (*)(void *const *buffers, const int64_t *symbols, uint32_t begin, uint32_t end, void *scratch);

class ThreadedExecutor final : public Executor {
public:
  /// `kernels` has one function a kernel of the target and outlives the executor.
  static Status create(std::span<const CpuKernel> kernels, uint64_t scratchBytes, std::span<const ExecutionPlan> plans,
                       size_t threads, std::unique_ptr<Executor> &executor);
  ~ThreadedExecutor() override;

  Status run(const ExecutionPlan &plan, void *const *bases, LaunchTime *times) override;
  Status upload(void *device, const void *host, uint64_t size) override;
  Status download(void *host, const void *device, uint64_t size) override;
  Status finish() override { return {}; }

private:
  // Counters only grow during a run: after its n-th execution (n > 0 only inside loops), a step has done n * units
  // units. A thread that lags behind therefore finds nothing left to take, and never takes work of a later iteration.
  struct alignas(64) StepState {
    std::atomic<uint64_t> taken, done;
    uint64_t startNs = 0;
    // Loops: executions that were opened; iterations begun in all executions, and before the current one; steps of
    // the body still to finish in this iteration.
    std::atomic<uint64_t> opened, iteration, firstIteration, remaining;
    uint64_t trips = 0, outerIteration = 0;
  };
  /// What each thread needs to call kernels.
  struct Lane {
    std::vector<void *> pointers;
    std::vector<int64_t> symbols;
    void *scratch = nullptr;
  };
  struct LoopFrame {
    const Step *step; // null for the plan itself
    LoopFrame *outer;
  };

  ThreadedExecutor() = default;
  void workerMain(size_t lane);
  void walk(const std::vector<Step> &steps, uint64_t execution, uint64_t iteration, LoopFrame &frame, Lane &lane);
  void walkLoop(const Step &step, uint64_t execution, uint64_t iteration, LoopFrame &outer, Lane &lane);
  bool waitFor(const Step &step, uint64_t execution);
  void execute(const Step &step, uint64_t iteration, uint32_t begin, uint32_t end, Lane &lane);
  void stepDone(LoopFrame &frame);
  void loopIterationDone(LoopFrame &frame);
  uint64_t now() const;
  bool stopped() const { return failedStep.load(std::memory_order_relaxed) != nullptr; }

  std::span<const CpuKernel> kernels;
  std::vector<Lane> lanes;
  std::vector<std::thread> workers;
  void *scratch = nullptr;
  uint64_t scratchSize = 0;
  std::unique_ptr<StepState[]> states;

  // The run under way. Workers enter through the gate: its lowest bit says that it is open, the rest counts them.
  std::atomic<uint32_t> generation{0};
  std::atomic<uint64_t> gate{0};
  std::atomic<bool> quit{false};
  const ExecutionPlan *plan = nullptr;
  void *const *bases = nullptr;
  LaunchTime *times = nullptr;
  uint64_t runStart = 0;
  std::atomic<uint64_t> remaining{0}; // steps of the plan's own list
  std::atomic<const Step *> failedStep{nullptr};
  std::atomic<int> failedCode{0};
};

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_THREADEDEXECUTOR_H
