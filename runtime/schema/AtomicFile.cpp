// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The temporary file of `f` is `f.XXXXXXXX.tinyc-tmp`, each X a hexadecimal digit, and its writer holds a lock on it.
// The system releases the lock when the process ends, however it ends: so a temporary file that nobody has locked was
// left behind.

#include "runtime/schema/AtomicFile.h"

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <mutex>
#include <set>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tinyc {

static constexpr std::string_view kEnding = ".tinyc-tmp", kDigits = "0123456789abcdef";
static constexpr size_t kDigitCount = 8;
/// As many as Linux follows itself.
static constexpr int kMostLinks = 40;

static int lock(int descriptor, int how) {
  int result;
  do
    result = ::flock(descriptor, how);
  while (result != 0 && errno == EINTR);
  return result;
}

bool AtomicFile::isTemporary(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.size() < 2 + kDigitCount + kEnding.size() || !name.ends_with(kEnding))
    return false;
  name.remove_suffix(kEnding.size());
  std::string_view digits = name.substr(name.size() - kDigitCount);
  return name[name.size() - kDigitCount - 1] == '.' && digits.find_first_not_of(kDigits) == digits.npos;
}

void AtomicFile::removeAbandoned(const std::string &folder) {
  DIR *entries = ::opendir(folder.c_str());
  if (!entries)
    return;
  while (const dirent *entry = ::readdir(entries)) {
    if (!isTemporary(entry->d_name))
      continue;
    std::string path = folder + "/" + entry->d_name;
    int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
      continue;
    if (lock(descriptor, LOCK_EX | LOCK_NB) == 0) // not where there are no locks
      ::unlink(path.c_str());
    ::close(descriptor);
  }
  ::closedir(entries);
}

/// "a/" of "a/b", and nothing of "b": what a name is put after for a path to its neighbour.
static std::string folderOf(const std::string &path) { return path.substr(0, path.rfind('/') + 1); }

static void removeAbandonedOnce(const std::string &target) {
  static std::mutex mutex;
  static std::set<std::string> seen;
  std::string folder = folderOf(target);
  if (folder.empty())
    folder = ".";
  {
    std::lock_guard guard(mutex);
    if (!seen.insert(folder).second)
      return;
  }
  AtomicFile::removeAbandoned(folder);
}

/// Where `path` is, without links; empty, with errno, if it is nowhere.
static std::string realPath(const std::string &path) {
  char buffer[PATH_MAX];
  const char *found = ::realpath(path.c_str(), buffer);
  return found ? found : "";
}

/// N of /dev/fd/N and what else leads into this process's /proc/self/fd; -1 of other paths.
static int ownDescriptor(const std::string &path) {
  std::string folder = folderOf(path), name = path.substr(folder.size());
  int number = -1;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || number < 0 || name != std::to_string(number))
    return -1;
  std::string own = realPath("/proc/self/fd");
  return !own.empty() && realPath(folder.empty() ? "." : folder) == own ? number : -1;
}

/// Follows the links at the end of `path`, also to a file that is not there yet, up to the first that is a descriptor
/// of this process. False if there are too many.
static bool followLinks(std::string &path) {
  for (int links = 0; links <= kMostLinks; ++links) {
    std::string text(PATH_MAX, '\0');
    ssize_t size = ownDescriptor(path) >= 0 ? -1 : ::readlink(path.c_str(), text.data(), text.size());
    if (size < 0)
      return true; // no link, or nothing: what opens it says what is wrong
    text.resize(static_cast<size_t>(size));
    path = text.starts_with('/') ? text : folderOf(path) + text;
  }
  return false;
}

AtomicFile::AtomicFile(std::string given, unsigned mode) : path(std::move(given)), target(path) {
  if (!followLinks(target)) {
    code = ELOOP;
    return;
  }
  // Opened by its name, a file would be written from its start: its caller may have asked to append, or have written
  // to it before.
  if (int own = ownDescriptor(target); own >= 0) {
    descriptor = ::fcntl(own, F_DUPFD_CLOEXEC, 0);
    code = descriptor < 0 ? errno : 0;
    return;
  }
  struct stat info;
  bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) {
    descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    code = descriptor < 0 ? errno : 0;
    return;
  }
  // A rename asks for the permissions of the folder only.
  if (exists && ::access(path.c_str(), W_OK) != 0) {
    code = errno;
    return;
  }
  if (exists && (target = realPath(path)).empty()) {
    code = errno; // open in another process, say, and deleted
    return;
  }
  if (isTemporary(target)) {
    code = EINVAL;
    reason = "files whose names end in .XXXXXXXX" + std::string(kEnding) + " are unfinished ones, and get removed";
    return;
  }
  removeAbandonedOnce(target);
  openTemporary(mode);
  if (descriptor >= 0 && exists)
    (void)!::fchmod(descriptor, info.st_mode & 07777);
}

void AtomicFile::openTemporary(unsigned mode) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    uint32_t number = 0;
    (void)!::getrandom(&number, sizeof(number), 0);
    std::string digits;
    for (size_t i = 0; i < kDigitCount; ++i, number >>= 4)
      digits += kDigits[number & 15];
    temporary = target + "." + digits + std::string(kEnding);
    descriptor = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor < 0 && errno == EEXIST)
      continue;
    if (descriptor < 0)
      break;
    // Another process may have found it before it was locked, and removed it as abandoned.
    struct stat info;
    if (lock(descriptor, LOCK_EX) != 0 || ::fstat(descriptor, &info) != 0 || info.st_nlink != 0)
      return;
    ::close(descriptor);
    descriptor = -1;
    errno = EEXIST;
  }
  code = errno;
  temporary.clear();
}

AtomicFile::~AtomicFile() {
  if (!temporary.empty())
    ::unlink(temporary.c_str());
  if (descriptor >= 0)
    ::close(descriptor);
}

std::string AtomicFile::error() const {
  return code ? "cannot write '" + path + "': " + (reason.empty() ? std::strerror(code) : reason) : std::string();
}

void AtomicFile::write(const void *bytes, size_t size) {
  const char *rest = static_cast<const char *>(bytes);
  while (size != 0 && !code) {
    ssize_t count = ::write(descriptor, rest, size);
    if (count <= 0) {
      if (count == 0 || errno != EINTR)
        code = count == 0 ? EIO : errno;
      continue;
    }
    rest += count;
    size -= static_cast<size_t>(count);
  }
}

void AtomicFile::sync() {
  if (!code && ::fsync(descriptor) != 0)
    code = errno;
}

bool AtomicFile::commit() {
  // Some file systems tell of a full disk only when a descriptor is closed; the lock stays with the other one.
  if (int copy = code ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0); copy >= 0 && ::close(copy) != 0)
    code = errno;
  if (!code && !temporary.empty() && ::rename(temporary.c_str(), target.c_str()) != 0)
    code = errno;
  if (code)
    return false;
  temporary.clear();
  return true;
}

} // namespace tinyc
