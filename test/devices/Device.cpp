// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiling, running and comparing for the op suite, and which devices there are.

#include "test/devices/Device.h"

#include "dialects/Target/Chip.h"
#include "dialects/Tiny/Elementwise.h"
#include "lib/Compiler/Compile.h"
#include "lib/Reference/Reference.h"
#include "lib/Weights/WeightStore.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstdlib>
#include <unistd.h>

using namespace mlir;

namespace tinyc::test {

std::string tensorType(Element e, const Shape &shape) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + tiny::name(e) + ">";
}

TensorRef tensor(Element e, Shape shape, const std::function<Lane(size_t)> &value) {
  auto result = std::make_shared<DenseTensor>(e, std::move(shape));
  std::vector<Lane> lanes(result->count());
  for (size_t i = 0; i < lanes.size(); ++i)
    lanes[i] = value(i);
  tiny::encode(e, lanes.data(), lanes.size(), result->bytes.data());
  return result;
}

TensorRef ramp(Element e, Shape shape, unsigned seed) {
  return tensor(e, std::move(shape), [&](size_t i) {
    uint64_t bits = (i + 1) * 0x9E3779B97F4A7C15u * (2 * seed + 1);
    bits ^= bits >> 29;
    if (e == Element::I1)
      return Lane{.i = static_cast<int64_t>(bits >> 8 & 1)};
    return tiny::isFloat(e) ? Lane{.f = static_cast<double>(bits >> 8 & 127) / 8 - 8}
                            : Lane{.i = static_cast<int64_t>(bits)};
  });
}

//===- Cases -----------------------------------------------------------------------------------------------------===//

std::string Cases::input(TensorRef value) {
  std::string name = "%x" + std::to_string(inputs.size());
  types[name] = tensorType(value->element, value->shape);
  inputs.push_back(std::move(value));
  return name;
}

std::string Cases::define(const std::string &op, const std::string &type) {
  std::string name = "%v" + std::to_string(next++);
  types[name] = type;
  body += "  " + name + " = " + op + "\n";
  return name;
}

void Cases::result(const std::string &label, const std::string &op, const std::string &type, Tolerance tolerance,
                   std::vector<TensorRef> operands) {
  results.push_back(define(op, type));
  expectations.push_back({label, tolerance, std::move(operands)});
}

std::string Cases::text() const {
  std::string arguments, values, valueTypes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::string name = "%x" + std::to_string(i);
    arguments += (i ? ", " : "") + name + ": " + types.at(name);
  }
  for (const std::string &name : results) {
    values += (values.empty() ? "" : ", ") + name;
    valueTypes += (valueTypes.empty() ? "" : ", ") + types.at(name);
  }
  return "func.func @main(" + arguments + ") -> (" + valueTypes + ") {\n" + body + "  return " + values + " : " +
         valueTypes + "\n}\n";
}

//===- Compiled --------------------------------------------------------------------------------------------------===//

// The message of a status, "" for success; frees it.
static std::string take(tinyc_status *status) {
  std::string message = tinyc_status_message(status);
  tinyc_status_free(status);
  return message;
}

Compiled::Compiled(ModuleOp module, const Chip &chip, const std::string &deviceName) {
  WeightStore weights;
  FailureOr<artefact::FileBytes> bytes = compileModel(module, {&chip}, weights, {});
  if (failed(bytes)) {
    error = "the module does not compile";
    return;
  }
  file = std::move(*bytes);
  tinyc_status *status = nullptr;
  (status = tinyc_artefact_open_memory(file.data(), file.size(), &artefact)) ||
      (status = tinyc_device_open(deviceName.c_str(), &device)) ||
      (status = tinyc_model_create(artefact, device, nullptr, &model));
  error = take(status);
}

Compiled::~Compiled() {
  tinyc_model_free(model);
  tinyc_device_close(device);
  tinyc_artefact_close(artefact);
}

// The enumerations of the runtime and of the dialect list the same types in the same order.
static_assert(static_cast<int>(Element::I1) + 1 == TINYC_DTYPE_BOOL &&
              static_cast<int>(Element::U8) + 1 == TINYC_DTYPE_U8 &&
              static_cast<int>(Element::F8E5M2FNUZ) + 1 == TINYC_DTYPE_F8E5M2FNUZ);

std::vector<TensorRef> Compiled::run(const std::vector<TensorRef> &inputs, size_t threads) {
  tinyc_context_options options{sizeof(options), threads};
  tinyc_context *context = nullptr;
  if (!(error = take(tinyc_context_create(model, &options, &context))).empty())
    return {};
  auto note = [](void *user, const tinyc_launch_profile *launch) {
    static_cast<std::vector<Launch> *>(user)->push_back({launch->kernel, launch->flops, launch->bytes});
  };
  launches.clear();
  error = take(tinyc_context_set_profiler(context, note, &launches));
  std::vector<tinyc_tensor> in, out;
  for (size_t i = 0; i < inputs.size() && error.empty(); ++i) {
    tinyc_tensor_info info;
    error = take(tinyc_artefact_input(artefact, "main", i, &info));
    const DenseTensor &given = *inputs[i];
    in.push_back({info.name, static_cast<tinyc_dtype>(static_cast<int>(given.element) + 1), given.shape.size(),
                  given.shape.data(), const_cast<std::byte *>(given.bytes.data())});
  }
  std::vector<std::shared_ptr<DenseTensor>> results;
  for (size_t i = 0, n = tinyc_artefact_output_count(artefact, "main"); i < n && error.empty(); ++i) {
    tinyc_tensor_info info;
    error = take(tinyc_artefact_output(artefact, "main", i, &info));
    auto element = static_cast<Element>(info.dtype - 1);
    results.push_back(std::make_shared<DenseTensor>(element, Shape(info.shape, info.shape + info.rank)));
    // What is not written must not pass for a zero.
    std::fill(results.back()->bytes.begin(), results.back()->bytes.end(), std::byte(0x5A));
    out.push_back({info.name, info.dtype, info.rank, results.back()->shape.data(), results.back()->bytes.data()});
  }
  if (error.empty())
    error = take(tinyc_context_run(context, "main", in.data(), in.size(), out.data(), out.size()));
  tinyc_context_free(context);
  if (!error.empty())
    return {};
  return {results.begin(), results.end()};
}

//===- OnDevice --------------------------------------------------------------------------------------------------===//

OnDevice::OnDevice() : context(std::make_unique<MLIRContext>(compilerDialects(), MLIRContext::Threading::DISABLED)) {
  context->loadDialect<tiny::TinyDialect, func::FuncDialect>();
  context->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      diagnostics += diagnostic.str() + "\n";
  });
}

// Whether the driver must have a device that kernels can be compiled for: the CPU, and an emulated GPU that was built.
static bool mustBeThere(const std::string &driver) {
  if (driver == "cpu")
    return true;
  std::string library = driver == "cuda" ? "libcuda.so.1" : "libamdhip64.so";
  return !std::getenv("TINYC_TEST_REAL_DEVICES") &&
         access((TINYC_BUILD_DIR "/emulators/" + library).c_str(), F_OK) == 0;
}

void OnDevice::SetUp() {
  const std::string &driver = GetParam();
  size_t count = 0;
  std::string why = take(tinyc_driver_device_count(driver.c_str(), &count));
  if (count == 0 && mustBeThere(driver))
    FAIL() << driver << " has no device, and must have one: " << why;
  if (count == 0)
    GTEST_SKIP() << driver << " has no device: " << why;
  tinyc_device *device = nullptr;
  ASSERT_EQ(take(tinyc_device_open(driver.c_str(), &device)), "");
  std::string name = tinyc_device_chip(device);
  tinyc_device_close(device);
  name = driver == "cuda" ? "nvidia:" + name : driver == "hip" ? "amd:" + name : "cpu";
  chip = findChipOfDevice(name);
  if (mustBeThere(driver))
    ASSERT_TRUE(chip && findBackend(*chip)) << "no row or no back end for " << name;
  if (!chip)
    GTEST_SKIP() << "tinyc has no row for the chip of " << driver << ", " << name;
  if (!findBackend(*chip))
    GTEST_SKIP() << "this build of tinyc has no back end for " << name;
}

bool OnDevice::runsAll() {
  const char *all = std::getenv("TINYC_TEST_ALL");
  return all && std::string(all) == "1";
}

OwningOpRef<ModuleOp> OnDevice::parse(const std::string &text) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, context.get());
  EXPECT_TRUE(module) << diagnostics << text;
  diagnostics.clear();
  return module;
}

OwningOpRef<ModuleOp> OnDevice::build(const std::vector<TensorRef> &inputs,
                                      const std::function<std::vector<Value>(compose::Builder &, ValueRange)> &build) {
  Location at = UnknownLoc::get(context.get());
  OwningOpRef<ModuleOp> module = ModuleOp::create(at);
  SmallVector<Type> types;
  for (const TensorRef &input : inputs)
    types.push_back(RankedTensorType::get(input->shape, tiny::typeOf(input->element, context.get())));
  compose::Builder b(at, module->getBodyRegion());
  auto main = func::FuncOp::create(b, "main", b.getFunctionType(types, {}));
  Block *entry = main.addEntryBlock();
  b.setInsertionPointToStart(entry);
  std::vector<Value> results = build(b, entry->getArguments());
  if (llvm::is_contained(results, Value())) {
    ADD_FAILURE() << "cannot be built: " << diagnostics;
    return {};
  }
  func::ReturnOp::create(b, results);
  main.setFunctionType(b.getFunctionType(types, ValueRange(results).getTypes()));
  EXPECT_TRUE(succeeded(verify(*module))) << diagnostics;
  return module;
}

std::vector<TensorRef> OnDevice::reference(ModuleOp module, const std::vector<TensorRef> &inputs) {
  auto results = Reference().run(module.lookupSymbol<func::FuncOp>("main"), inputs);
  EXPECT_TRUE(succeeded(results)) << diagnostics;
  return failed(results) ? std::vector<TensorRef>() : *results;
}

std::vector<Launch> OnDevice::check(const Cases &cases) {
  OwningOpRef<ModuleOp> module = parse(cases.text());
  return module ? check(*module, cases.inputs, cases.expectations) : std::vector<Launch>();
}

std::vector<Launch> OnDevice::check(ModuleOp module, const std::vector<TensorRef> &inputs,
                                    const std::vector<Expectation> &expectations) {
  return check(module, inputs, expectations, reference(module, inputs));
}

std::vector<Launch> OnDevice::check(ModuleOp module, const std::vector<TensorRef> &inputs,
                                    const std::vector<Expectation> &expectations,
                                    const std::vector<TensorRef> &expected) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  Compiled compiled(module, *chip, GetParam());
  if (!compiled.error.empty()) {
    ADD_FAILURE() << compiled.error << "\n" << diagnostics << text;
    diagnostics.clear();
    return {};
  }
  std::vector<TensorRef> found = compiled.run(inputs);
  EXPECT_EQ(compiled.error, "") << text;
  EXPECT_EQ(found.size(), expectations.size());
  EXPECT_EQ(expected.size(), expectations.size());
  for (size_t i = 0; i < std::min({found.size(), expected.size(), expectations.size()}); ++i)
    compare(*expected[i], *found[i], expectations[i]);
  return compiled.launches;
}

// Whether `found` is as near to `expected` as `tolerance` asks, both elements of type `e`.
static bool isNear(Element e, const std::byte *expected, const std::byte *found, const Tolerance &tolerance) {
  Lane a, b;
  tiny::decode(e, expected, 1, &a);
  tiny::decode(e, found, 1, &b);
  if (!tiny::isFloat(e))
    return std::memcmp(expected, found, tiny::byteWidth(e)) == 0;
  if (std::isnan(a.f) || std::isnan(b.f))
    return std::isnan(a.f) && std::isnan(b.f);
  bool loose = tolerance.relative != 0 || tolerance.absolute != 0;
  if (a.f == b.f)
    return loose || std::signbit(a.f) == std::signbit(b.f);
  unsigned width = tiny::byteWidth(e);
  auto ordered = [&](const std::byte *bytes) {
    uint64_t bits = 0, sign = uint64_t(1) << (8 * width - 1);
    std::memcpy(&bits, bytes, width);
    return bits & sign ? -static_cast<int64_t>(bits & (sign - 1)) : static_cast<int64_t>(bits);
  };
  if (static_cast<uint64_t>(std::abs(ordered(expected) - ordered(found))) <= tolerance.numbers)
    return true;
  return loose && std::isfinite(a.f) && std::isfinite(b.f) &&
         std::fabs(a.f - b.f) <= tolerance.absolute + tolerance.relative * std::fabs(a.f);
}

static std::string show(const DenseTensor &tensor, size_t i) {
  Lane lane;
  unsigned width = tiny::byteWidth(tensor.element);
  tiny::decode(tensor.element, tensor.bytes.data() + i * width, 1, &lane);
  char text[64];
  if (tiny::isFloat(tensor.element))
    std::snprintf(text, sizeof text, "%.17g", lane.f);
  else if (tiny::isUnsigned(tensor.element))
    std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(lane.i));
  else
    std::snprintf(text, sizeof text, "%lld", static_cast<long long>(lane.i));
  return text;
}

std::string difference(const DenseTensor &expected, const DenseTensor &found, const Tolerance &tolerance,
                       const std::vector<TensorRef> &operands) {
  if (expected.element != found.element || expected.shape != found.shape)
    return "expected " + tensorType(expected.element, expected.shape) + ", found " +
           tensorType(found.element, found.shape);
  unsigned width = tiny::byteWidth(expected.element);
  size_t wrong = 0, count = expected.count();
  std::string examples;
  for (size_t i = 0; i < count; ++i) {
    if (isNear(expected.element, expected.bytes.data() + i * width, found.bytes.data() + i * width, tolerance))
      continue;
    if (++wrong > 4)
      continue;
    examples += "\n  element " + std::to_string(i);
    for (const TensorRef &operand : operands)
      examples += (&operand == &operands[0] ? " of " : ", ") + show(*operand, i);
    examples += ": expected " + show(expected, i) + ", found " + show(found, i);
  }
  if (wrong == 0)
    return {};
  return std::to_string(wrong) + " of " + std::to_string(count) + " elements are wrong" + examples;
}

void OnDevice::compare(const DenseTensor &expected, const DenseTensor &found, const Expectation &expectation) {
  EXPECT_EQ(difference(expected, found, expectation.tolerance, expectation.operands), "") << expectation.label;
}

} // namespace tinyc::test

int main(int argc, char **argv) {
  // The dynamic linker reads LD_LIBRARY_PATH when a process starts; so start once more with the emulated drivers.
  if (!std::getenv("TINYC_TEST_REAL_DEVICES") && !std::getenv("TINYC_TEST_EMULATORS")) {
    setenv("TINYC_TEST_EMULATORS", "1", 1);
    setenv("LD_LIBRARY_PATH", TINYC_BUILD_DIR "/emulators", 1);
    execv("/proc/self/exe", argv);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
