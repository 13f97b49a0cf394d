// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc bench: the time of a run, its spread, and what each kernel takes.

#include "runtime/tensorio/Report.h"
#include "tools/output/OutputFile.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/GivenInputs.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/ReferenceModel.h"
#include "tools/tinyc/RunnableModel.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>

using namespace tinyc;
using Clock = std::chrono::steady_clock;

namespace {
struct KernelTimes {
  std::string name;
  std::vector<std::string> ops; ///< of the user's file
  uint64_t flops, bytes;
  std::vector<double> milliseconds;
};

/// Launches of all profiled runs, by their place in a run.
struct Launches {
  std::vector<KernelTimes> kernels;
  size_t next = 0;
};
} // namespace

static void addLaunch(void *user, const tinyc_launch_profile *launch) {
  auto &launches = *static_cast<Launches *>(user);
  if (launches.next == launches.kernels.size())
    launches.kernels.push_back(
        {launch->kernel, {launch->ops, launch->ops + launch->op_count}, launch->flops, launch->bytes, {}});
  launches.kernels[launches.next++].milliseconds.push_back(launch->duration_ns * 1e-6);
}

// The value below which a share `q` of the sorted values lies.
static double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[static_cast<size_t>(q * (values.size() - 1) + 0.5)];
}

int tinyc::runBench(const Arguments &arguments) {
  std::string error;
  std::optional<GivenInputs> given = givenOrRandomInputs(arguments, error);
  if (!given) {
    llvm::errs() << "tinyc: " << error << "\n";
    return kUsage;
  }
  std::unique_ptr<RunnableModel> model = RunnableModel::open(arguments, arguments.files[0], given->known);
  if (!model)
    return kInputWrong;
  std::vector<tensorio::HostTensor> inputs, outputs;
  auto fail = [&] {
    hideProgress();
    if (!error.empty())
      llvm::errs() << "tinyc: " << error << "\n";
    return kInputWrong;
  };
  if (!tensorio::makeInputs(given->flags, model->inputs(), inputs, error, model->fixedInputs()) ||
      !model->run(inputs, outputs, error))
    return fail();

  showStep("measuring " + arguments.files[0]);
  // At least 10 runs and at least a second, after as much again of warming up to a tenth of that.
  std::vector<double> milliseconds;
  auto runFor = [&](double seconds, size_t runs) {
    auto start = Clock::now();
    do {
      auto before = Clock::now();
      if (!model->run(inputs, outputs, error))
        return false;
      milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - before).count());
    } while (milliseconds.size() < runs || std::chrono::duration<double>(Clock::now() - start).count() < seconds);
    return true;
  };
  if (!runFor(0.1, 1))
    return fail();
  milliseconds.clear();
  if (!runFor(1.0, 10))
    return fail();

  // Kernels are timed in runs of their own: a clock around each launch takes time too.
  Launches launches;
  model->setProfiler(addLaunch, &launches);
  for (size_t i = 0; i < std::min<size_t>(milliseconds.size(), 20); ++i) {
    launches.next = 0;
    if (!model->run(inputs, outputs, error))
      return fail();
  }

  tensorio::DeviceLimits limits = model->limits();
  double median = quantile(milliseconds, 0.5), flops = 0, bytes = 0, least = 0;
  // What cannot be said is null: nobody takes it for a number.
  auto known = [&](double share) { return limits.known() ? llvm::json::Value(share) : llvm::json::Value(nullptr); };
  llvm::json::Array kernels;
  tensorio::ProfileTable profile(model->deviceName());
  profile.setLimits(limits);
  for (const KernelTimes &kernel : launches.kernels) {
    double time = quantile(kernel.milliseconds, 0.5), share = limits.share(kernel.flops, kernel.bytes, time * 1e-3);
    least += share * time;
    flops += kernel.flops;
    bytes += kernel.bytes;
    profile.add(
        {kernel.name, llvm::join(kernel.ops, " "), kernel.flops, kernel.bytes, static_cast<uint64_t>(time * 1e6)});
    kernels.push_back(llvm::json::Object{{"name", kernel.name},
                                         {"ops", llvm::json::Array(kernel.ops)},
                                         {"median_ms", time},
                                         {"flops", static_cast<int64_t>(kernel.flops)},
                                         {"bytes", static_cast<int64_t>(kernel.bytes)},
                                         {"gflops", time > 0 ? kernel.flops / time * 1e-6 : 0.0},
                                         {"gbps", time > 0 ? kernel.bytes / time * 1e-6 : 0.0},
                                         {"share_of_limit", known(share)}});
  }
  std::string ofLimit = limits.known() ? llvm::formatv("{0:f0} % of the limit; ", 100 * least / median).str() : "";
  hideProgress();
  std::printf("%s on %s: median %.4g ms, p10 %.4g, p90 %.4g (%zu runs); %.2f GFLOP/s, %.2f GB/s; %s%zu kernels; "
              "compiled in %.0f ms\n",
              arguments.files[0].c_str(), model->deviceName().c_str(), median, quantile(milliseconds, 0.1),
              quantile(milliseconds, 0.9), milliseconds.size(), flops / median * 1e-6, bytes / median * 1e-6,
              ofLimit.c_str(), launches.kernels.size(), model->compileSeconds * 1e3);
  if (arguments.profile && isReference(model->deviceName()))
    llvm::errs() << "tinyc: the reference has no kernels to time\n";
  else if (arguments.profile)
    profile.print(stdout);
  if (arguments.json.empty())
    return kDone;
  llvm::json::Object report{
      {"model", arguments.files[0]},
      {"device", model->deviceName()},
      {"threads", static_cast<int64_t>(arguments.threads ? arguments.threads : tinyc_usable_cpus())},
      {"median_ms", median},
      {"p10_ms", quantile(milliseconds, 0.1)},
      {"p90_ms", quantile(milliseconds, 0.9)},
      {"gflops", flops / median * 1e-6},
      {"gbps", bytes / median * 1e-6},
      {"share_of_limit", known(least / median)},
      {"compile_ms", model->compileSeconds * 1e3},
      {"kernels", std::move(kernels)}};
  bool written = writeFile(arguments.json, [&](llvm::raw_ostream &os) {
    os << llvm::formatv("{0:2}", llvm::json::Value(std::move(report))) << "\n";
  });
  return written ? kDone : kInputWrong;
}
