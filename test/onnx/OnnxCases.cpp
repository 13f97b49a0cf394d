// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program for tests of the importer:
//
//   tinyc-onnx-cases import MODEL [NAME=1x3x224x224..] [NAME=@1,2..]
//       prints the module for inputs of these shapes, or of these values, or the errors (exit code 1)
//   tinyc-onnx-cases check [--verbose] FOLDER..           runs cases by the reference; a table by operator
//
// A FOLDER is a case, or holds cases; a case's operator is that of its only node, else "(several)".

#include "lib/Onnx/Import.h"
#include "lib/Onnx/Model.h"
#include "test/onnx/Cases.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <filesystem>
#include <map>

using namespace mlir;
using namespace tinyc;
namespace fs = std::filesystem;

static int importModel(ArrayRef<StringRef> arguments) {
  OnnxOptions options;
  for (StringRef argument : arguments.drop_front()) {
    auto [name, dims] = argument.rsplit('=');
    if (dims.consume_front("@")) {
      std::vector<int64_t> values;
      for (StringRef value : llvm::split(dims, ','))
        if (value.getAsInteger(10, values.emplace_back()))
          return llvm::errs() << "expected NAME=@1,2, found " << argument << "\n", 2;
      options.inputs.push_back({name.str(), std::make_shared<DenseTensor>(DenseTensor::of<int64_t>(
                                                tiny::Element::I64, {static_cast<int64_t>(values.size())}, values))});
      continue;
    }
    for (StringRef dim : llvm::split(dims, 'x'))
      if (int64_t size; dim.getAsInteger(10, size))
        return llvm::errs() << "expected NAME=1x2x3, found " << argument << "\n", 2;
      else
        options.shapes[name.str()].push_back(size);
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler print(&context, [](Diagnostic &diagnostic) {
    const char *kinds[] = {"note", "warning", "error", "remark"};
    auto show = [&](const Diagnostic &d) {
      llvm::errs() << kinds[static_cast<int>(d.getSeverity())] << ": " << d.str() << "\n";
    };
    show(diagnostic);
    for (Diagnostic &note : diagnostic.getNotes())
      show(note);
    return success();
  });
  WeightStore weights;
  auto module = importOnnx(arguments.front(), options, weights, &context);
  if (!module)
    return 1;
  module->print(llvm::outs(), OpPrintingFlags().enableDebugInfo(getenv("TINYC_TEST_LOCATIONS")));
  return 0;
}

static std::string operatorOf(const fs::path &folder, MLIRContext &context) {
  onnx::ModelProto model;
  if (failed(onnx::readModel((folder / "model.onnx").string(), model, UnknownLoc::get(&context))))
    return "(unreadable)";
  return model.graph().node_size() == 1 ? model.graph().node(0).op_type() : "(several)";
}

static int check(ArrayRef<StringRef> arguments) {
  bool verbose = false;
  std::vector<fs::path> cases;
  for (StringRef argument : arguments) {
    if (argument == "--verbose") {
      verbose = true;
      continue;
    }
    fs::path folder(argument.str());
    if (fs::exists(folder / "model.onnx"))
      cases.push_back(folder);
    else if (fs::is_directory(folder))
      for (const auto &entry : fs::directory_iterator(folder))
        if (fs::exists(entry.path() / "model.onnx"))
          cases.push_back(entry.path());
  }
  std::sort(cases.begin(), cases.end());
  MLIRContext context(MLIRContext::Threading::DISABLED);
  std::map<std::string, std::array<int, 3>> table;
  std::array<int, 3> total = {};
  for (const fs::path &folder : cases) {
    test::CaseResult result = test::runCase(folder.string(), {});
    int outcome = static_cast<int>(result.outcome);
    ++table[operatorOf(folder, context)][outcome];
    ++total[outcome];
    if (verbose && outcome)
      llvm::outs() << (outcome == 1 ? "FAILED " : "unsupported ") << folder.filename().string() << ": "
                   << StringRef(result.message).substr(0, 300) << "\n";
  }
  for (const auto &[name, counts] : table)
    llvm::outs() << llvm::formatv("{0,-28} {1,4} passed {2,4} failed {3,4} unsupported\n", name, counts[0], counts[1],
                                  counts[2]);
  llvm::outs() << total[0] << " passed, " << total[1] << " failed, " << total[2] << " unsupported\n";
  return total[1] ? 3 : cases.empty() ? 1 : 0;
}

int main(int argc, char **argv) {
  SmallVector<StringRef> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 2 && arguments[0] == "import")
    return importModel(ArrayRef(arguments).drop_front());
  if (arguments.size() >= 2 && arguments[0] == "check")
    return check(ArrayRef(arguments).drop_front());
  llvm::errs() << "usage: tinyc-onnx-cases import MODEL [NAME=1x2..] | check [--verbose] FOLDER..\n";
  return 2;
}
