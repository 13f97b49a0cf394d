// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Damaged models: a model that uses many operators is changed at random, in its bytes and in its numbers, and imported.
// Whatever comes in, the importer ends with a verified module or with an error; a crash ends this program.

#include "lib/Onnx/Import.h"
#include "lib/Onnx/onnx.pb.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

using namespace mlir;
using namespace tinyc;
using onnx::AttributeProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

namespace {

// Builds the model to be damaged.
class Model {
public:
  ModelProto proto;

  Model() {
    proto.set_ir_version(8);
    proto.add_opset_import()->set_version(18);
    input("x", {1, 4, 8, 8});
    ints("shape", {1, 4, 64});
    ints("axes", {1});
    ints("starts", {1});
    ints("ends", {7});
    ints("steps", {2});
    ints("pads", {0, 0, 1, 0, 0, -1});
    ints("repeats", {1, 2, 1});
    ints("indices", {0, -1, 2});
    floats("w", {6, 2, 3, 3});
    floats("scale", {6});
    attribute(attribute(attribute(node("Conv", {"x", "w"}, {"a"}), "pads", {1, 1, 1, 1}), "strides", {2, 1}), "group",
              2);
    attribute(node("BatchNormalization", {"a", "scale", "scale", "scale", "scale"}, {"bn"}), "training_mode", 0);
    attribute(attribute(node("MaxPool", {"bn"}, {"p"}), "kernel_shape", {2, 2}), "ceil_mode", 1);
    attribute(attribute(node("AveragePool", {"bn"}, {"q"}), "kernel_shape", {2, 2}), "pads", {1, 0, 1, 0});
    node("Reshape", {"x", "shape"}, {"r"});
    node("Slice", {"r", "starts", "ends", "axes", "steps"}, {"s"});
    node("Pad", {"r", "pads"}, {"padded"});
    node("Tile", {"r", "repeats"}, {"tiled"});
    attribute(node("Gather", {"r", "indices"}, {"g"}), "axis", 1);
    attribute(node("Transpose", {"g"}, {"t"}), "perm", {0, 2, 1});
    node("MatMul", {"g", "t"}, {"m"});
    attribute(node("Softmax", {"m"}, {"soft"}), "axis", -1);
    attribute(node("Concat", {"r", "tiled"}, {"c"}), "axis", 1);
    attribute(attribute(node("Split", {"c"}, {"c0", "c1"}), "axis", 1), "num_outputs", 2);
    node("Shape", {"c"}, {"dims"});
    node("ConstantOfShape", {"dims"}, {"ones"});
    node("Expand", {"ones", "dims"}, {"e"});
    node("Unsqueeze", {"e", "axes"}, {"u"});
    node("Squeeze", {"u", "axes"}, {"v"});
    attribute(node("Flatten", {"v"}, {"f"}), "axis", 1);
    attribute(node("ArgMax", {"f"}, {"arg"}), "axis", 1);
    node("ReduceSum", {"r", "axes"}, {"sum"});
    attribute(node("Cast", {"sum"}, {"cast"}), "to", 7);
    for (const char *name : {"p", "q", "s", "padded", "soft", "c0", "c1", "f", "arg", "cast"})
      proto.mutable_graph()->add_output()->set_name(name);
  }

private:
  NodeProto *node(const char *op, std::initializer_list<const char *> inputs,
                  std::initializer_list<const char *> outputs) {
    NodeProto *node = proto.mutable_graph()->add_node();
    node->set_op_type(op);
    for (const char *input : inputs)
      node->add_input(input);
    for (const char *output : outputs)
      node->add_output(output);
    return node;
  }
  NodeProto *attribute(NodeProto *node, const char *name, int64_t value) {
    AttributeProto *attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(AttributeProto::INT);
    attribute->set_i(value);
    return node;
  }
  NodeProto *attribute(NodeProto *node, const char *name, std::initializer_list<int64_t> values) {
    AttributeProto *attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(AttributeProto::INTS);
    for (int64_t value : values)
      attribute->add_ints(value);
    return node;
  }
  void input(const char *name, std::initializer_list<int64_t> dims) {
    auto *info = proto.mutable_graph()->add_input();
    info->set_name(name);
    info->mutable_type()->mutable_tensor_type()->set_elem_type(1);
    for (int64_t dim : dims)
      info->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(dim);
  }
  void ints(const char *name, std::initializer_list<int64_t> values) {
    TensorProto *tensor = proto.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(7);
    tensor->add_dims(values.size());
    for (int64_t value : values)
      tensor->add_int64_data(value);
  }
  void floats(const char *name, std::initializer_list<int64_t> dims) {
    TensorProto *tensor = proto.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(1);
    int64_t count = 1;
    for (int64_t dim : dims) {
      tensor->add_dims(dim);
      count *= dim;
    }
    for (int64_t i = 0; i < count; ++i)
      tensor->add_float_data(0.5f + i);
  }
};

// Imports bytes as a file; the number of errors, 0 if a module came out.
class Importer {
public:
  unsigned operator()(const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    MLIRContext context(MLIRContext::Threading::DISABLED);
    unsigned errors = 0;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
      last = diagnostic.str();
      return success();
    });
    WeightStore weights;
    auto module = importOnnx(path.string(), {}, weights, &context);
    EXPECT_EQ(bool(module), errors == 0) << last;
    return errors;
  }
  ~Importer() { std::filesystem::remove(path); }
  std::string last;

private:
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tinyc-mutation-" + std::to_string(getpid()) + ".onnx");
};

} // namespace

TEST(Mutation, TheModelItselfImports) {
  Importer import;
  EXPECT_EQ(import(Model().proto.SerializeAsString()), 0u) << import.last;
}

TEST(Mutation, BytesChangedAndCut) {
  Importer import;
  std::string whole = Model().proto.SerializeAsString();
  std::mt19937 random(1);
  unsigned refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string bytes = whole;
    if (i % 5 == 0)
      bytes.resize(random() % bytes.size());
    for (unsigned k = random() % 4 + (i % 5 != 0); k > 0 && !bytes.empty(); --k)
      bytes[random() % bytes.size()] = random();
    refused += import(bytes) != 0;
  }
  EXPECT_GT(refused, 150u);
}

TEST(Mutation, RandomBytes) {
  Importer import;
  std::mt19937 random(2);
  for (int i = 0; i < 100; ++i) {
    std::string bytes(random() % 300, 0);
    for (char &byte : bytes)
      byte = random();
    EXPECT_NE(import(bytes), 0u);
  }
}

TEST(Mutation, NumbersChanged) {
  Importer import;
  std::mt19937_64 random(3);
  auto odd = [&]() -> int64_t {
    static const int64_t values[] = {0,
                                     1,
                                     -1,
                                     2,
                                     3,
                                     -2,
                                     5,
                                     7,
                                     64,
                                     100,
                                     255,
                                     65536,
                                     INT32_MAX,
                                     INT32_MIN,
                                     int64_t(1) << 31,
                                     int64_t(1) << 40,
                                     int64_t(1) << 62,
                                     -(int64_t(1) << 62),
                                     INT64_MAX,
                                     INT64_MIN};
    return values[random() % std::size(values)];
  };
  unsigned refused = 0;
  constexpr int rounds = 1000;
  for (int i = 0; i < rounds; ++i) {
    Model model;
    auto *graph = model.proto.mutable_graph();
    switch (random() % 6) {
    case 0: {
      auto *shape = graph->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
      shape->mutable_dim(random() % shape->dim_size())->set_dim_value(odd());
      break;
    }
    case 1: {
      TensorProto *tensor = graph->mutable_initializer(random() % graph->initializer_size());
      tensor->set_dims(random() % tensor->dims_size(), odd());
      break;
    }
    case 2:
    case 3: {
      TensorProto *tensor = graph->mutable_initializer(random() % 8);
      tensor->set_int64_data(random() % tensor->int64_data_size(), odd());
      break;
    }
    default: {
      NodeProto *node = graph->mutable_node(random() % graph->node_size());
      if (node->attribute_size() == 0) {
        node->mutable_input()->SwapElements(0, random() % node->input_size());
        if (random() % 2)
          node->set_input(random() % node->input_size(), random() % 2 ? "x" : "indices");
        break;
      }
      AttributeProto *attribute = node->mutable_attribute(random() % node->attribute_size());
      if (attribute->ints_size())
        attribute->set_ints(random() % attribute->ints_size(), odd());
      else
        attribute->set_i(odd());
      if (random() % 8 == 0 && attribute->ints_size())
        attribute->mutable_ints()->RemoveLast();
    }
    }
    refused += import(model.proto.SerializeAsString()) != 0;
  }
  // Some changes are harmless; most are not.
  EXPECT_GT(refused, rounds / 3);
  EXPECT_LT(refused, rounds);
}
