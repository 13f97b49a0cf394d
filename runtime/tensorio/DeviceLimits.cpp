// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The file is six numbers in text: GFLOP/s, GB/s of memory and of caches of one thread, then of all.

#include "runtime/tensorio/DeviceLimits.h"

#include "runtime/include/tinyc/runtime.h"
#include "runtime/schema/AtomicFile.h"
#include "runtime/schema/Sha256.h"
#include "runtime/src/CpuFeatures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace tinyc::tensorio {

double DeviceLimits::share(uint64_t flops, uint64_t bytes, double seconds) const {
  if (!known() || seconds <= 0)
    return 0;
  double moving = bytes <= cacheBytes && cacheGbps > 0 ? cacheGbps : gbps;
  return std::max(static_cast<double>(flops) / gflops, static_cast<double>(bytes) / moving) * 1e-9 / seconds;
}

DeviceLimits CpuLimits::with(size_t threads) const {
  double count = static_cast<double>(threads);
  auto least = [&](double DeviceLimits::*rate) { return std::min(one.*rate * count, all.*rate); };
  long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return {least(&DeviceLimits::gflops), least(&DeviceLimits::gbps), least(&DeviceLimits::cacheGbps),
          cache > 0 ? static_cast<uint64_t>(cache) * std::min(threads, tinyc_usable_cpus()) : 0};
}

// The folder of lib/Cache: $TINYC_CACHE, else tinyc under XDG's or the user's cache folder, else one of the user's own.
static std::string limitsFile() {
  auto variable = [](const char *name) {
    const char *value = std::getenv(name);
    return std::string(value ? value : "");
  };
  std::string folder = variable("TINYC_CACHE");
  if (folder.empty() && !(folder = variable("XDG_CACHE_HOME")).empty())
    folder += "/tinyc";
  if (folder.empty())
    folder =
        variable("HOME").empty() ? "/var/tmp/tinyc-" + std::to_string(geteuid()) : variable("HOME") + "/.cache/tinyc";
  std::string machine = cpuBrand() + " " + std::to_string(tinyc_usable_cpus());
  return folder + "/limits/" + toHex(Sha256().update(machine.data(), machine.size()).finish()).substr(0, 16);
}

std::optional<CpuLimits> readCpuLimits() {
  std::FILE *file = std::fopen(limitsFile().c_str(), "r");
  if (!file)
    return std::nullopt;
  CpuLimits limits;
  double *fields[] = {&limits.one.gflops, &limits.one.gbps, &limits.one.cacheGbps,
                      &limits.all.gflops, &limits.all.gbps, &limits.all.cacheGbps};
  bool good = true;
  for (double *field : fields) {
    char word[64], *end = word;
    if (!(good = good && std::fscanf(file, "%63s", word) == 1))
      break;
    *field = std::strtod(word, &end);
    good = !*end && std::isfinite(*field) && *field > 0;
  }
  std::fclose(file);
  return good ? std::optional(limits) : std::nullopt;
}

bool writeCpuLimits(const CpuLimits &limits, std::string &error) {
  std::string path = limitsFile();
  std::error_code code;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), code);
  AtomicFile file(path);
  for (const DeviceLimits &part : {limits.one, limits.all}) {
    char line[128];
    int length = std::snprintf(line, sizeof(line), "%.17g %.17g %.17g\n", part.gflops, part.gbps, part.cacheGbps);
    file.write(line, static_cast<size_t>(length));
  }
  if (file.commit())
    return true;
  error = "what was measured is not kept: " + file.error();
  return false;
}

} // namespace tinyc::tensorio
