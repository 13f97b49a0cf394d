// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor files and inputs: what NumPy and ONNX write is read, headers that lie are refused with the reason, random
// inputs are the documented numbers.

#include "runtime/tensorio/TensorFiles.h"
#include "runtime/tensorio/Inputs.h"
#include "runtime/tensorio/Report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace tinyc::tensorio {
namespace {

std::vector<uint8_t> npy(const std::string &header, size_t dataBytes, uint8_t major = 1) {
  std::vector<uint8_t> file = {0x93, 'N', 'U', 'M', 'P', 'Y', major, 0};
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    file.push_back(uint8_t(header.size() >> (8 * i)));
  file.insert(file.end(), header.begin(), header.end());
  for (size_t i = 0; i < dataBytes; ++i)
    file.push_back(uint8_t(i));
  return file;
}

std::string refused(const std::vector<uint8_t> &file, tinyc_dtype expected = TINYC_DTYPE_F32) {
  HostTensor tensor;
  std::string error;
  return parseNpy(file, expected, tensor, error) ? "" : error;
}

const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";

TEST(Npy, ReadsWhatNumPyWrites) {
  HostTensor tensor;
  std::string error;
  for (uint8_t major : {1, 2, 3}) {
    ASSERT_TRUE(parseNpy(npy(good, 24, major), TINYC_DTYPE_F32, tensor, error)) << error;
    EXPECT_EQ(tensor.type(), "f32[2x3]");
    EXPECT_EQ(tensor.data()[23], 23);
  }
  ASSERT_TRUE(
      parseNpy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (3,), }", 3), TINYC_DTYPE_U8, tensor, error));
  EXPECT_EQ(tensor.type(), "u8[3]");
  ASSERT_TRUE(
      parseNpy(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", 8), TINYC_DTYPE_I64, tensor, error));
  EXPECT_EQ(tensor.type(), "i64[]");
  ASSERT_TRUE(
      parseNpy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 5), }", 0), TINYC_DTYPE_F64, tensor, error));
  EXPECT_EQ(tensor.byteSize(), 0u);
  ASSERT_TRUE(
      parseNpy(npy("{'descr': '<V2', 'fortran_order': False, 'shape': (2,), }", 4), TINYC_DTYPE_BF16, tensor, error));
  EXPECT_EQ(tensor.type(), "bf16[2]");
}

TEST(Npy, RefusesLyingHeaders) {
  EXPECT_NE(refused(npy(good, 23)).find("give 24 bytes, the file holds 23"), std::string::npos);
  EXPECT_NE(refused(npy(good, 25)).find("give 24 bytes, the file holds 25"), std::string::npos);
  std::string huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }";
  EXPECT_NE(refused(npy(huge, 24)).find("more than 2^64"), std::string::npos);
  huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,), }";
  EXPECT_NE(refused(npy(huge, 24)), "");
  huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }";
  EXPECT_NE(refused(npy(huge, 24)).find("not a dictionary"), std::string::npos);
  std::vector<uint8_t> longHeader = npy(good, 24);
  longHeader[8] = longHeader[9] = 0xFF;
  EXPECT_NE(refused(longHeader).find("header claims 65535 bytes"), std::string::npos);
  EXPECT_NE(refused(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 24)).find("big-endian"),
            std::string::npos);
  EXPECT_NE(
      refused(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", 24)).find("'<c8' is not supported"),
      std::string::npos);
  EXPECT_NE(refused(npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", 24)).find("'|O' is not supported"),
            std::string::npos);
  EXPECT_NE(refused(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24)).find("Fortran order"),
            std::string::npos);
  EXPECT_NE(refused(npy("{'descr': '<V2', 'fortran_order': False, 'shape': (2,), }", 4)), "");
  for (const char *header :
       {"", "{", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", "__import__('os')"})
    EXPECT_NE(refused(npy(header, 4)).find("not a dictionary"), std::string::npos) << header;
}

TEST(Npy, EveryTruncationAndFlipIsHandled) {
  std::vector<uint8_t> file = npy(good, 24);
  for (size_t length = 0; length < file.size(); ++length) {
    std::unique_ptr<uint8_t[]> exact(new uint8_t[length]);
    std::copy_n(file.begin(), length, exact.get());
    HostTensor tensor;
    std::string error;
    EXPECT_FALSE(parseNpy({exact.get(), length}, TINYC_DTYPE_F32, tensor, error)) << length;
  }
  for (size_t i = 0; i < file.size() * 8; ++i) {
    std::vector<uint8_t> other = file;
    other[i / 8] ^= uint8_t(1 << (i % 8));
    refused(other); // any answer, no crash
  }
}

TEST(Npy, WritesWhatItReads) {
  std::string path = testing::TempDir() + "/written-" + std::to_string(getpid()) + ".npy", error;
  for (tinyc_dtype dtype : {TINYC_DTYPE_BOOL, TINYC_DTYPE_I64, TINYC_DTYPE_F16, TINYC_DTYPE_BF16, TINYC_DTYPE_F32,
                            TINYC_DTYPE_F8E4M3FN, TINYC_DTYPE_F64})
    for (const std::vector<int64_t> &shape : {std::vector<int64_t>{}, {7}, {2, 0}, {3, 4, 5}}) {
      HostTensor tensor, back;
      tensor.name = "t";
      ASSERT_TRUE(tensor.allocate(dtype, shape, error)) << error;
      fillRandom(tensor, 3);
      ASSERT_TRUE(writeNpy(path, tensor, error)) << error;
      EXPECT_EQ((std::filesystem::file_size(path) - tensor.byteSize()) % 64, 0u);
      ASSERT_TRUE(readTensorFile(path, dtype, back, error)) << error;
      EXPECT_EQ(contentHash(back), contentHash(tensor));
    }
  std::filesystem::remove(path);
  HostTensor tensor;
  EXPECT_FALSE(readTensorFile(path, TINYC_DTYPE_F32, tensor, error));
  EXPECT_EQ(error, "cannot open '" + path + "': No such file or directory");
  EXPECT_FALSE(readTensorFile("/etc/hostname", TINYC_DTYPE_F32, tensor, error));
  EXPECT_NE(error.find("ends in .npy or .pb"), std::string::npos);
}

// ---- TensorProto, written by hand: tag = field * 8 + wire type ----

TEST(TensorProto, ReadsRawAndTypedData) {
  HostTensor tensor;
  std::string error;
  // dims 2 (unpacked), type f32, name "ab", raw_data
  std::vector<uint8_t> raw = {0x08, 2, 0x10, 1, 0x42, 2, 'a', 'b', 0x4A, 8, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40};
  ASSERT_TRUE(parseTensorProto(raw, tensor, error)) << error;
  EXPECT_EQ(tensor.type(), "f32[2]");
  EXPECT_EQ(tensor.name, "ab");
  EXPECT_EQ(elementAt(tensor, 0), 1);
  EXPECT_EQ(elementAt(tensor, 1), 2);
  // dims packed {1, 2}, type int64, int64_data packed {300, -1}
  std::vector<uint8_t> typed = {0x0A, 2,    1,    2,    0x10, 7,    0x3A, 12,   0xAC, 0x02,
                                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
  ASSERT_TRUE(parseTensorProto(typed, tensor, error)) << error;
  EXPECT_EQ(tensor.type(), "i64[1x2]");
  EXPECT_EQ(elementAt(tensor, 0), 300);
  EXPECT_EQ(elementAt(tensor, 1), -1);
  // float16 in int32_data, not packed; float_data packed
  std::vector<uint8_t> half = {0x08, 1, 0x10, 10, 0x28, 0x80, 0x78};
  ASSERT_TRUE(parseTensorProto(half, tensor, error)) << error;
  EXPECT_EQ(tensor.type(), "f16[1]");
  EXPECT_EQ(elementAt(tensor, 0), 1);
  std::vector<uint8_t> floats = {0x08, 1, 0x10, 1, 0x22, 4, 0, 0, 0x40, 0x40};
  ASSERT_TRUE(parseTensorProto(floats, tensor, error)) << error;
  EXPECT_EQ(elementAt(tensor, 0), 3);
}

TEST(TensorProto, TruthValuesAreZeroOrOne) {
  HostTensor tensor;
  std::string error;
  auto check = [&](std::vector<uint8_t> file) {
    ASSERT_TRUE(parseTensorProto(file, tensor, error)) << error;
    EXPECT_EQ(tensor.type(), "bool[3]");
    EXPECT_EQ(std::vector<int>(tensor.data(), tensor.data() + 3), (std::vector<int>{1, 0, 1}));
  };
  check({0x08, 3, 0x10, 9, 0x4A, 3, 0x0F, 0, 1});          // raw
  check({0x08, 3, 0x10, 9, 0x2A, 4, 0x80, 0x02, 0, 0x01}); // int32_data: 256, 0, 1
}

TEST(TensorProto, RefusesWhatDoesNotAddUp) {
  HostTensor tensor;
  std::string error;
  auto check = [&](std::vector<uint8_t> file, const char *reason) {
    EXPECT_FALSE(parseTensorProto(file, tensor, error)) << reason;
    EXPECT_NE(error.find(reason), std::string::npos) << error;
  };
  check({0x08, 3, 0x10, 1, 0x4A, 4, 0, 0, 0, 0}, "give 12 bytes, it holds 4");
  check({0x08, 1, 0x10, 8}, "data type 8 is not supported");
  check({0x08, 1}, "data type 0 is not supported");
  check({0x08, 1, 0x10, 1, 0x4A, 40, 0, 0}, "malformed or truncated");
  check({0x08}, "malformed or truncated");
  check({0x0F, 1}, "malformed or truncated");
  check({0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x10, 1}, "no valid number of bytes");
  check({0x08, 1, 0x10, 1, 0x70, 1}, "another file");
  std::vector<uint8_t> manyDims;
  for (int i = 0; i < 100; ++i)
    manyDims.insert(manyDims.end(), {0x08, 1});
  check(manyDims, "more than 64 dimensions");
}

TEST(TensorProto, RandomBytesNeverCrash) {
  uint64_t seed = 1;
  HostTensor tensor;
  std::string error;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bytes = {0x08, 2, 0x10, 1, 0x4A, 8, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0x22, 0};
    for (int i = 0; i < 3; ++i) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      bytes[(seed >> 33) % bytes.size()] = uint8_t(seed >> 56);
    }
    parseTensorProto(bytes, tensor, error);
  }
}

TEST(Elements, SmallFloatsRoundTrip) {
  std::string error;
  for (tinyc_dtype dtype : {TINYC_DTYPE_F16, TINYC_DTYPE_BF16, TINYC_DTYPE_F8E4M3FN, TINYC_DTYPE_F8E5M2,
                            TINYC_DTYPE_F8E4M3FNUZ, TINYC_DTYPE_F8E5M2FNUZ}) {
    HostTensor tensor;
    ASSERT_TRUE(tensor.allocate(dtype, {1}, error));
    size_t size = tinyc_dtype_size(dtype), codes = size_t(1) << (8 * size);
    for (size_t code = 0; code < codes; ++code) {
      std::memcpy(tensor.data(), &code, size);
      double value = elementAt(tensor, 0);
      setElement(tensor, 0, value);
      size_t back = 0;
      std::memcpy(&back, tensor.data(), size);
      if (std::isnan(value))
        EXPECT_TRUE(std::isnan(elementAt(tensor, 0))) << tinyc_dtype_name(dtype) << " " << code;
      else
        EXPECT_EQ(back, code) << tinyc_dtype_name(dtype);
    }
  }
}

TEST(Elements, SmallFloatsRoundToNearestEven) {
  std::string error;
  auto convert = [&](tinyc_dtype dtype, double value) {
    HostTensor tensor;
    tensor.allocate(dtype, {1}, error);
    setElement(tensor, 0, value);
    return elementAt(tensor, 0);
  };
  EXPECT_EQ(convert(TINYC_DTYPE_F16, 2049), 2048);
  EXPECT_EQ(convert(TINYC_DTYPE_F16, 2051), 2052);
  EXPECT_EQ(convert(TINYC_DTYPE_F16, 65519), 65504);
  EXPECT_EQ(convert(TINYC_DTYPE_F16, 65520), HUGE_VAL);
  EXPECT_EQ(convert(TINYC_DTYPE_F16, 0x1p-25), 0);
  EXPECT_EQ(convert(TINYC_DTYPE_F16, 0x1.8p-25), 0x1p-24);
  EXPECT_EQ(convert(TINYC_DTYPE_BF16, 257), 256);
  EXPECT_EQ(convert(TINYC_DTYPE_F8E4M3FN, 448), 448);
  EXPECT_TRUE(std::isnan(convert(TINYC_DTYPE_F8E4M3FN, 465)));
  EXPECT_EQ(convert(TINYC_DTYPE_F8E4M3FNUZ, 240), 240);
  EXPECT_EQ(convert(TINYC_DTYPE_F8E5M2, 57344), 57344);
  EXPECT_EQ(convert(TINYC_DTYPE_F8E4M3FNUZ, -0.0), 0);
}

TEST(Elements, IntegersEndAtTheirRange) {
  std::string error;
  auto text = [&](tinyc_dtype dtype, double value) {
    HostTensor tensor;
    tensor.allocate(dtype, {1}, error);
    setElement(tensor, 0, value);
    return elementText(tensor, 0);
  };
  // What elementAt gives for the largest is one too many.
  EXPECT_EQ(text(TINYC_DTYPE_U64, 0x1p64), "18446744073709551615");
  EXPECT_EQ(text(TINYC_DTYPE_I64, 0x1p63), "9223372036854775807");
  EXPECT_EQ(text(TINYC_DTYPE_I64, -HUGE_VAL), "-9223372036854775808");
  EXPECT_EQ(text(TINYC_DTYPE_U32, -1), "0");
  EXPECT_EQ(text(TINYC_DTYPE_I8, 127.9), "127");
  EXPECT_EQ(text(TINYC_DTYPE_I8, 1000), "127");
  EXPECT_EQ(text(TINYC_DTYPE_I8, -128), "-128");
  EXPECT_EQ(text(TINYC_DTYPE_U16, NAN), "0");
  // Devices make NaNs of either sign.
  EXPECT_EQ(text(TINYC_DTYPE_F32, std::copysign(NAN, -1.0)), "nan");
  EXPECT_EQ(text(TINYC_DTYPE_BF16, NAN), "nan");
}

TEST(Inputs, RandomValuesAreTheDocumentedOnes) {
  HostTensor tensor;
  std::string error;
  tensor.name = "x";
  ASSERT_TRUE(tensor.allocate(TINYC_DTYPE_F32, {1000}, error));
  fillRandom(tensor, 7);
  // Computed here from the description in Inputs.h.
  auto mix = [](uint64_t v) {
    v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9;
    v = (v ^ (v >> 27)) * 0x94D049BB133111EB;
    return v ^ (v >> 31);
  };
  const uint64_t g = 0x9E3779B97F4A7C15, fnv = (0xCBF29CE484222325 ^ 'x') * 0x100000001B3;
  for (uint64_t i = 0; i < 1000; ++i) {
    uint64_t bits = mix((mix(8 * g) ^ fnv) + (i + 1) * g);
    ASSERT_EQ(elementAt(tensor, i), std::ldexp(double(bits >> 40), -23) - 1);
  }
  std::string first = contentHash(tensor);
  fillRandom(tensor, 8);
  EXPECT_NE(contentHash(tensor), first);
  ASSERT_TRUE(tensor.allocate(TINYC_DTYPE_I32, {1000}, error));
  fillRandom(tensor, 7);
  for (size_t i = 0; i < 1000; ++i)
    ASSERT_TRUE(elementAt(tensor, i) >= 0 && elementAt(tensor, i) <= 9);
}

TEST(Inputs, FlagsAndErrors) {
  std::string error;
  InputFlags flags;
  for (const char *bad :
       {"", "x", "x=f.npy", "=@f.npy", "x=@", "random:", "random:x", "random:-1", "random:99999999999999999999"})
    EXPECT_FALSE(flags.add(bad, error)) << bad;
  int64_t shape[] = {2, 3};
  tinyc_tensor_info wanted[] = {{"x", TINYC_DTYPE_F32, 2, shape, 24}, {"n", TINYC_DTYPE_I64, 0, nullptr, 8}};
  std::vector<HostTensor> inputs;
  EXPECT_FALSE(makeInputs(flags, wanted, inputs, error));
  EXPECT_EQ(error, "input 'x' is not given; the inputs are: x f32[2x3], n i64[]; give --input NAME=@FILE for each, or "
                   "--input random:SEED for the rest");
  ASSERT_TRUE(flags.add("random:5", error));
  ASSERT_TRUE(makeInputs(flags, wanted, inputs, error)) << error;
  EXPECT_EQ(inputs[1].type(), "i64[]");
  ASSERT_TRUE(flags.add("q=@q.npy", error));
  EXPECT_FALSE(makeInputs(flags, wanted, inputs, error));
  EXPECT_EQ(error, "there is no input 'q'; the inputs are: x f32[2x3], n i64[]");
  InputFlags file;
  std::string path = testing::TempDir() + "/input-" + std::to_string(getpid()) + ".npy";
  ASSERT_TRUE(writeNpy(path, inputs[1], error));
  ASSERT_TRUE(file.add("x=@" + path, error));
  EXPECT_FALSE(makeInputs(file, wanted, inputs, error));
  EXPECT_EQ(error, "input 'x': expected f32[2x3], '" + path + "' holds i64[]");
  std::filesystem::remove(path);
}

std::vector<std::string> fileNames(const std::vector<std::string> &names) {
  std::vector<HostTensor> outputs(names.size());
  for (size_t i = 0; i < names.size(); ++i)
    outputs[i].name = names[i];
  return outputFileNames(outputs);
}

TEST(Report, FileNamesStayInTheirFolder) {
  EXPECT_EQ(fileNames({"a/b:0", "../../etc/x", ""}),
            (std::vector<std::string>{"a_b:0.npy", "_.._.._etc_x.npy", "_.npy"}));
}

TEST(Report, NoTwoOutputsShareAFile) {
  EXPECT_EQ(fileNames({"a/b", "a\tb", "a_b", "c/d", "c\nd"}),
            (std::vector<std::string>{"a_b-2.npy", "a_b-3.npy", "a_b.npy", "c_d.npy", "c_d-2.npy"}));
  // A number is not one that another output is called by; nor are equal names one file.
  EXPECT_EQ(fileNames({"a/b", "a_b-2", "a_b", "a_b"}),
            (std::vector<std::string>{"a_b-3.npy", "a_b-2.npy", "a_b.npy", "a_b-4.npy"}));
}

} // namespace
} // namespace tinyc::tensorio
