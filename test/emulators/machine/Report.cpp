// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Environment in, JSON lines out.
#include "test/emulators/machine/Report.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tinyc::emulator {

static std::string variable(const char *Name) {
  const char *Value = std::getenv(Name);
  return Value ? Value : "";
}

Controls Controls::fromEnvironment() {
  Controls C;
  C.Chip = variable("TINYC_EMULATED_CHIP");
  C.Seed = std::strtoull(variable("TINYC_EMULATED_SEED").c_str(), nullptr, 10);
  C.ReportFile = variable("TINYC_EMULATED_REPORT");
  C.Drop = std::strtoull(variable("TINYC_EMULATED_DROP").c_str(), nullptr, 10);
  C.Devices = std::max(1, std::atoi(variable("TINYC_EMULATED_DEVICES").c_str()));
  return C;
}

uint64_t Random::next() {
  uint64_t Z = State += 0x9e3779b97f4a7c15ull;
  Z = (Z ^ Z >> 30) * 0xbf58476d1ce4e5b9ull;
  Z = (Z ^ Z >> 27) * 0x94d049bb133111ebull;
  return Z ^ Z >> 31;
}

static std::string quoted(const std::string &Text) {
  std::string Out = "\"";
  for (char Ch : Text) {
    if (Ch == '"' || Ch == '\\') {
      Out += '\\';
      Out += Ch;
    } else if (static_cast<unsigned char>(Ch) < 0x20) {
      char Escape[8];
      snprintf(Escape, sizeof Escape, "\\u%04x", Ch);
      Out += Escape;
    } else {
      Out += Ch;
    }
  }
  return Out + "\"";
}

static std::string triple(const uint32_t V[3]) {
  return "[" + std::to_string(V[0]) + "," + std::to_string(V[1]) + "," + std::to_string(V[2]) + "]";
}

std::string LaunchReport::json() const {
  std::string Out = "{";
  auto Field = [&](const char *Name, const std::string &Value) {
    Out += (Out.size() > 1 ? ",\"" : "\"") + std::string(Name) + "\":" + Value;
  };
  Field("kernel", quoted(Kernel));
  Field("chip", quoted(Chip));
  Field("grid", triple(Grid));
  Field("block", triple(Block));
  Field("shared_bytes", std::to_string(SharedBytes));
  std::string Classes = "{";
  for (auto &[Name, Count] : Instructions)
    Classes += (Classes.size() > 1 ? "," : "") + quoted(Name) + ":" + std::to_string(Count);
  Field("instructions", Classes + "}");
  Field("mma", std::to_string(Mma));
  Field("global_load_bytes", std::to_string(GlobalLoadBytes));
  Field("global_store_bytes", std::to_string(GlobalStoreBytes));
  Field("global_requests", std::to_string(GlobalRequests));
  Field("global_sectors", std::to_string(GlobalSectors));
  char Efficiency[32];
  snprintf(Efficiency, sizeof Efficiency, "%.6f", sectorEfficiency());
  Field("sector_efficiency", Efficiency);
  Field("shared_requests", std::to_string(SharedRequests));
  Field("bank_conflicts", std::to_string(BankConflicts));
  std::string Lines = "{";
  for (auto &[Line, Count] : BankConflictsByLine)
    Lines += (Lines.size() > 1 ? ",\"" : "\"") + std::to_string(Line) + "\":" + std::to_string(Count);
  Field("bank_conflicts_by_line", Lines + "}");
  Field("divergent_branches", std::to_string(DivergentBranches));
  Field("sync_instructions", std::to_string(SyncInstructions));
  std::string All = "[";
  for (const std::string &R : Reports)
    All += (All.size() > 1 ? "," : "") + quoted(R);
  Field("reports", All + "]");
  return Out + "}";
}

bool LaunchReport::append(const std::string &File) const {
  FILE *Out = std::fopen(File.c_str(), "a");
  if (!Out)
    return false;
  std::string Line = json() + "\n";
  bool Good = std::fwrite(Line.data(), 1, Line.size(), Out) == Line.size();
  return std::fclose(Out) == 0 && Good;
}

} // namespace tinyc::emulator
