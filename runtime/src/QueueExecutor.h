// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Executes plans on devices with an in-order queue (a CUDA or HIP stream): commands are issued in list order, which
// obeys every dependency because a command depends only on earlier ones. Loops are driven by the host, which waits for
// the queue only where a trip count or a flag must be read.

#ifndef TINYC_RUNTIME_SRC_QUEUEEXECUTOR_H
#define TINYC_RUNTIME_SRC_QUEUEEXECUTOR_H

#include "runtime/drivers/Driver.h"

namespace tinyc {

class QueueExecutor : public Executor {
public:
  explicit QueueExecutor(std::span<const ExecutionPlan> plans);
  Status run(const ExecutionPlan &plan, void *const *bases, LaunchTime *times) override;

protected:
  /// Enqueue one command. `values` has a pointer to each parameter: device addresses, then symbols (int64_t).
  virtual Status launch(const Step &step, void **values) = 0;
  virtual Status copy(void *to, const void *from, uint64_t size) = 0;
  virtual Status fill(void *to, uint8_t pattern, uint64_t size) = 0;
  /// Enqueue the n-th mark on the queue's clock, for profiling.
  virtual Status mark(size_t n) = 0;
  /// Time between two marks that have passed.
  virtual Status elapsed(size_t from, size_t to, uint64_t &nanoseconds) = 0;

private:
  Status issue(const std::vector<Step> &steps, uint64_t iteration);
  Status issueLoop(const Step &step, uint64_t iteration);
  Status issueLaunch(const Step &step, uint64_t iteration);
  Status read(const StepArgument &from, uint64_t iteration, void *to, uint64_t size);
  Status collectTimes();

  void *const *bases = nullptr;
  LaunchTime *times = nullptr;
  std::vector<void *> addresses, values;
  std::vector<int64_t> symbols;
  int64_t tripCount = 0; // what loops read from the device, where it lasts as long as the queue
  uint8_t flag = 0;
  std::vector<uint32_t> marked; // launches since the last collection, marks 1+2i and 2+2i around the i-th
};

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_QUEUEEXECUTOR_H
