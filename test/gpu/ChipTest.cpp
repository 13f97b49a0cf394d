// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of chips against itself, and which row a device gets.

#include "dialects/Target/Chip.h"
#include "dialects/Layout/TensorCoreRows.h"

#include <gtest/gtest.h>

using namespace tinyc;

TEST(Chips, RowsAgreeWithEachOther) {
  for (const std::string &name : chipNames()) {
    const Chip *chip = findChip(name);
    ASSERT_NE(chip, nullptr) << name;
    EXPECT_EQ(chip->name, name);
    EXPECT_FALSE(chip->document.empty()) << name;
    EXPECT_GT(chip->gflopsF32, 0) << name;
    EXPECT_GT(chip->gbps, 0) << name;
    EXPECT_GT(chip->vectorBytes, 0) << name;
    EXPECT_EQ(chip->lanes & (chip->lanes - 1), 0) << name;
    for (const std::string &instruction : chip->instructions)
      EXPECT_NE(findTensorCoreRow(instruction), nullptr) << name << ": " << instruction;
    if (chip->kind == ChipKind::Cpu)
      continue;
    EXPECT_GE(chip->sharedBytes, 48 << 10) << name;
    EXPECT_GE(chip->gflopsTensor, chip->gflopsF32) << name;
    EXPECT_EQ(chip->maxThreads % chip->lanes, 0) << name;
  }
}

TEST(Chips, ADeviceGetsTheRowWhoseCodeItRuns) {
  auto rowOf = [](const char *device) {
    const Chip *chip = findChipOfDevice(device);
    return chip ? chip->name : std::string();
  };
  EXPECT_EQ(rowOf("nvidia:sm_80"), "nvidia:sm_80");
  EXPECT_EQ(rowOf("nvidia:sm_90"), "nvidia:sm_90a"); // drivers tell the number alone
  EXPECT_EQ(rowOf("nvidia:sm_87"), "nvidia:sm_86");
  EXPECT_EQ(rowOf("nvidia:sm_103"), "nvidia:sm_89"); // code for sm_100a runs on that chip only
  EXPECT_EQ(rowOf("nvidia:sm_75"), "");
  EXPECT_EQ(rowOf("amd:gfx1100"), "amd:gfx1100");
  EXPECT_EQ(rowOf("amd:gfx1101"), ""); // AMD's code is for one chip
}
