// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds operations by name; used while decoding only.

#include "VectorEval.h"
#include <unordered_map>

using namespace tinyc::emulator::amd;

template <typename Row>
static const Row *find(const std::unordered_map<std::string, Row> &map, const std::string &name) {
  auto it = map.find(name);
  return it == map.end() ? nullptr : &it->second;
}

const VectorOp *tinyc::emulator::amd::findVectorOp(const std::string &name) {
  static const auto map = [] {
    std::vector<VectorOp> table;
    addIntegerOps(table);
    addFloatOps(table);
    addHalfOps(table);
    addConversionOps(table);
    addCompareOps(table);
    addApproximateOps(table);
    std::unordered_map<std::string, VectorOp> result;
    for (const VectorOp &row : table)
      result.emplace(row.name, row);
    return result;
  }();
  return find(map, name);
}

const SpecialOp *tinyc::emulator::amd::findSpecialOp(const std::string &name) {
  static const auto map = [] {
    std::vector<SpecialOp> table;
    addControlOps(table);
    addScalarMemoryOps(table);
    addGlobalOps(table);
    addLdsOps(table);
    addScratchOps(table);
    addLaneOps(table);
    addMatrixOps(table);
    addAtomicOps(table);
    std::unordered_map<std::string, SpecialOp> result;
    for (const SpecialOp &row : table)
      result.emplace(row.name, row);
    return result;
  }();
  return find(map, name);
}
