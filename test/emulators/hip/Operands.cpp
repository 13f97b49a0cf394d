// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parses the text of operands and modifiers as LLVM's AMDGPU instruction printer writes it.

#include "Operands.h"
#include <bit>
#include <cstdlib>

using namespace tinyc::emulator::amd;

int Printed::number(const std::string &name, int otherwise) const {
  auto it = modifiers.find(name);
  return it == modifiers.end() ? otherwise : int(std::strtol(it->second.c_str(), nullptr, 0));
}

std::vector<int> Printed::list(const std::string &name) const {
  std::vector<int> values;
  auto it = modifiers.find(name);
  if (it == modifiers.end())
    return values;
  const char *p = it->second.c_str();
  while (*p) {
    if (*p == '-' || (*p >= '0' && *p <= '9')) {
      char *end;
      values.push_back(int(std::strtol(p, &end, 0)));
      p = end;
    } else {
      ++p;
    }
  }
  return values;
}

static bool endsWith(const std::string &s, const char *suffix) {
  std::string end = suffix;
  return s.size() > end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

static void addModifier(Printed &printed, const std::string &word) {
  size_t colon = word.find(':');
  if (colon == std::string::npos)
    printed.modifiers[word] = "";
  else
    printed.modifiers[word.substr(0, colon)] = word.substr(colon + 1);
}

Printed tinyc::emulator::amd::takeApart(const std::string &text) {
  Printed printed;
  size_t i = text.find_first_not_of(" \t");
  size_t end = text.find_first_of(" \t", i);
  printed.mnemonic = text.substr(i, end == std::string::npos ? std::string::npos : end - i);
  for (const char *suffix : {"_dpp", "_e32", "_e64"})
    if (endsWith(printed.mnemonic, suffix))
      printed.mnemonic.resize(printed.mnemonic.size() - std::string(suffix).size());
  if (endsWith(printed.mnemonic, "_e64")) // _e64_dpp
    printed.mnemonic.resize(printed.mnemonic.size() - 4);
  if (end == std::string::npos)
    return printed;
  // Fields are separated by commas outside brackets; the words of a field after its first are modifiers.
  std::string word;
  int depth = 0;
  bool first = true;
  auto finish = [&] {
    if (word.empty())
      return;
    if (first)
      printed.operands.push_back(word);
    else
      addModifier(printed, word);
    first = false;
    word.clear();
  };
  for (char c : text.substr(end)) {
    depth += (c == '[' || c == '(') - (c == ']' || c == ')');
    if (!depth && (c == ' ' || c == '\t' || c == ',')) {
      finish();
      if (c == ',')
        first = true;
    } else {
      word += c;
    }
  }
  finish();
  return printed;
}

static std::optional<Operand> parseRegister(const std::string &text) {
  static const std::map<std::string, std::pair<OperandKind, int>> named = {
      {"vcc_lo", {OperandKind::Scalar, VCC}},
      {"vcc_hi", {OperandKind::Scalar, VCC + 1}},
      {"vcc", {OperandKind::Scalar, VCC}},
      {"exec_lo", {OperandKind::Scalar, EXEC}},
      {"exec_hi", {OperandKind::Scalar, EXEC + 1}},
      {"exec", {OperandKind::Scalar, EXEC}},
      {"m0", {OperandKind::Scalar, M0}},
      {"null", {OperandKind::Scalar, NullRegister}},
      {"scc", {OperandKind::Scc, 0}},
      {"src_scc", {OperandKind::Scc, 0}},
      {"src_vccz", {OperandKind::Vccz, 0}},
      {"src_execz", {OperandKind::Execz, 0}}};
  Operand operand;
  if (auto it = named.find(text); it != named.end()) {
    operand.kind = it->second.first;
    operand.reg = uint16_t(it->second.second);
    operand.words = text == "vcc" || text == "exec" ? 2 : 1;
    return operand;
  }
  size_t i = 0;
  unsigned base = 0;
  if (text.rfind("ttmp", 0) == 0)
    operand.kind = OperandKind::Scalar, base = TTMP0, i = 4;
  else if (text[0] == 'v')
    operand.kind = OperandKind::Vector, i = 1;
  else if (text[0] == 's')
    operand.kind = OperandKind::Scalar, i = 1;
  else
    return std::nullopt;
  char *end;
  if (i < text.size() && text[i] == '[') {
    unsigned from = unsigned(std::strtoul(text.c_str() + i + 1, &end, 10)), to = from;
    if (*end == ':')
      to = unsigned(std::strtoul(end + 1, &end, 10));
    operand.reg = uint16_t(base + from);
    operand.words = uint8_t(to - from + 1);
    return *end == ']' ? std::optional(operand) : std::nullopt;
  }
  if (i >= text.size() || text[i] < '0' || text[i] > '9')
    return std::nullopt;
  operand.reg = uint16_t(base + std::strtoul(text.c_str() + i, &end, 10));
  if (std::string(end) == ".h")
    operand.high = true;
  else if (*end && std::string(end) != ".l")
    return std::nullopt;
  return operand;
}

/// Bits of a floating-point constant where an operand of `type` stands.
static uint64_t floatBits(double value, Type type) {
  switch (type) {
  case Type::F64:
  case Type::B64:
    return std::bit_cast<uint64_t>(value);
  case Type::F16:
  case Type::B16:
  case Type::Packed:
  case Type::PackedFloat:
    return std::bit_cast<uint16_t>(_Float16(value));
  default:
    return std::bit_cast<uint32_t>(float(value));
  }
}

std::optional<Operand> tinyc::emulator::amd::parseOperand(const std::string &original, Type type) {
  std::string text = original;
  bool negate = false, absolute = false;
  if (text == "off")
    return Operand{};
  auto strip = [&](const char *prefix, const char *suffix) {
    std::string p = prefix, q = suffix;
    if (text.size() <= p.size() + q.size() || text.rfind(p, 0) != 0 || text.substr(text.size() - q.size()) != q)
      return false;
    text = text.substr(p.size(), text.size() - p.size() - q.size());
    return true;
  };
  bool number = text.size() > 1 && text[0] == '-' && text[1] >= '0' && text[1] <= '9';
  if (!number && (strip("-", "") || strip("neg(", ")")))
    negate = true;
  strip("lit(", ")"); // a literal where the same value has a shorter encoding
  if (strip("|", "|") || strip("abs(", ")"))
    absolute = true;
  if (auto reg = parseRegister(text)) {
    reg->type = type;
    reg->negate = negate;
    reg->absolute = absolute;
    return reg;
  }
  Operand operand;
  operand.type = type;
  operand.negate = negate;
  operand.absolute = absolute;
  // The apertures: addresses in LDS and private memory as generic pointers hold them in their upper half.
  if (text == "src_shared_base" || text == "src_private_base") {
    operand.kind = OperandKind::Constant;
    operand.value = uint64_t(text == "src_shared_base" ? kSharedAperture : kPrivateAperture) << 32;
    operand.words = 2;
    return operand;
  }
  char *end;
  operand.kind = OperandKind::Constant;
  if (text.find('.') != std::string::npos && text.rfind("0x", 0) != 0) {
    double value = std::strtod(text.c_str(), &end);
    if (*end)
      return std::nullopt;
    // The one inline constant that is printed rounded: 1/(2*pi).
    operand.value = text.rfind("0.15915494", 0) == 0 ? floatBits(0.15915494309189532, type) : floatBits(value, type);
  } else {
    bool hex = text.rfind("0x", 0) == 0;
    uint64_t value = hex ? std::strtoull(text.c_str(), &end, 16) : uint64_t(std::strtoll(text.c_str(), &end, 10));
    if (*end || text.empty())
      return std::nullopt;
    operand.value = hex && type == Type::F64 && value >> 32 == 0 ? value << 32 : value;
  }
  if (type == Type::B64 || type == Type::F64)
    operand.words = 2;
  else
    operand.value &= 0xffffffff;
  return operand;
}

bool tinyc::emulator::amd::parseDpp(const Printed &printed, std::optional<Dpp> &out, std::string &error) {
  Dpp dpp;
  dpp.active = true;
  auto each = [&](auto source) {
    for (int lane = 0; lane < int(kLanes); ++lane)
      dpp.source[lane] = int8_t(source(lane));
  };
  auto row = [](int lane, int within) { return (lane & ~15) | within; };
  bool found = true;
  if (printed.has("dpp8")) {
    std::vector<int> list = printed.list("dpp8");
    if (list.size() != 8)
      return error = "dpp8 needs 8 lanes", false;
    each([&](int lane) { return (lane & ~7) | list[lane & 7]; });
    dpp.eight = true;
  } else if (printed.has("quad_perm")) {
    std::vector<int> list = printed.list("quad_perm");
    if (list.size() != 4)
      return error = "quad_perm needs 4 lanes", false;
    each([&](int lane) { return (lane & ~3) | list[lane & 3]; });
  } else if (printed.has("row_shl")) {
    int n = printed.number("row_shl", 0);
    each([&](int lane) { return (lane & 15) + n < 16 ? lane + n : -1; });
  } else if (printed.has("row_shr")) {
    int n = printed.number("row_shr", 0);
    each([&](int lane) { return (lane & 15) - n >= 0 ? lane - n : -1; });
  } else if (printed.has("row_ror")) {
    int n = printed.number("row_ror", 0);
    each([&](int lane) { return row(lane, (lane - n) & 15); });
  } else if (printed.has("row_share")) {
    int n = printed.number("row_share", 0);
    each([&](int lane) { return row(lane, n); });
  } else if (printed.has("row_xmask")) {
    int n = printed.number("row_xmask", 0);
    each([&](int lane) { return row(lane, (lane ^ n) & 15); });
  } else if (printed.has("row_mirror")) {
    each([&](int lane) { return row(lane, 15 - (lane & 15)); });
  } else if (printed.has("row_half_mirror")) {
    each([&](int lane) { return (lane & ~7) | (7 - (lane & 7)); });
  } else {
    found = false;
  }
  for (const auto &[name, value] : printed.modifiers)
    if (!found && (name.rfind("row_", 0) == 0 || name.rfind("wave_", 0) == 0))
      return error = "lane permutation " + name + " is not one the emulator knows", false;
  if (!found)
    return true;
  dpp.rowMask = uint8_t(printed.number("row_mask", 15));
  dpp.bankMask = uint8_t(printed.number("bank_mask", 15));
  dpp.boundControl = printed.has("bound_ctrl");
  dpp.fetchInactive = printed.number("fi", 0) != 0;
  out = dpp;
  return true;
}
