// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broken files: flipped bytes, truncation, wrong magic and versions, and headers whose hashes are right but whose
// contents are not. Each is refused with a reason; none may crash (the same tests run under sanitizers).

#include "runtime/schema/Container.h"
#include "test/runtime/ConformanceKernels.h"
#include "test/runtime/RuntimeFixture.h"
#include "test/runtime/SampleArtefact.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <unistd.h>

namespace tinyc::test {
namespace {

using namespace artefact;

std::vector<uint8_t> bytesOf(const Artefact &a) {
  std::vector<uint8_t> file;
  std::string error;
  EXPECT_TRUE(serialize(a, file, error)) << error;
  return file;
}

std::string open(const std::vector<uint8_t> &file) {
  // A copy of exact size, so that sanitizers see any read past the end.
  std::unique_ptr<uint8_t[]> exact(new uint8_t[file.size()]);
  std::copy(file.begin(), file.end(), exact.get());
  tinyc_artefact *artefact = nullptr;
  std::string message = take(tinyc_artefact_open_memory(exact.get(), file.size(), &artefact));
  EXPECT_EQ(artefact == nullptr, !message.empty());
  tinyc_artefact_close(artefact);
  return message;
}

/// Opens, asks for everything, puts it on the null device and runs it.
std::string useAll(const std::vector<uint8_t> &file, bool run = true) {
  std::unique_ptr<uint8_t[]> exact(new uint8_t[file.size()]);
  std::copy(file.begin(), file.end(), exact.get());
  Loaded loaded;
  std::string message = take(tinyc_artefact_open_memory(exact.get(), file.size(), &loaded.artefact));
  if (!message.empty())
    return message;
  tinyc_tensor_info info;
  for (size_t e = 0; e < tinyc_artefact_entry_count(loaded.artefact); ++e) {
    const char *entry = tinyc_artefact_entry_name(loaded.artefact, e);
    for (size_t i = 0; i < tinyc_artefact_input_count(loaded.artefact, entry); ++i)
      EXPECT_EQ(take(tinyc_artefact_input(loaded.artefact, entry, i, &info)), "");
    for (size_t i = 0; i < tinyc_artefact_output_count(loaded.artefact, entry); ++i)
      EXPECT_EQ(take(tinyc_artefact_output(loaded.artefact, entry, i, &info)), "");
  }
  take(tinyc_artefact_verify(loaded.artefact));
  EXPECT_EQ(take(tinyc_device_open("null", &loaded.device)), "");
  message = take(tinyc_model_create(loaded.artefact, loaded.device, nullptr, &loaded.model));
  if (message.empty())
    message = take(tinyc_context_create(loaded.model, nullptr, &loaded.context));
  if (message.empty() && run) {
    FloatVector x("x", 1), y("y", 0);
    message = loaded.run("main", {&x}, {&y});
  }
  return message;
}

TEST(ArtefactFile, SampleIsSound) {
  std::vector<uint8_t> file = bytesOf(sampleArtefact());
  EXPECT_EQ(open(file), "");
  EXPECT_EQ(useAll(file), "");
  rehash(file);
  EXPECT_EQ(open(file), "") << "rehash must agree with the writer";
  EXPECT_EQ(file, bytesOf(sampleArtefact())) << "writing is deterministic";
}

TEST(ArtefactFile, EveryFlippedByteIsRefused) {
  std::vector<uint8_t> file = bytesOf(sampleArtefact());
  for (size_t i = 0; i < file.size(); ++i) {
    file[i] ^= 0x10;
    std::string message = open(file);
    ASSERT_NE(message, "") << "byte " << i;
    // Within the prefix the reason may be a size or version; anywhere else it is the hash.
    if (i >= sizeof(container::Prefix))
      ASSERT_NE(message.find("hash mismatch"), std::string::npos) << "byte " << i << ": " << message;
    file[i] ^= 0x10;
  }
}

TEST(ArtefactFile, WeightsAreCheckedAtFirstUse) {
  std::vector<float> large(3 << 18, 2.0f);
  Artefact a = sampleArtefact();
  a.weights[0] = {{"w", DType::F32, {3 << 18}}, {reinterpret_cast<uint8_t *>(large.data()), large.size() * 4}};
  a.states.clear();
  a.entryPoints[1].states.clear();
  Target &t = a.targets[0];
  t.plans[0].buffers[0].size = large.size() * 4;
  t.plans[1].buffers[3] = arena(0);
  t.plans[1].commands.erase(t.plans[1].commands.begin() + 2);
  addDependencies(t, t.plans[1], t.plans[1].commands);
  std::vector<uint8_t> file = bytesOf(a);
  ASSERT_EQ(useAll(file), "");
  for (size_t at : {file.size() - 1, file.size() - (1 << 20)}) {
    file[at] ^= 1;
    EXPECT_EQ(open(file), "");
    std::string message = useAll(file);
    EXPECT_NE(message.find("hash mismatch in bytes"), std::string::npos) << message;
    file[at] ^= 1;
  }
}

TEST(ArtefactFile, EveryTruncationIsRefused) {
  std::vector<uint8_t> file = bytesOf(sampleArtefact());
  for (size_t length = 0; length < file.size(); length += length < 512 ? 1 : 61) {
    std::string message = open({file.begin(), file.begin() + ptrdiff_t(length)});
    ASSERT_NE(message.find("truncated"), std::string::npos) << length << ": " << message;
  }
  file.push_back(0);
  EXPECT_NE(open(file).find("bytes follow the end"), std::string::npos);
}

TEST(ArtefactFile, WrongMagicAndVersionAreNamed) {
  std::vector<uint8_t> file = bytesOf(sampleArtefact());
  std::vector<uint8_t> other = file;
  other[0] = 'x';
  EXPECT_NE(open(other).find("wrong magic"), std::string::npos);
  other = file;
  other[offsetof(container::Prefix, major)] = 9;
  rehash(other);
  EXPECT_NE(open(other).find("format version 9." + std::to_string(container::minorVersion)), std::string::npos)
      << open(other);
  other = file;
  other[offsetof(container::Prefix, minor)] = 9;
  rehash(other);
  EXPECT_EQ(open(other), "") << "a newer minor version is read";
}

TEST(ArtefactFile, OffsetsInThePrefixAreChecked) {
  const std::vector<uint8_t> file = bytesOf(sampleArtefact());
  for (size_t field : {offsetof(container::Prefix, dataOffset), offsetof(container::Prefix, headerSize),
                       offsetof(container::Prefix, weightsOffset), offsetof(container::Prefix, chunkCount)})
    for (uint64_t value : {uint64_t(0), uint64_t(1), uint64_t(4096), uint64_t(1) << 20, uint64_t(1) << 40, ~uint64_t(0),
                           ~uint64_t(4095), uint64_t(1) << 63}) {
      std::vector<uint8_t> other = file;
      if (std::memcmp(&other[field], &value, 8) == 0)
        continue;
      std::memcpy(&other[field], &value, 8);
      EXPECT_NE(open(other), "") << field << " " << value;
    }
}

// Changes every number in the header and makes the hashes right: opening must refuse or succeed, never misbehave.
TEST(ArtefactFile, NoHeaderCrashes) {
  const std::vector<uint8_t> file = bytesOf(sampleArtefact());
  container::Prefix prefix;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  size_t refused = 0, tried = 0;
  for (uint64_t at = prefix.dataOffset; at + 4 <= prefix.dataOffset + prefix.headerSize; at += 4)
    for (uint32_t value : {0u, 1u, 0x7FFFFFFFu, 0xFFFFFFFFu, 0x80000000u, 64u}) {
      std::vector<uint8_t> other = file;
      std::memcpy(&other[at], &value, 4);
      rehash(other);
      // Not run: a loop may now have 2^31 valid iterations.
      refused += !useAll(other, /*run=*/false).empty();
      ++tried;
    }
  EXPECT_GT(refused, tried / 4);
}

struct Mutant {
  const char *name, *reason;
  std::function<void(Artefact &)> change;
};

class RefusedHeader : public testing::TestWithParam<Mutant> {};

TEST_P(RefusedHeader, NamesTheReason) {
  Artefact a = sampleArtefact();
  GetParam().change(a);
  std::string message = open(bytesOf(a));
  EXPECT_NE(message.find(GetParam().reason), std::string::npos) << message;
}

Plan &mainPlan(Artefact &a) { return a.targets[0].plans[1]; }

const Mutant mutants[] = {
    {"BufferIndex", "input 7 is out of range, there are 1", [](Artefact &a) { mainPlan(a).buffers[0].index = 7; }},
    {"BufferSize", "expected all 4096 bytes", [](Artefact &a) { mainPlan(a).buffers[0].size = 8192; }},
    {"ArenaOffset", "offset out of range: 4096 bytes at 8192 of an arena of 8192",
     [](Artefact &a) { mainPlan(a).buffers[4].offset = 8192; }},
    {"ArenaOffsetOverflow", "offset out of range", [](Artefact &a) { mainPlan(a).buffers[4].offset = ~uint64_t(63); }},
    {"ArenaAlignment", "is not a multiple of 64", [](Artefact &a) { mainPlan(a).buffers[4].offset = 4; }},
    {"ArgumentBuffer", "buffer 99 is out of range",
     [](Artefact &a) { mainPlan(a).commands[0].arguments[1].buffer = 99; }},
    {"ArgumentOffset", "offset out of range",
     [](Artefact &a) { mainPlan(a).commands[0].arguments[1].offset = 1 << 20; }},
    {"CopySize", "offset out of range: 4097 bytes", [](Artefact &a) { mainPlan(a).commands[3].size = 4097; }},
    {"CopyHugeOffset", "offset out of range",
     [](Artefact &a) { mainPlan(a).commands[3].arguments[0].offset = ~uint64_t(0); }},
    {"LoopStride", "offset out of range",
     [](Artefact &a) { mainPlan(a).commands[1].body[0].arguments[0].stride = 4096; }},
    {"LoopStrideOverflow", "offset out of range",
     [](Artefact &a) { mainPlan(a).commands[1].body[0].arguments[0].stride = INT64_MAX / 64 * 64; }},
    {"StrideWithoutLoop", "stride outside of a loop",
     [](Artefact &a) { mainPlan(a).commands[0].arguments[0].stride = 64; }},
    {"LoopWithoutBody", "a loop without a body", [](Artefact &a) { mainPlan(a).commands[1].body.clear(); }},
    {"BodyWithoutLoop", "a body, which only loops have",
     [](Artefact &a) { mainPlan(a).commands[0].body = mainPlan(a).commands[1].body; }},
    {"LoopArguments", "a loop with arguments",
     [](Artefact &a) { mainPlan(a).commands[1].arguments = mainPlan(a).commands[0].arguments; }},
    {"LoopDepth", "loops nest deeper than 8",
     [](Artefact &a) {
       Command c = mainPlan(a).commands[1].body[0];
       for (int i = 0; i < 9; ++i)
         c = loop(2, {c});
       mainPlan(a).commands[1] = c;
       addDependencies(a.targets[0], mainPlan(a), mainPlan(a).commands);
     }},
    {"KernelIndex", "kernel 50 is out of range", [](Artefact &a) { mainPlan(a).commands[0].kernel = 50; }},
    {"ArgumentCount", "kernel 'add_0' takes 3", [](Artefact &a) { mainPlan(a).commands[0].arguments.pop_back(); }},
    {"SymbolCount", "symbols given", [](Artefact &a) { mainPlan(a).commands[0].symbols.push_back(1); }},
    {"LoopIndexSymbol", "loop index symbol", [](Artefact &a) { mainPlan(a).commands[1].body[0].loopIndexSymbol = 2; }},
    {"ForwardDependency", "which is not before it", [](Artefact &a) { mainPlan(a).commands[0].dependencies = {{2}}; }},
    {"SelfDependency", "which is not before it", [](Artefact &a) { mainPlan(a).commands[2].dependencies = {{2}}; }},
    {"MissingDependency", "overlapping buffers: it and command 0 touch the same bytes",
     [](Artefact &a) { mainPlan(a).commands[1].dependencies.clear(); }},
    {"MissingWarDependency", "no dependency orders them",
     [](Artefact &a) {
       // y = x + w into the arena; then the arena is reused without waiting for the reader.
       mainPlan(a).commands.push_back(launch(Scale, {{0}, {4}}, {1, 1}));
     }},
    {"OverlappingArenaBuffers", "overlapping buffers: arguments 0 and 1 of kernel 'scale_1'",
     [](Artefact &a) {
       mainPlan(a).buffers[5].offset = 64;
       mainPlan(a).arenaSize = 3 * vectorBytes;
     }},
    {"OverlappingCopy", "source and destination share bytes",
     [](Artefact &a) { mainPlan(a).commands[3].arguments[1] = {1}; }},
    {"WritesInput", "an input or a weight, which no command may write",
     [](Artefact &a) { mainPlan(a).commands[2].arguments[1].buffer = 0; }},
    {"WritesDerived", "only init may write", [](Artefact &a) { mainPlan(a).commands[2].arguments[1].buffer = 2; }},
    {"DerivedIndex", "derived tensor 3 is out of range, there are 1",
     [](Artefact &a) { mainPlan(a).buffers[2].index = 3; }},
    {"DerivedSize", "expected all 8192 bytes", [](Artefact &a) { a.targets[0].derived[0].size = 2 * vectorBytes; }},
    {"HugeDerived", "expected a key of 32 bytes and a size up to 2^48",
     [](Artefact &a) { a.targets[0].derived[0].size = uint64_t(1) << 60; }},
    {"DerivedWithoutInit", "derived tensor 0 is used, and init does not write it",
     [](Artefact &a) { a.targets[0].plans.erase(a.targets[0].plans.begin()); }},
    {"DerivedNotWritten", "derived tensor 1 is used, and init does not write it",
     [](Artefact &a) {
       a.targets[0].derived.push_back({"other", {}, vectorBytes});
       mainPlan(a).buffers[2].index = 1;
     }},
    {"OutputNotWritten", "no command writes output 'y'", [](Artefact &a) { mainPlan(a).commands.pop_back(); }},
    {"StateNotDonated", "is not an argument of the entry point", [](Artefact &a) { a.entryPoints[1].states.clear(); }},
    {"StateIndex", "state 4 is out of range", [](Artefact &a) { a.entryPoints[1].states = {4}; }},
    {"InitialWeight", "initial weight 9 is out of range", [](Artefact &a) { a.states[0].initialWeight = 9; }},
    {"InitWithInputs", "init takes and gives no tensors", [](Artefact &a) { a.entryPoints[0].inputs = {vector("q")}; }},
    {"InputValueSize", "the value of 'x' is not one of an input of its size",
     [](Artefact &a) { a.entryPoints[1].inputs[0].value = {1, 2}; }},
    {"OutputValue", "is not one of an input of its size",
     [](Artefact &a) { a.entryPoints[1].outputs[0].value.assign(a.entryPoints[1].outputs[0].byteSize(), 0); }},
    {"NegativeDimension", "type or shape out of range", [](Artefact &a) { a.entryPoints[1].inputs[0].shape = {-1}; }},
    {"HugeTensor", "type or shape out of range",
     [](Artefact &a) { a.entryPoints[1].inputs[0].shape = {int64_t(1) << 62}; }},
    {"HugeTensorTimesZero", "type or shape out of range",
     [](Artefact &a) { a.entryPoints[1].inputs[0].shape = {int64_t(1) << 62, 0}; }},
    {"UnknownType", "type or shape out of range",
     [](Artefact &a) { a.entryPoints[1].inputs[0].dtype = static_cast<DType>(77); }},
    {"TwoEntriesOfAName", "two entry points are called 'main'", [](Artefact &a) { a.entryPoints[0].name = "main"; }},
    {"TwoInputsOfAName", "two tensors are called 'x'",
     [](Artefact &a) { a.entryPoints[1].inputs.push_back(vector("x")); }},
    {"TwoPlans", "two plans for entry point", [](Artefact &a) { a.targets[0].plans.push_back(a.targets[0].plans[0]); }},
    {"PlanOfNoEntry", "entry point 5 is out of range", [](Artefact &a) { a.targets[0].plans[0].entryPoint = 5; }},
    {"ModuleIndex", "module 3 is out of range", [](Artefact &a) { a.targets[0].kernels[0].module = 3; }},
    {"NoUnits", "no unit of work", [](Artefact &a) { a.targets[0].kernels[0].units = 0; }},
    {"EmptyBlock", "grid or block is empty",
     [](Artefact &a) {
       a.targets[0].kind = TargetKind::Cuda;
       a.targets[0].kernels[0].block.y = 0;
     }},
    {"LargeBlock", "more than 1024 threads",
     [](Artefact &a) {
       a.targets[0].kind = TargetKind::Hip;
       a.targets[0].kernels[0].block = {64, 64, 1};
     }},
};

INSTANTIATE_TEST_SUITE_P(Mutants, RefusedHeader, testing::ValuesIn(mutants),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(ArtefactFile, RangesOfCodeAndWeightsStayInTheirPart) {
  // Ranges come from the writer; find one by its value and move it.
  const std::vector<uint8_t> file = bytesOf(sampleArtefact());
  container::Prefix prefix;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  size_t moved = 0;
  for (uint64_t at = prefix.dataOffset; at + 16 <= prefix.dataOffset + prefix.headerSize; at += 8) {
    uint64_t range[2];
    std::memcpy(range, &file[at], 16);
    bool isWeight = range[0] == prefix.weightsOffset && range[1] == vectorBytes;
    if (!isWeight)
      continue;
    ++moved;
    for (uint64_t offset : {uint64_t(0), uint64_t(file.size()), ~uint64_t(63), uint64_t(1) << 62}) {
      std::vector<uint8_t> other = file;
      std::memcpy(&other[at], &offset, 8);
      rehash(other);
      EXPECT_NE(open(other).find("weight 0: offset out of range"), std::string::npos) << open(other);
    }
    std::vector<uint8_t> other = file;
    uint64_t huge = ~uint64_t(0) - 8;
    std::memcpy(&other[at + 8], &huge, 8);
    rehash(other);
    EXPECT_NE(open(other).find("weight 0: offset out of range"), std::string::npos) << open(other);
  }
  EXPECT_EQ(moved, 1u);
}

TEST(ArtefactFile, OneThatIsCutShortAfterItWasOpenedIsRefused) {
  std::vector<uint8_t> bytes = bytesOf(sampleArtefact());
  std::string path = testing::TempDir() + "/cut-" + std::to_string(getpid()) + ".tinyc";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  Loaded loaded;
  ASSERT_EQ(take(tinyc_artefact_open_file(path.c_str(), &loaded.artefact)), "");
  std::filesystem::resize_file(path, 4096);
  EXPECT_EQ(take(tinyc_artefact_verify(loaded.artefact)),
            "'" + path + "': it was cut short while it was open: it has 4096 bytes, had " +
                std::to_string(bytes.size()));
  // One that is replaced, as every tool of ours does, is another file: the old one is still mapped.
  std::ofstream(path + ".new", std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  std::filesystem::rename(path + ".new", path);
  Loaded again;
  ASSERT_EQ(take(tinyc_artefact_open_file(path.c_str(), &again.artefact)), "");
  std::ofstream(path + ".new") << "short";
  std::filesystem::rename(path + ".new", path);
  EXPECT_EQ(take(tinyc_artefact_verify(again.artefact)), "");
  std::filesystem::remove(path);
}

TEST(ArtefactFile, ExternalWeightsAreFoundByHash) {
  Artefact a = sampleArtefact();
  a.weights[0].external = true;
  std::string folder = testing::TempDir() + "/weights-" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  std::string path = folder + "/m.tinyc";
  std::vector<uint8_t> written = bytesOf(a);
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(written.data()), written.size());
  auto tryIt = [&] {
    Loaded loaded;
    std::string message = take(tinyc_artefact_open_file(path.c_str(), &loaded.artefact));
    if (message.empty())
      message = take(tinyc_device_open("null", &loaded.device));
    if (message.empty())
      message = take(tinyc_model_create(loaded.artefact, loaded.device, nullptr, &loaded.model));
    return message;
  };
  std::string missing = tryIt();
  EXPECT_NE(missing.find("weight 'w' is kept outside"), std::string::npos) << missing;
  std::string name = toHex(Sha256::of(a.weights[0].bytes.data(), a.weights[0].bytes.size())) + ".bin";
  std::ofstream(folder + "/" + name, std::ios::binary).write("short", 5);
  EXPECT_NE(tryIt().find("does not hold weight 'w': hash mismatch"), std::string::npos);
  std::ofstream(folder + "/" + name, std::ios::binary)
      .write(reinterpret_cast<const char *>(a.weights[0].bytes.data()), ptrdiff_t(a.weights[0].bytes.size()));
  EXPECT_EQ(tryIt(), "");
  std::filesystem::remove_all(folder);
}

TEST(ArtefactFile, EqualBytesAreStoredOnce) {
  std::vector<float> values(1 << 16, 3.0f);
  std::span<const uint8_t> bytes(reinterpret_cast<uint8_t *>(values.data()), values.size() * 4);
  Artefact a = sampleArtefact();
  size_t one = 0;
  for (int i = 0; i < 4; ++i) {
    a.addWeight({"copy" + std::to_string(i), DType::F32, {1 << 16}}, bytes);
    size_t size = bytesOf(a).size();
    if (i == 0)
      one = size;
    EXPECT_LT(size, one + 4096);
  }
}

TEST(ArtefactFile, UnreadableFilesAreNamed) {
  tinyc_artefact *artefact = nullptr;
  std::string message = take(tinyc_artefact_open_file("/no/such/file.tinyc", &artefact));
  EXPECT_EQ(message, "cannot open '/no/such/file.tinyc': No such file or directory");
  message = take(tinyc_artefact_open_file("/", &artefact));
  EXPECT_NE(message.find("is not a regular file"), std::string::npos) << message;
}

TEST(Sha256, KnownAnswers) {
  // FIPS 180-4 examples, and a length that needs a second block of padding.
  EXPECT_EQ(toHex(Sha256::of("abc", 3)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(toHex(Sha256::of("", 0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  std::string text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  EXPECT_EQ(toHex(Sha256::of(text.data(), text.size())),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  std::string million(1000000, 'a');
  EXPECT_EQ(toHex(Sha256::of(million.data(), million.size())),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, BothImplementationsAgree) {
  detail::Sha256Blocks fast = detail::sha256Accelerated();
  if (!fast)
    GTEST_SKIP() << "this CPU has no SHA instructions";
  std::vector<uint8_t> blocks(64 * 33);
  for (size_t i = 0; i < blocks.size(); ++i)
    blocks[i] = uint8_t(i * 131 + i / 64);
  uint32_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8}, b[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  detail::sha256Portable(a, blocks.data(), 33);
  fast(b, blocks.data(), 33);
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(a[i], b[i]) << i;
}

TEST(Sha256, PiecesGiveTheSameDigest) {
  std::string text(1000, 'q');
  for (size_t cut : {0, 1, 55, 56, 63, 64, 65, 127, 128, 999})
    EXPECT_EQ(Sha256().update(text.data(), cut).update(text.data() + cut, text.size() - cut).finish(),
              Sha256::of(text.data(), text.size()))
        << cut;
}

} // namespace
} // namespace tinyc::test
