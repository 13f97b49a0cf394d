// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How many processors a process may use. A container with a quota of two CPUs on a machine of 64 gets throttled when
// it starts 64 threads, so the quota counts: cpu.max of control groups v2, cpu.cfs_quota_us of v1, of the process's
// own group and all above it.

#include "runtime/src/CpuFeatures.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>

namespace tinyc {
namespace {

std::string readText(const std::string &path) {
  std::string text;
  if (FILE *file = std::fopen(path.c_str(), "re")) {
    char block[4096];
    size_t count = std::fread(block, 1, sizeof(block), file);
    text.assign(block, count);
    std::fclose(file);
  }
  return text;
}

/// CPUs that "200000 100000" grants, rounded up; 0 for no limit.
size_t granted(const std::string &quota, const std::string &period) {
  long long q = std::strtoll(quota.c_str(), nullptr, 10), p = std::strtoll(period.c_str(), nullptr, 10);
  return q > 0 && p > 0 ? static_cast<size_t>(q / p + (q % p != 0)) : 0;
}

/// The tightest limit of a group and its ancestors; `limitOf` reads one folder.
template <typename F> size_t tightest(const std::string &mount, std::string group, F limitOf) {
  size_t limit = 0;
  for (;;) {
    size_t here = limitOf(mount + group + "/");
    if (here && (!limit || here < limit))
      limit = here;
    size_t slash = group.rfind('/');
    if (slash == std::string::npos)
      return limit;
    group.resize(slash);
  }
}

size_t affinityCpus() {
  // The mask's size is not known beforehand; grow it until the kernel's fits.
  for (size_t cpus = 1024; cpus <= (1 << 20); cpus *= 4) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set)
      break;
    size_t size = CPU_ALLOC_SIZE(cpus), count = 0;
    if (sched_getaffinity(0, size, set) == 0)
      count = static_cast<size_t>(CPU_COUNT_S(size, set));
    CPU_FREE(set);
    if (count)
      return count;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<size_t>(online) : 1;
}

} // namespace

size_t usableCpus(const std::string &groups, const std::string &root) {
  size_t cpus = std::max<size_t>(1, affinityCpus());
  std::string lines = readText(groups);
  for (size_t begin = 0; begin < lines.size();) {
    // A line reads id:controllers:group; version 2 has no controllers.
    size_t end = std::min(lines.find('\n', begin), lines.size());
    std::string line = lines.substr(begin, end - begin);
    begin = end + 1;
    size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",", group = line.substr(second + 1);
    if (group == "/")
      group.clear();
    size_t limit = 0;
    if (controllers == ",,") {
      limit = tightest(root, group, [](const std::string &folder) {
        std::string text = readText(folder + "cpu.max");
        size_t space = text.find(' ');
        return space == std::string::npos ? 0 : granted(text, text.substr(space));
      });
    } else if (controllers.find(",cpu,") != std::string::npos) {
      limit = tightest(root + "/cpu", group, [](const std::string &folder) {
        return granted(readText(folder + "cpu.cfs_quota_us"), readText(folder + "cpu.cfs_period_us"));
      });
    }
    if (limit)
      cpus = std::min(cpus, limit);
  }
  return cpus;
}

} // namespace tinyc
