// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Entries are KIND/ab/cdef.. by their key; the time of their last use is the file's time of change. The file `size`
// holds the sum of the entries' sizes as far as it is known, under a lock: so the folder is walked only when that sum
// passes the limit, and never by two processes at a time. Every so often it is counted anew, since a process that was
// killed did not add what it had stored.

#include "lib/Cache/ContentCache.h"

#include "runtime/schema/AtomicFile.h"
#include "runtime/schema/Sha256.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tinyc;
using llvm::ArrayRef;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

static constexpr uint64_t kDefaultSize = uint64_t(2) << 30;
/// How often the sum is added to before it is counted anew.
static constexpr uint64_t kUsesPerCount = 64;
static constexpr StringRef kKinds[] = {"artefacts", "inputs", "kernels"};

std::string tinyc::cacheFolder() {
  if (const char *own = std::getenv("TINYC_CACHE"); own && *own)
    return own;
  llvm::SmallString<256> path;
  if (const char *xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg)
    path = xdg;
  else if (!llvm::sys::path::cache_directory(path))
    return "/var/tmp/tinyc-" + std::to_string(::geteuid());
  llvm::sys::path::append(path, "tinyc");
  return path.str().str();
}

// Code is run that lies in the cache, so nobody else may put any there. Empty if that is so, or if there is no folder.
static std::string reasonForDistrust(const std::string &folder) {
  struct stat info;
  if (::stat(folder.c_str(), &info) != 0)
    return {};
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return "it belongs to user " + std::to_string(info.st_uid) + ", not to " + std::to_string(::geteuid());
  return info.st_mode & S_IWOTH ? "everyone may write to it" : std::string();
}

// "500M" in bytes.
static std::optional<uint64_t> parseSize(StringRef text) {
  unsigned shift = 0;
  if (text.consume_back_insensitive("K"))
    shift = 10;
  else if (text.consume_back_insensitive("M"))
    shift = 20;
  else if (text.consume_back_insensitive("G"))
    shift = 30;
  uint64_t number = 0;
  if (text.getAsInteger(10, number) || number > UINT64_MAX >> shift)
    return std::nullopt;
  return number << shift;
}

std::shared_ptr<ContentCache> ContentCache::open() {
  uint64_t size = kDefaultSize;
  if (const char *text = std::getenv("TINYC_CACHE_SIZE"); text && *text) {
    if (std::optional<uint64_t> given = parseSize(text))
      size = *given;
    else
      llvm::errs() << "tinyc: warning: cannot take TINYC_CACHE_SIZE='" << text
                   << "': expected bytes, or a number with K, M or G; 0 switches the cache off\n";
  }
  if (size == 0)
    return nullptr;
  std::string folder = cacheFolder();
  if (std::string reason = reasonForDistrust(folder); !reason.empty()) {
    llvm::errs() << "tinyc: warning: the cache '" << folder << "' is not used: " << reason << "\n";
    return nullptr;
  }
  return std::make_shared<ContentCache>(std::move(folder), size);
}

std::string ContentCache::key(ArrayRef<StringRef> parts) {
  Sha256 hash;
  for (StringRef part : parts) {
    uint64_t size = part.size();
    hash.update(&size, sizeof(size)).update(part.data(), part.size());
  }
  return toHex(hash.finish());
}

std::string ContentCache::pathOf(StringRef kind, StringRef key) const {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, kind, key.take_front(2), key.drop_front(2));
  return path.str().str();
}

void ContentCache::note(std::string text) {
  std::lock_guard lock(mutex);
  if (problem.empty())
    problem = std::move(text);
}

std::string ContentCache::warning() const {
  std::lock_guard lock(mutex);
  return problem;
}

std::string ContentCache::findFile(StringRef kind, StringRef key) {
  std::string path = pathOf(kind, key);
  // Says that it was used, and whether it is there. On a read-only file system only the latter.
  if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0 && ::access(path.c_str(), R_OK) != 0)
    return {};
  return path;
}

void ContentCache::discard(StringRef kind, StringRef key) { (void)fs::remove(pathOf(kind, key)); }

bool ContentCache::find(StringRef kind, StringRef key, std::vector<char> &bytes) {
  std::string path = findFile(kind, key);
  if (path.empty())
    return false;
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return false;
  StringRef content = (*file)->getBuffer();
  StringRef body = content.drop_front(std::min(content.size(), sizeof(Sha256Digest)));
  Sha256Digest digest = Sha256::of(body.data(), body.size());
  if (content.size() < digest.size() || std::memcmp(digest.data(), content.data(), digest.size()) != 0) {
    discard(kind, key);
    return false;
  }
  bytes.assign(body.begin(), body.end());
  return true;
}

void ContentCache::store(StringRef kind, StringRef key, ArrayRef<char> bytes) {
  Sha256Digest digest = Sha256::of(bytes.data(), bytes.size());
  // Small, many, and known by their hash where the system lost them: waiting for the disk would cost more than they
  // save.
  write(pathOf(kind, key), {ArrayRef<char>(reinterpret_cast<const char *>(digest.data()), digest.size()), bytes},
        /*sync=*/false);
}

void ContentCache::storeFile(StringRef kind, StringRef key, ArrayRef<ArrayRef<char>> pieces) {
  write(pathOf(kind, key), pieces, /*sync=*/true);
}

void ContentCache::write(const std::string &path, ArrayRef<ArrayRef<char>> pieces, bool sync) {
  uint64_t size = 0;
  for (ArrayRef<char> piece : pieces)
    size += piece.size();
  if (size > mostBytes)
    return; // it would push out everything, and be pushed out itself
  auto mode = static_cast<fs::perms>(fs::all_all & ~(fs::group_write | fs::others_write));
  if (std::error_code error = fs::create_directories(llvm::sys::path::parent_path(path), /*IgnoreExisting=*/true, mode))
    return note("cannot make the folder of the cache '" + folder + "': " + error.message());
  AtomicFile file(path, /*mode=*/0600); // whoever may write to it could have us run anything
  for (ArrayRef<char> piece : pieces)
    file.write(piece.data(), piece.size());
  if (sync)
    file.sync();
  if (!file.commit())
    return note("cannot write to the cache '" + folder + "': " + std::strerror(file.errorCode()));
  std::lock_guard lock(mutex);
  stored += size;
}

// Removes the entries that were used longest ago until nine tenths of the limit are left, and what killed writers left.
// Returns the bytes that are left.
uint64_t ContentCache::removeOldest() const {
  struct Entry {
    std::string path;
    uint64_t size;
    llvm::sys::TimePoint<> used;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  for (StringRef kind : kKinds) {
    llvm::SmallString<256> top(folder);
    llvm::sys::path::append(top, kind);
    for (fs::recursive_directory_iterator it(top, error, /*follow_symlinks=*/false), end; it != end && !error;
         it.increment(error)) {
      auto status = it->status();
      if (status && status->type() == fs::file_type::directory_file)
        AtomicFile::removeAbandoned(it->path());
      if (!status || status->type() != fs::file_type::regular_file || AtomicFile::isTemporary(it->path()))
        continue;
      entries.push_back({it->path(), status->getSize(), status->getLastModificationTime()});
      total += status->getSize();
    }
  }
  // By name where the times are equal, so that it is the same entries everywhere.
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return a.used != b.used ? a.used < b.used : a.path < b.path; });
  uint64_t wanted = total <= mostBytes ? mostBytes : mostBytes / 10 * 9;
  for (const Entry &entry : entries) {
    if (total <= wanted)
      break;
    if (!fs::remove(entry.path))
      total -= entry.size;
  }
  return total;
}

void ContentCache::trim() {
  uint64_t added = 0;
  {
    std::lock_guard lock(mutex);
    std::swap(added, stored);
  }
  if (added == 0)
    return;
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, "size");
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return note("cannot keep the size of the cache '" + folder + "': " + std::strerror(errno));
  llvm::scope_exit close([&] { ::close(descriptor); });
  while (::flock(descriptor, LOCK_EX) != 0)
    if (errno != EINTR)
      return note("cannot lock the cache '" + folder + "': " + std::strerror(errno));
  // A file that is new, cut short or nonsense is a reason to count.
  uint64_t total = 0, uses = 0;
  char text[48] = {};
  ssize_t length = ::pread(descriptor, text, sizeof(text) - 1, 0);
  auto [first, second] = StringRef(text).rtrim().split(' ');
  bool known = length > 0 && !first.getAsInteger(10, total) && !second.getAsInteger(10, uses) && uses < kUsesPerCount;
  total += added;
  if (!known || total > mostBytes) {
    total = removeOldest();
    uses = 0;
  }
  std::string number = std::to_string(total) + " " + std::to_string(uses + 1) + "\n";
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, number.data(), number.size(), 0) < 0)
    note("cannot keep the size of the cache '" + folder + "': " + std::strerror(errno));
}
