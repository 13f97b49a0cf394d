// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The threads of a CPU context and how they share a plan; the header tells the idea.

#include "runtime/src/ThreadedExecutor.h"

#include <algorithm>
#include <cstring>
#include <sched.h>
#include <system_error>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tinyc {
namespace {

/// Waiting without burning a core that someone else needs: pause first, then give way.
class Backoff {
public:
  void wait() {
    if (++rounds < 512)
      pause();
    else
      sched_yield();
  }
  static void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

private:
  unsigned rounds = 0;
};

/// Rounding to nearest, denormals kept, exceptions masked, whatever the caller has set: results must not depend on it.
class DefaultFloatEnvironment {
#if defined(__x86_64__)
public:
  DefaultFloatEnvironment() : saved(_mm_getcsr()) { _mm_setcsr(0x1F80); }
  ~DefaultFloatEnvironment() { _mm_setcsr(saved); }

private:
  unsigned saved;
#elif defined(__aarch64__)
public:
  DefaultFloatEnvironment() {
    asm volatile("mrs %0, fpcr" : "=r"(saved));
    asm volatile("msr fpcr, %0" ::"r"(uint64_t(0)));
  }
  ~DefaultFloatEnvironment() { asm volatile("msr fpcr, %0" ::"r"(saved)); }

private:
  uint64_t saved;
#endif
};

constexpr uint64_t open = 1, oneWorker = 2;

} // namespace

Status ThreadedExecutor::create(std::span<const CpuKernel> kernels, uint64_t scratchBytes,
                                std::span<const ExecutionPlan> plans, size_t threads,
                                std::unique_ptr<Executor> &executor) {
  if (threads == 0 || threads > 1024)
    return invalidArgument(std::to_string(threads) + " threads; expected 1 to 1024");
  std::unique_ptr<ThreadedExecutor> made(new ThreadedExecutor);
  made->kernels = kernels;
  size_t steps = 0, arguments = 0, symbols = 0;
  for (const ExecutionPlan &plan : plans) {
    steps = std::max(steps, plan.stepCount);
    arguments = std::max(arguments, plan.maxArguments);
    symbols = std::max(symbols, plan.maxSymbols);
  }
  made->states = std::make_unique<StepState[]>(steps);
  uint64_t perThread = container::alignUp(scratchBytes, container::pageSize);
  if (__builtin_mul_overflow(perThread, threads, &made->scratchSize))
    return Status(TINYC_OUT_OF_MEMORY, "scratch of " + std::to_string(scratchBytes) + " bytes a thread");
  if (made->scratchSize)
    TINYC_TRY(allocateHostMemory(made->scratchSize, made->scratch));
  made->lanes.resize(threads);
  for (size_t i = 0; i < threads; ++i) {
    made->lanes[i].pointers.resize(arguments);
    made->lanes[i].symbols.resize(symbols);
    made->lanes[i].scratch = perThread ? static_cast<uint8_t *>(made->scratch) + i * perThread : nullptr;
  }
  try {
    for (size_t i = 1; i < threads; ++i)
      made->workers.emplace_back([self = made.get(), i] { self->workerMain(i); });
  } catch (const std::system_error &error) {
    return Status(TINYC_OUT_OF_MEMORY, "cannot start " + std::to_string(threads) + " threads: " + error.what());
  }
  executor = std::move(made);
  return {};
}

ThreadedExecutor::~ThreadedExecutor() {
  quit.store(true);
  generation.fetch_add(1);
  generation.notify_all();
  for (std::thread &worker : workers)
    worker.join();
  releaseHostMemory(scratch, scratchSize);
}

void ThreadedExecutor::workerMain(size_t lane) {
  DefaultFloatEnvironment environment;
  uint32_t seen = 0;
  for (;;) {
    // Runs often follow each other closely: look for a while before sleeping.
    for (int i = 0; i < 2000 && generation.load(std::memory_order_acquire) == seen; ++i)
      Backoff::pause();
    generation.wait(seen, std::memory_order_acquire);
    seen = generation.load(std::memory_order_acquire);
    if (quit.load())
      return;
    // A worker that wakes after the run is over finds the gate closed: the caller need not wait for it.
    uint64_t state = gate.load(std::memory_order_acquire);
    while ((state & open) && !gate.compare_exchange_weak(state, state + oneWorker, std::memory_order_acq_rel))
      ;
    if (!(state & open))
      continue;
    LoopFrame frame{nullptr, nullptr};
    walk(plan->steps, 0, 0, frame, lanes[lane]);
    gate.fetch_sub(oneWorker, std::memory_order_acq_rel);
  }
}

Status ThreadedExecutor::run(const ExecutionPlan &runPlan, void *const *planBases, LaunchTime *launchTimes) {
  DefaultFloatEnvironment environment;
  plan = &runPlan;
  bases = planBases;
  times = launchTimes;
  failedStep.store(nullptr);
  runStart = 0;
  runStart = times ? now() : 0;
  for (size_t i = 0; i < plan->stepCount; ++i) {
    StepState &state = states[i];
    for (std::atomic<uint64_t> *counter :
         {&state.taken, &state.done, &state.opened, &state.iteration, &state.firstIteration, &state.remaining})
      counter->store(0, std::memory_order_relaxed);
  }
  remaining.store(plan->steps.size());
  gate.store(open, std::memory_order_release);
  if (!workers.empty()) {
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }
  LoopFrame frame{nullptr, nullptr};
  walk(plan->steps, 0, 0, frame, lanes[0]);
  for (Backoff backoff; remaining.load(std::memory_order_acquire) != 0 && !stopped();)
    backoff.wait();
  gate.fetch_and(~open, std::memory_order_acq_rel);
  for (Backoff backoff; gate.load(std::memory_order_acquire) != 0;)
    backoff.wait();
  if (const Step *step = failedStep.load())
    return Status(TINYC_DEVICE_FAILED, "kernel " + quoted(plan->launches[step->launch]->name()->str()) +
                                           " failed with code " + std::to_string(failedCode.load()));
  return {};
}

bool ThreadedExecutor::waitFor(const Step &step, uint64_t execution) {
  for (const Step::Wait &wait : step.waitsFor)
    for (Backoff backoff; states[wait.id].done.load(std::memory_order_acquire) < (execution + 1) * wait.units;) {
      if (stopped())
        return false;
      backoff.wait();
    }
  return true;
}

void ThreadedExecutor::walk(const std::vector<Step> &steps, uint64_t execution, uint64_t iteration, LoopFrame &frame,
                            Lane &lane) {
  for (const Step &step : steps) {
    StepState &state = states[step.id];
    if (step.kind == artefact::CommandKind::Loop) {
      if (state.done.load(std::memory_order_acquire) > execution)
        continue;
      if (!waitFor(step, execution))
        return;
      walkLoop(step, execution, iteration, frame, lane);
      continue;
    }
    uint64_t base = execution * step.units, limit = base + step.units;
    uint64_t taken = state.taken.load(std::memory_order_relaxed);
    if (taken >= limit)
      continue;
    if (!waitFor(step, execution))
      return;
    // A few pieces a thread even out threads of unequal speed.
    uint64_t piece = std::max<uint64_t>(1, step.units / (lanes.size() * 4));
    while (taken < limit && !stopped()) {
      uint64_t end = std::min(limit, taken + piece);
      if (!state.taken.compare_exchange_weak(taken, end, std::memory_order_acq_rel))
        continue;
      if (times && taken == base)
        state.startNs = now();
      execute(step, iteration, static_cast<uint32_t>(taken - base), static_cast<uint32_t>(end - base), lane);
      uint64_t done = state.done.fetch_add(end - taken, std::memory_order_acq_rel) + (end - taken);
      if (done == limit) {
        if (times && step.kind == artefact::CommandKind::Launch) {
          LaunchTime &time = times[step.launch];
          if (execution == 0)
            time.startNs = state.startNs;
          time.durationNs += now() - state.startNs;
          ++time.executions;
        }
        stepDone(frame);
      }
      taken = state.taken.load(std::memory_order_relaxed);
    }
    if (stopped())
      return;
  }
}

void ThreadedExecutor::execute(const Step &step, uint64_t iteration, uint32_t begin, uint32_t end, Lane &lane) {
  if (step.kind == artefact::CommandKind::Copy) {
    std::memcpy(step.arguments[0].address(bases, iteration), step.arguments[1].address(bases, iteration), step.size);
    return;
  }
  if (step.kind == artefact::CommandKind::Fill) {
    std::memset(step.arguments[0].address(bases, iteration), step.pattern, step.size);
    return;
  }
  for (size_t i = 0; i < step.arguments.size(); ++i)
    lane.pointers[i] = step.arguments[i].address(bases, iteration);
  const int64_t *symbols = step.symbols.data();
  if (step.loopIndexSymbol >= 0) {
    std::copy(step.symbols.begin(), step.symbols.end(), lane.symbols.begin());
    lane.symbols[static_cast<size_t>(step.loopIndexSymbol)] = static_cast<int64_t>(iteration);
    symbols = lane.symbols.data();
  }
  int code = kernels[step.kernel](lane.pointers.data(), symbols, begin, end, lane.scratch);
  if (code != 0) {
    const Step *none = nullptr;
    failedCode.store(code);
    failedStep.compare_exchange_strong(none, &step);
  }
}

void ThreadedExecutor::walkLoop(const Step &step, uint64_t execution, uint64_t iteration, LoopFrame &outer,
                                Lane &lane) {
  StepState &state = states[step.id];
  LoopFrame frame{&step, &outer};
  // One thread opens the loop: it reads the trip count and the entry flag, which must be read once.
  uint64_t before = execution;
  if (state.taken.compare_exchange_strong(before, execution + 1, std::memory_order_acq_rel)) {
    state.trips = step.bound;
    if (step.tripCount) {
      int64_t count;
      std::memcpy(&count, step.tripCount->address(bases, iteration), sizeof(count));
      state.trips = std::min(state.trips, static_cast<uint64_t>(std::max<int64_t>(count, 0)));
    }
    if (step.entryFlag && !step.enters(*static_cast<const uint8_t *>(step.entryFlag->address(bases, iteration))))
      state.trips = 0;
    state.outerIteration = iteration;
    if (state.trips == 0) {
      state.done.store(execution + 1, std::memory_order_release);
      stepDone(outer);
      return;
    }
    state.firstIteration.store(state.iteration.load(std::memory_order_relaxed), std::memory_order_relaxed);
    state.remaining.store(step.body.size(), std::memory_order_relaxed);
    state.opened.store(execution + 1, std::memory_order_release);
  }
  for (Backoff backoff; state.opened.load(std::memory_order_acquire) <= execution;) {
    if (stopped() || state.done.load(std::memory_order_acquire) > execution)
      return;
    backoff.wait();
  }
  for (;;) {
    // What is read before `done` belongs to this execution if `done` says that it is still under way.
    uint64_t current = state.iteration.load(std::memory_order_acquire);
    uint64_t first = state.firstIteration.load(std::memory_order_acquire);
    if (state.done.load(std::memory_order_acquire) > execution)
      return;
    walk(step.body, current, current - first, frame, lane);
    for (Backoff backoff; state.iteration.load(std::memory_order_acquire) == current;) {
      if (stopped() || state.done.load(std::memory_order_acquire) > execution)
        return;
      backoff.wait();
    }
  }
}

void ThreadedExecutor::stepDone(LoopFrame &frame) {
  if (!frame.step) {
    remaining.fetch_sub(1, std::memory_order_acq_rel);
    return;
  }
  if (states[frame.step->id].remaining.fetch_sub(1, std::memory_order_acq_rel) == 1)
    loopIterationDone(frame);
}

// Runs on the thread that finished the last step of an iteration; all others wait in walkLoop.
void ThreadedExecutor::loopIterationDone(LoopFrame &frame) {
  const Step &step = *frame.step;
  StepState &state = states[step.id];
  uint64_t next = state.iteration.load(std::memory_order_relaxed) + 1;
  bool last = next - state.firstIteration.load(std::memory_order_relaxed) == state.trips;
  if (step.exitFlag)
    last |= step.exits(*static_cast<const uint8_t *>(step.exitFlag->address(bases, state.outerIteration)));
  state.remaining.store(step.body.size(), std::memory_order_relaxed);
  if (!last) {
    state.iteration.store(next, std::memory_order_release);
    return;
  }
  // `done` first: a thread that sees the iteration move on must also see that the loop is over.
  uint64_t execution = state.opened.load(std::memory_order_relaxed);
  state.done.store(execution, std::memory_order_release);
  state.iteration.store(next, std::memory_order_release);
  stepDone(*frame.outer);
}

uint64_t ThreadedExecutor::now() const {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec) - runStart;
}

Status ThreadedExecutor::upload(void *device, const void *host, uint64_t size) {
  std::memcpy(device, host, size);
  return {};
}

Status ThreadedExecutor::download(void *host, const void *device, uint64_t size) {
  std::memcpy(host, device, size);
  return {};
}

} // namespace tinyc
