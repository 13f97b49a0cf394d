// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NumPy's .npy: six bytes of magic, two of version, the header's length, then a Python dictionary with the keys descr,
// fortran_order and shape, then the elements.

#include "runtime/schema/AtomicFile.h"
#include "runtime/tensorio/TensorFiles.h"

#include <cstring>

namespace tinyc::tensorio {
namespace {

constexpr uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

struct Name {
  const char *descr; // without the byte order
  tinyc_dtype dtype;
};
constexpr Name names[] = {
    {"b1", TINYC_DTYPE_BOOL}, {"i1", TINYC_DTYPE_I8},  {"i2", TINYC_DTYPE_I16}, {"i4", TINYC_DTYPE_I32},
    {"i8", TINYC_DTYPE_I64},  {"u1", TINYC_DTYPE_U8},  {"u2", TINYC_DTYPE_U16}, {"u4", TINYC_DTYPE_U32},
    {"u8", TINYC_DTYPE_U64},  {"f2", TINYC_DTYPE_F16}, {"f4", TINYC_DTYPE_F32}, {"f8", TINYC_DTYPE_F64},
};

/// Reads just the dictionaries that NumPy writes.
class HeaderParser {
public:
  HeaderParser(std::string_view text) : text(text) {}

  bool parse() {
    if (!eat('{'))
      return false;
    while (!eat('}')) {
      std::string key;
      if (!string(key) || !eat(':'))
        return false;
      bool ok = key == "descr"           ? !haveDescr && (haveDescr = string(descr))
                : key == "fortran_order" ? !haveOrder && (haveOrder = boolean(fortran))
                : key == "shape"         ? !haveShape && (haveShape = tuple())
                                         : false;
      if (!ok)
        return false;
      if (!eat(',') && !peek('}'))
        return false;
    }
    skip();
    return at == text.size() && haveDescr && haveOrder && haveShape;
  }

  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;

private:
  void skip() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n'))
      ++at;
  }
  bool peek(char c) {
    skip();
    return at < text.size() && text[at] == c;
  }
  bool eat(char c) { return peek(c) && ++at; }
  bool string(std::string &value) {
    skip();
    if (at >= text.size() || (text[at] != '\'' && text[at] != '"'))
      return false;
    size_t end = text.find(text[at], at + 1);
    if (end == std::string_view::npos)
      return false;
    value = text.substr(at + 1, end - at - 1);
    at = end + 1;
    return true;
  }
  bool boolean(bool &value) {
    skip();
    for (bool candidate : {true, false}) {
      std::string_view word = candidate ? "True" : "False";
      if (text.substr(at, word.size()) == word) {
        value = candidate;
        at += word.size();
        return true;
      }
    }
    return false;
  }
  bool tuple() {
    if (!eat('('))
      return false;
    while (!eat(')')) {
      skip();
      int64_t value = 0;
      size_t begin = at;
      for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
        if (__builtin_mul_overflow(value, int64_t(10), &value) ||
            __builtin_add_overflow(value, int64_t(text[at] - '0'), &value))
          return false;
      if (at == begin || shape.size() == 64)
        return false;
      shape.push_back(value);
      if (!eat(',') && !peek(')'))
        return false;
    }
    return true;
  }

  std::string_view text;
  size_t at = 0;
  bool haveDescr = false, haveOrder = false, haveShape = false;
};

bool typeOf(const std::string &descr, tinyc_dtype expected, tinyc_dtype &dtype, std::string &error) {
  char order = descr.empty() ? ' ' : descr[0];
  std::string rest = descr.empty() ? "" : descr.substr(1);
  if (order == '>' && rest != "b1" && rest != "i1" && rest != "u1") {
    error = "its elements are big-endian (" + descr + "); save them as little-endian";
    return false;
  }
  if (order == '<' || order == '|' || order == '=' || order == '>')
    for (const Name &name : names)
      if (rest == name.descr) {
        dtype = name.dtype;
        return true;
      }
  size_t expectedSize = tinyc_dtype_size(expected);
  bool isFloatWithoutName = expected == TINYC_DTYPE_BF16 || expected >= TINYC_DTYPE_F8E4M3FN;
  if (isFloatWithoutName && rest == "V" + std::to_string(expectedSize)) {
    dtype = expected;
    return true;
  }
  error = "element type '" + descr + "' is not supported";
  return false;
}

} // namespace

bool parseNpy(std::span<const uint8_t> file, tinyc_dtype expected, HostTensor &tensor, std::string &error) {
  if (file.size() < 10 || std::memcmp(file.data(), magic, sizeof(magic)) != 0) {
    error = "not an .npy file: wrong magic";
    return false;
  }
  unsigned major = file[6];
  if (major < 1 || major > 3) {
    error = ".npy format " + std::to_string(major) + " is not supported, 1 to 3 are";
    return false;
  }
  size_t prefix = major == 1 ? 10 : 12;
  if (file.size() < prefix) {
    error = "the .npy file is truncated in its header";
    return false;
  }
  size_t length = file[8] | size_t(file[9]) << 8;
  if (major > 1)
    length |= size_t(file[10]) << 16 | size_t(file[11]) << 24;
  if (length > file.size() - prefix) {
    error = "the .npy header claims " + std::to_string(length) + " bytes, the file has " +
            std::to_string(file.size() - prefix) + " left";
    return false;
  }
  HeaderParser header({reinterpret_cast<const char *>(file.data()) + prefix, length});
  if (!header.parse()) {
    error = "the .npy header is not a dictionary of descr, fortran_order and shape";
    return false;
  }
  tinyc_dtype dtype;
  if (!typeOf(header.descr, expected, dtype, error))
    return false;
  // The size is compared with the file before anything is allocated.
  uint64_t size = tinyc_dtype_size(dtype), available = file.size() - prefix - length;
  bool overflow = false;
  int longDimensions = 0;
  for (int64_t dim : header.shape) {
    overflow |= __builtin_mul_overflow(size, static_cast<uint64_t>(dim), &size);
    longDimensions += dim > 1;
  }
  if (overflow || size != available) {
    error = "the .npy header's shape and type give " + (overflow ? "more than 2^64" : std::to_string(size)) +
            " bytes, the file holds " + std::to_string(available);
    return false;
  }
  if (header.fortran && longDimensions > 1) {
    error = "its elements are in Fortran order; save numpy.ascontiguousarray of them";
    return false;
  }
  if (!tensor.allocate(dtype, header.shape, error))
    return false;
  if (size)
    std::memcpy(tensor.data(), file.data() + prefix + length, size);
  if (dtype == TINYC_DTYPE_BOOL)
    for (size_t i = 0; i < size; ++i)
      tensor.data()[i] = tensor.data()[i] != 0;
  return true;
}

bool writeNpy(const std::string &path, const HostTensor &tensor, std::string &error) {
  size_t elementSize = tinyc_dtype_size(tensor.dtype);
  std::string descr = (elementSize == 1 ? "|V" : "<V") + std::to_string(elementSize);
  for (const Name &name : names)
    if (name.dtype == tensor.dtype)
      descr = (elementSize == 1 ? "|" : "<") + std::string(name.descr);
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : tensor.shape)
    header += std::to_string(dim) + (tensor.shape.size() == 1 ? "," : ", ");
  header += "), }";
  // Elements start at a multiple of 64 and the header ends in a newline.
  size_t prefix = 10;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  uint8_t start[10] = {magic[0],
                       magic[1],
                       magic[2],
                       magic[3],
                       magic[4],
                       magic[5],
                       1,
                       0,
                       uint8_t(header.size() & 255),
                       uint8_t(header.size() >> 8)};
  AtomicFile file(path);
  file.write(start, prefix);
  file.write(header.data(), header.size());
  file.write(tensor.data(), tensor.byteSize());
  if (file.commit())
    return true;
  error = file.error();
  return false;
}

} // namespace tinyc::tensorio
