// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files that are replaced as a whole: what is there while one is written, after an error, and after a kill.

#include "runtime/schema/AtomicFile.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tinyc {
namespace {

class AtomicFileTest : public testing::Test {
protected:
  std::string folder = testing::TempDir() + "/atomic-" + std::to_string(getpid()), path = folder + "/file";

  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string content() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void replace(const std::string &text) const {
    AtomicFile file(path);
    file.write(text.data(), text.size());
    EXPECT_TRUE(file.commit()) << file.error();
  }
  size_t fileCount() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }
  // A process that ends, killed, while it writes.
  void abandon(const std::string &text) const {
    pid_t child = fork();
    if (child == 0) {
      AtomicFile file(path);
      file.write(text.data(), text.size());
      raise(SIGKILL);
    }
    waitpid(child, nullptr, 0);
  }
};

TEST_F(AtomicFileTest, IsSeenWhenItIsComplete) {
  replace("old");
  chmod(path.c_str(), 0640);
  AtomicFile file(path);
  file.write("ne", 2);
  EXPECT_EQ(content(), "old");
  file.write("w", 1);
  ASSERT_TRUE(file.commit()) << file.error();
  EXPECT_EQ(content(), "new");
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(fileCount(), 1u);
}

TEST_F(AtomicFileTest, WithoutCommitNothingHappened) {
  replace("old");
  {
    AtomicFile(path).write("new", 3);
  }
  EXPECT_EQ(content(), "old");
  EXPECT_EQ(fileCount(), 1u);
}

TEST_F(AtomicFileTest, AnErrorLeavesTheOldFile) {
  replace("old");
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit = {4096, before.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  bool written;
  std::string error;
  {
    AtomicFile file(path);
    std::string text(10000, 'n');
    file.write(text.data(), text.size());
    written = file.commit();
    error = file.error();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(written);
  EXPECT_EQ(error, "cannot write '" + path + "': File too large");
  EXPECT_EQ(content(), "old");
  EXPECT_EQ(fileCount(), 1u);
}

TEST_F(AtomicFileTest, DevicesAreWrittenInPlace) {
  AtomicFile full("/dev/full");
  full.write("x", 1);
  EXPECT_FALSE(full.commit());
  EXPECT_EQ(full.error(), "cannot write '/dev/full': No space left on device");
  EXPECT_EQ(full.temporaryPath(), "");
  AtomicFile none(folder);
  EXPECT_EQ(none.error(), "cannot write '" + folder + "': Is a directory");
}

// As the shell opened it: behind what is there, and with no other file in its place.
TEST_F(AtomicFileTest, OwnDescriptorsAreWrittenThrough) {
  replace("old ");
  int descriptor = open(path.c_str(), O_WRONLY | O_APPEND);
  ASSERT_GE(descriptor, 0);
  std::string number = std::to_string(descriptor), link = folder + "/link";
  ASSERT_EQ(symlink(("/dev/fd/" + number).c_str(), link.c_str()), 0);
  for (const std::string &name : {"/dev/fd/" + number, "/proc/self/fd/" + number, link}) {
    AtomicFile file(name);
    EXPECT_EQ(file.temporaryPath(), "");
    file.write("new ", 4);
    EXPECT_TRUE(file.commit()) << file.error();
  }
  EXPECT_EQ(content(), "old new new new ");
  close(descriptor);
  AtomicFile closed("/dev/fd/" + number);
  EXPECT_EQ(closed.error(), "cannot write '/dev/fd/" + number + "': Bad file descriptor");
}

TEST_F(AtomicFileTest, LinksAreFollowedToWhatIsNotThereYet) {
  std::string link = folder + "/link", second = folder + "/second", loop = folder + "/loop";
  ASSERT_EQ(symlink("file", second.c_str()), 0);
  ASSERT_EQ(symlink(second.c_str(), link.c_str()), 0);
  for (const std::string text : {"first", "next"}) { // a file that is new, and one that is there
    AtomicFile file(link);
    file.write(text.data(), text.size());
    ASSERT_TRUE(file.commit()) << file.error();
    EXPECT_TRUE(std::filesystem::is_symlink(link) && std::filesystem::is_symlink(second));
    EXPECT_EQ(content(), text);
  }
  ASSERT_EQ(symlink("loop", loop.c_str()), 0);
  EXPECT_EQ(AtomicFile(loop).error(), "cannot write '" + loop + "': Too many levels of symbolic links");
}

// A rename needs the folder's permission only; a file that may not be written is not replaced all the same.
TEST_F(AtomicFileTest, PermissionsHold) {
  replace("old");
  chmod(path.c_str(), 0444);
  chmod(folder.c_str(), 0777);
  std::filesystem::create_directories(folder + "/closed");
  chmod((folder + "/closed").c_str(), 0555);
  pid_t child = fork();
  if (child == 0) {
    constexpr unsigned nobody = 65534; // what root may do says nothing
    if (getuid() == 0 && (setgid(nobody) != 0 || setuid(nobody) != 0))
      _exit(1);
    bool refused = AtomicFile(path).errorCode() == EACCES && AtomicFile(folder + "/closed/new").errorCode() == EACCES;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(content(), "old");
}

TEST_F(AtomicFileTest, WhatAKilledWriterLeftIsRemoved) {
  replace("old");
  abandon("half");
  abandon("half");
  EXPECT_EQ(content(), "old");
  EXPECT_EQ(fileCount(), 3u);
  AtomicFile open(path);
  open.write("new", 3);
  EXPECT_EQ(fileCount(), 4u);
  AtomicFile::removeAbandoned(folder);
  EXPECT_EQ(fileCount(), 2u); // that of a writer which lives stays
  EXPECT_TRUE(open.commit()) << open.error();
  EXPECT_EQ(content(), "new");
}

// Only names that a writer makes are removed, and those are nobody's results.
TEST_F(AtomicFileTest, OtherNamesAreNotTemporary) {
  path = folder + "/file.tinyc-tmp";
  replace("result");
  for (const char *name : {"f.0123456.tinyc-tmp", "f.012345678.tinyc-tmp", "f.0123456G.tinyc-tmp",
                           ".01234567.tinyc-tmp", "f01234567.tinyc-tmp", "f.01234567.tinyc-tmp2"}) {
    EXPECT_FALSE(AtomicFile::isTemporary(name)) << name;
    std::ofstream(folder + "/" + name) << name;
  }
  AtomicFile::removeAbandoned(folder);
  EXPECT_EQ(fileCount(), 7u);
  EXPECT_EQ(content(), "result");
  std::string temporary = folder + "/f.0123abcd.tinyc-tmp";
  EXPECT_TRUE(AtomicFile::isTemporary(temporary));
  EXPECT_EQ(AtomicFile(temporary).error(), "cannot write '" + temporary +
                                               "': files whose names end in .XXXXXXXX.tinyc-tmp are unfinished ones, "
                                               "and get removed");
}

// Writers of one file, some of them killed, while others clean up: whoever reads sees all of what one of them wrote.
TEST_F(AtomicFileTest, ManyWritersAndKills) {
  replace(std::string(5000, 'a'));
  std::vector<pid_t> children;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    pid_t child = fork();
    if (child == 0) {
      for (int round = 0; round < 200; ++round) {
        AtomicFile::removeAbandoned(folder);
        AtomicFile file(path);
        for (int i = 0; i < 5; ++i)
          file.write(std::string(1000, letter).data(), 1000);
        if (letter == 'd' && round == 100)
          raise(SIGKILL);
        if (!file.commit())
          _exit(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (int reads = 0; reads < 500; ++reads) {
    std::string text = content();
    ASSERT_EQ(text, std::string(5000, text.empty() ? '?' : text[0]));
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(child == children.back() ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  AtomicFile::removeAbandoned(folder);
  EXPECT_EQ(fileCount(), 1u);
}

} // namespace
} // namespace tinyc
