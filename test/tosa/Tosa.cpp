// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/tosa/Tosa.h"

#include "lib/Reference/Reference.h"
#include "lib/Tosa/Convert.h"
#include "lib/Weights/WeightStore.h"

#include "dialects/Tiny/TinyOps.h"

#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace tinyc;
using tiny::Element;

template <typename T> static TensorRef make(Element element, std::vector<int64_t> shape, const std::vector<T> &values) {
  return std::make_shared<DenseTensor>(DenseTensor::of<T>(element, std::move(shape), std::span<const T>(values)));
}

TensorRef test::tensor(std::vector<int64_t> s, std::vector<float> v) { return make(Element::F32, s, v); }
TensorRef test::tensor(std::vector<int64_t> s, std::vector<int8_t> v) { return make(Element::I8, s, v); }
TensorRef test::tensor(std::vector<int64_t> s, std::vector<int16_t> v) { return make(Element::I16, s, v); }
TensorRef test::tensor(std::vector<int64_t> s, std::vector<int32_t> v) { return make(Element::I32, s, v); }
TensorRef test::tensor(std::vector<int64_t> s, std::vector<uint8_t> v) { return make(Element::I1, s, v); }

std::vector<float> test::someFloats(size_t count, unsigned seed) {
  std::vector<float> values(count);
  for (float &value : values)
    value = float(int((seed = seed * 1664525 + 1013904223) >> 20) - 2048) / 512;
  return values;
}

std::string test::typeOf(const TensorRef &tensor) {
  std::string type = "tensor<";
  for (int64_t size : tensor->shape)
    type += std::to_string(size) + "x";
  return type + tiny::name(tensor->element) + ">";
}

std::vector<TensorRef> test::runModule(const std::string &text, const std::vector<TensorRef> &inputs,
                                       std::string &errors) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<tiny::TinyDialect, func::FuncDialect, mlir::tosa::TosaDialect>();
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
    errors += d.str() + "\n";
    for (Diagnostic &note : d.getNotes())
      errors += note.str() + "\n";
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  WeightStore weights;
  if (!module || failed(convertTosa(*module, weights)) || failed(verify(*module)))
    return {};
  Reference reference([&](StringRef hash) -> std::optional<ArrayRef<char>> {
    auto bytes = weights.find(hash.str());
    if (!bytes)
      return std::nullopt;
    return ArrayRef<char>(reinterpret_cast<const char *>(bytes->data()), bytes->size());
  });
  auto results = reference.run(module->lookupSymbol<func::FuncOp>("main"), inputs);
  return failed(results) ? std::vector<TensorRef>() : *results;
}

TensorRef test::runBody(const std::string &body, const std::vector<TensorRef> &inputs, const std::string &result) {
  std::string arguments;
  for (size_t i = 0; i < inputs.size(); ++i)
    arguments += (i ? ", %" : "%") + ("a" + std::to_string(i)) + ": " + typeOf(inputs[i]);
  std::string text =
      "func.func @forward(" + arguments + ") -> " + result + " {\n" + body + "\nreturn %r : " + result + "\n}\n";
  std::string errors;
  std::vector<TensorRef> results = runModule(text, inputs, errors);
  EXPECT_EQ(errors, "") << text;
  EXPECT_EQ(results.size(), 1u) << text;
  return results.empty() ? nullptr : results[0];
}

TensorRef test::runOp(const std::string &name, const std::vector<TensorRef> &inputs, const std::string &attributes,
                      const std::string &result) {
  std::string operands, types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    operands += (i ? ", %a" : "%a") + std::to_string(i);
    types += (i ? ", " : "") + typeOf(inputs[i]);
  }
  return runBody("%r = tosa." + name + " " + operands + " " + attributes + " : (" + types + ") -> " + result, inputs,
                 result);
}

void test::expectNear(const TensorRef &actual, const std::vector<float> &expected, double tolerance) {
  std::vector<float> values = valuesOf<float>(actual);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    bool same = values[i] == expected[i] || (std::isnan(values[i]) && std::isnan(expected[i]));
    double error = std::abs(double(values[i]) - expected[i]);
    EXPECT_TRUE(same || error <= tolerance * std::max(std::abs(values[i]), std::abs(expected[i])))
        << i << ": expected " << expected[i] << ", found " << values[i];
  }
}
