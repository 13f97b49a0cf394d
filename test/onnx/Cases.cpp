// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running cases in ONNX's layout.

#include "test/onnx/Cases.h"

#include "lib/Onnx/Import.h"
#include "lib/Onnx/Tensors.h"
#include "lib/Reference/Reference.h"

#include "dialects/Tiny/Elementwise.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace mlir;
using namespace tinyc;
namespace fs = std::filesystem;

std::string test::sharedFolder() {
  const char *given = std::getenv("TINYC_SHARED");
  std::string folder = given && *given ? given : "../shared";
  return fs::is_directory(folder) ? folder : "";
}

// A .pb file of a data set. An error goes to the context's diagnostics.
static FailureOr<onnx::TensorData> readPb(const fs::path &path, MLIRContext *context, std::string *name = nullptr) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream content;
  content << stream.rdbuf();
  onnx::TensorProto proto;
  Location loc = UnknownLoc::get(context);
  if (!stream || !proto.ParseFromString(content.str()))
    return emitError(loc) << "cannot read " << path.string();
  if (name)
    *name = proto.name();
  return onnx::readTensor(proto, path.parent_path().string(), path.filename().string(), loc);
}

static std::string compare(const DenseTensor &found, const onnx::TensorData &expected, test::Tolerance tolerance) {
  std::optional<tiny::Element> element = tiny::elementOf(expected.type);
  std::vector<int64_t> shape(expected.type.getShape());
  if (found.element != *element)
    return std::string("expected elements ") + tiny::name(*element) + ", found " + tiny::name(found.element);
  if (found.shape != shape)
    return "the shapes differ";
  std::vector<tiny::Lane> a(found.count()), e(found.count());
  tiny::decode(found.element, found.bytes.data(), a.size(), a.data());
  tiny::decode(found.element, reinterpret_cast<const std::byte *>(expected.bytes.data()), e.size(), e.data());
  for (size_t i = 0; i < a.size(); ++i) {
    bool same = tiny::isFloat(found.element)
                    ? a[i].f == e[i].f || (std::isnan(a[i].f) && std::isnan(e[i].f)) ||
                          std::abs(a[i].f - e[i].f) <= tolerance.absolute + tolerance.relative * std::abs(e[i].f)
                    : a[i].i == e[i].i;
    if (same)
      continue;
    std::ostringstream text;
    text << "element " << i << ": expected ";
    if (tiny::isFloat(found.element))
      text << e[i].f << ", found " << a[i].f;
    else
      text << e[i].i << ", found " << a[i].i;
    return text.str();
  }
  return "";
}

namespace {
// One attempt to run a data set.
class Run {
public:
  Run(const fs::path &folder, test::Tolerance tolerance) : folder(folder), tolerance(tolerance) {
    handler.emplace(&context, [this](Diagnostic &d) {
      if (d.getSeverity() == DiagnosticSeverity::Error)
        errors += d.str() + " ";
      return success();
    });
  }
  test::CaseResult operator()(const fs::path &dataSet);

private:
  test::CaseResult failed() const {
    bool unsupported = StringRef(errors).contains("supported") || StringRef(errors).contains("known at compile time");
    return {unsupported ? test::Outcome::Unsupported : test::Outcome::Failed, errors};
  }

  fs::path folder;
  test::Tolerance tolerance;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string errors;
  std::optional<ScopedDiagnosticHandler> handler;
};
} // namespace

test::CaseResult Run::operator()(const fs::path &dataSet) {
  std::vector<TensorRef> inputs;
  OnnxOptions options;
  // input_K belongs to the K-th declared input; initialisers that are declared as inputs have none.
  std::map<int, fs::path> files;
  for (const auto &entry : fs::directory_iterator(dataSet)) {
    std::string stem = entry.path().stem().string();
    StringRef number = stem;
    if (int k; number.consume_front("input_") && !number.getAsInteger(10, k))
      files[k] = entry.path();
  }
  for (const auto &[k, file] : files) {
    std::string name;
    auto data = readPb(file, &context, &name);
    if (mlir::failed(data))
      return failed();
    auto tensor =
        std::make_shared<DenseTensor>(*tiny::elementOf(data->type), std::vector<int64_t>(data->type.getShape()));
    std::memcpy(tensor->bytes.data(), data->bytes.data(), data->bytes.size());
    inputs.push_back(tensor);
    options.inputs.push_back({name, tensor});
  }
  WeightStore weights;
  auto module = importOnnx((folder / "model.onnx").string(), options, weights, &context);
  if (!module)
    return failed();
  Reference reference([&](StringRef hash) -> std::optional<ArrayRef<char>> {
    auto bytes = weights.find(hash.str());
    if (!bytes)
      return std::nullopt;
    return ArrayRef<char>(reinterpret_cast<const char *>(bytes->data()), bytes->size());
  });
  auto results = reference.run(module->lookupSymbol<func::FuncOp>("main"), inputs);
  if (mlir::failed(results))
    return {test::Outcome::Failed, "the reference fails: " + errors};
  for (size_t i = 0; i < results->size(); ++i) {
    auto expected = readPb(dataSet / ("output_" + std::to_string(i) + ".pb"), &context);
    if (mlir::failed(expected))
      return failed();
    std::string difference = compare(*(*results)[i], *expected, tolerance);
    if (!difference.empty())
      return {test::Outcome::Failed, "output " + std::to_string(i) + ": " + difference};
  }
  return {test::Outcome::Passed, ""};
}

test::CaseResult test::runCase(const std::string &folder, Tolerance tolerance) {
  bool any = false;
  for (int k = 0; fs::exists(fs::path(folder) / ("test_data_set_" + std::to_string(k))); ++k) {
    any = true;
    fs::path dataSet = fs::path(folder) / ("test_data_set_" + std::to_string(k));
    CaseResult result = Run(folder, tolerance)(dataSet);
    if (result.outcome != Outcome::Passed)
      return result;
  }
  return any ? CaseResult{test::Outcome::Passed, ""} : CaseResult{test::Outcome::Failed, "has no test_data_set_0"};
}
