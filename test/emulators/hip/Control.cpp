// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Program flow, waits, barriers, cache invalidation, mode registers: what is neither arithmetic nor a memory access.

#include "Launch.h"
#include "VectorEval.h"
#include <bit>

using namespace tinyc::emulator::amd;

static void jump(Wave &wave, uint32_t index) {
  if (index == ~0u || index >= wave.program->instructions.size())
    fault(-1, "a jump to where no instruction starts");
  wave.pc = index;
}

static void branchIf(Wave &wave, const Instruction &instruction, bool taken) {
  if (taken)
    jump(wave, instruction.target);
}

static bool definedScc(Wave &wave) {
  if (wave.sccPoison)
    fault(-1, "expected a defined value in scc for a branch, found bits that nothing has written");
  return wave.scc;
}

static bool vccIsZero(Wave &wave) {
  if (wave.scalarShadow[VCC])
    fault(-1, "expected a defined value in vcc for a branch, found bits that nothing has written");
  return wave.s[VCC] == 0;
}

/// A branch on EXEC or VCC whose outcome not all lanes share.
static void noteDivergence(Wave &wave, uint32_t mask) {
  uint32_t lanes = wave.launch->size.group[0] * wave.launch->size.group[1] * wave.launch->size.group[2];
  uint32_t first = wave.id * kLanes, count = std::min(kLanes, lanes - first);
  uint32_t all = count == kLanes ? ~0u : (1u << count) - 1;
  if (mask != 0 && (mask & all) != all)
    ++wave.launch->report.DivergentBranches;
}

static void runBranch(Wave &wave, const Instruction &i) { jump(wave, i.target); }
static void runBranchScc0(Wave &wave, const Instruction &i) { branchIf(wave, i, !definedScc(wave)); }
static void runBranchScc1(Wave &wave, const Instruction &i) { branchIf(wave, i, definedScc(wave)); }
static void runBranchVccz(Wave &wave, const Instruction &i) {
  bool zero = vccIsZero(wave);
  noteDivergence(wave, wave.s[VCC]);
  branchIf(wave, i, zero);
}
static void runBranchVccnz(Wave &wave, const Instruction &i) {
  bool zero = vccIsZero(wave);
  noteDivergence(wave, wave.s[VCC]);
  branchIf(wave, i, !zero);
}
static void runBranchExecz(Wave &wave, const Instruction &i) {
  noteDivergence(wave, wave.exec());
  branchIf(wave, i, wave.exec() == 0);
}
static void runBranchExecnz(Wave &wave, const Instruction &i) {
  noteDivergence(wave, wave.exec());
  branchIf(wave, i, wave.exec() != 0);
}

static uint64_t addressAfter(Wave &wave, const Instruction &instruction) {
  return wave.launch->imageBase + instruction.address + instruction.size;
}
static void runGetPc(Wave &wave, const Instruction &i) { writeScalar(wave, i.d[0].reg, 2, addressAfter(wave, i), 0); }
static void runSetPc(Wave &wave, const Instruction &i) {
  uint64_t to = readScalarDefined(wave, i.s[0], "a jump");
  jump(wave, wave.program->indexOf(to - wave.launch->imageBase));
}
static void runSwapPc(Wave &wave, const Instruction &i) {
  uint64_t to = readScalarDefined(wave, i.s[0], "a call");
  writeScalar(wave, i.d[0].reg, 2, addressAfter(wave, i), 0);
  jump(wave, wave.program->indexOf(to - wave.launch->imageBase));
}

static void runEnd(Wave &wave, const Instruction &) { wave.state = Wave::Ended; }
static void runNothing(Wave &, const Instruction &) {}
static void runPastEnd(Wave &, const Instruction &) { fault(-1, "execution ran past the end of the code"); }
static void runBarrier(Wave &wave, const Instruction &) { wave.state = Wave::AtBarrier; }

/// Counters in the encoding: vmcnt [15:10], lgkmcnt [9:4].
static void runWait(Wave &wave, const Instruction &i) {
  waitVectorLoads(wave, i.immediate >> 10 & 63);
  waitLgkm(wave, i.immediate >> 4 & 63);
}
static void requireNullCounter(const Instruction &i) {
  if (i.s[0].kind != OperandKind::Scalar || i.s[0].reg != NullRegister)
    fault(-1, "a wait whose count is not an immediate is not implemented");
}
static void runWaitVs(Wave &wave, const Instruction &i) {
  requireNullCounter(i);
  waitVectorStores(wave, unsigned(i.s[1].value));
}
static void runWaitVm(Wave &wave, const Instruction &i) {
  requireNullCounter(i);
  waitVectorLoads(wave, unsigned(i.s[1].value));
}
static void runWaitLgkm(Wave &wave, const Instruction &i) {
  requireNullCounter(i);
  waitLgkm(wave, unsigned(i.s[1].value));
}

/// Invalidation of the nearest cache: the wave sees what others of its group wrote before the last barrier.
static void runInvalidate0(Wave &wave, const Instruction &) {
  wave.group->globalClocks.acquire(wave.group->clocks, wave.id);
}

static void runRoundMode(Wave &wave, const Instruction &i) {
  if (i.immediate & 15)
    fault(-1, "expected rounding to nearest even, found another rounding mode, which is not implemented");
}
static void runDenormMode(Wave &wave, const Instruction &i) {
  wave.mode = (wave.mode & ~0xf0u) | (i.immediate & 15) << 4;
}

/// hwreg(id, offset, width) in the encoding of SOPK: id [5:0], offset [10:6], width - 1 [15:11].
static void runSetRegister(Wave &wave, const Instruction &i, uint32_t value) {
  uint32_t id = i.immediate & 63, offset = i.immediate >> 6 & 31, width = (i.immediate >> 11 & 31) + 1;
  if (id != 1)
    fault(-1, "expected HW_REG_MODE (1), found hardware register " + std::to_string(id) + ", which is not implemented");
  uint32_t mask = (width == 32 ? ~0u : (1u << width) - 1) << offset;
  wave.mode = (wave.mode & ~mask) | (value << offset & mask);
  if (wave.mode & 15)
    fault(-1, "expected rounding to nearest even, found another rounding mode, which is not implemented");
}
static void runSetRegisterScalar(Wave &wave, const Instruction &i) {
  auto parsed = i.s[0];
  runSetRegister(wave, i, uint32_t(readScalarDefined(wave, parsed, "a mode register")));
}
static void runGetRegister(Wave &wave, const Instruction &i) {
  uint32_t id = i.immediate & 63, offset = i.immediate >> 6 & 31, width = (i.immediate >> 11 & 31) + 1;
  if (id != 1)
    fault(-1, "expected HW_REG_MODE (1), found hardware register " + std::to_string(id) + ", which is not implemented");
  writeScalar(wave, i.d[0].reg, 1, wave.mode >> offset & (width == 32 ? ~0u : (1u << width) - 1), 0);
}

void tinyc::emulator::amd::addControlOps(std::vector<SpecialOp> &table) {
  table.push_back({"s_branch", runBranch, Class::Branch, "-"});
  table.push_back({"s_cbranch_scc0", runBranchScc0, Class::Branch, "-"});
  table.push_back({"s_cbranch_scc1", runBranchScc1, Class::Branch, "-"});
  table.push_back({"s_cbranch_vccz", runBranchVccz, Class::Branch, "-"});
  table.push_back({"s_cbranch_vccnz", runBranchVccnz, Class::Branch, "-"});
  table.push_back({"s_cbranch_execz", runBranchExecz, Class::Branch, "-"});
  table.push_back({"s_cbranch_execnz", runBranchExecnz, Class::Branch, "-"});
  table.push_back({"s_getpc_b64", runGetPc, Class::Scalar, "D"});
  table.push_back({"s_setpc_b64", runSetPc, Class::Scalar, "s"});
  table.push_back({"s_swappc_b64", runSwapPc, Class::Scalar, "Ds"});
  table.push_back({"s_endpgm", runEnd, Class::Other, "-"});
  table.push_back({"s_code_end", runPastEnd, Class::Other, "-"});
  for (const char *name : {"s_nop", "s_delay_alu", "s_clause", "s_sendmsg", "s_setprio", "s_sleep", "s_inst_prefetch",
                           "s_set_inst_prefetch_distance", "s_version", "s_icache_inv", "s_dcache_inv", "s_sethalt",
                           "s_ttracedata_imm", "s_wakeup", "s_wait_idle", "s_waitcnt_depctr"})
    table.push_back({name, runNothing, Class::Other, "-"});
  table.push_back({"s_barrier", runBarrier, Class::Sync, "-"});
  table.push_back({"s_waitcnt", runWait, Class::Sync, "-"});
  table.push_back({"s_waitcnt_vscnt", runWaitVs, Class::Sync, "ss"});
  table.push_back({"s_waitcnt_vmcnt", runWaitVm, Class::Sync, "ss"});
  table.push_back({"s_waitcnt_lgkmcnt", runWaitLgkm, Class::Sync, "ss"});
  table.push_back({"buffer_gl0_inv", runInvalidate0, Class::Sync, "-"});
  // The second level is shared by the groups of a shader array: it matters between groups only, and what crosses groups
  // is ordered by what the writer publishes.
  table.push_back({"buffer_gl1_inv", runNothing, Class::Sync, "-"});
  table.push_back({"s_round_mode", runRoundMode, Class::Other, "-"});
  table.push_back({"s_denorm_mode", runDenormMode, Class::Other, "-"});
  table.push_back({"s_setreg_b32", runSetRegisterScalar, Class::Scalar, "os"});
  table.push_back({"s_setreg_imm32_b32",
                   [](Wave &w, const Instruction &i) { runSetRegister(w, i, uint32_t(i.s[0].value)); }, Class::Scalar,
                   "os"});
  table.push_back({"s_getreg_b32", runGetRegister, Class::Scalar, "Do"});
}
