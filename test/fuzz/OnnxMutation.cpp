// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes of a model.

#include "test/fuzz/OnnxMutation.h"

#include <set>

using namespace tinyc::fuzz;
using namespace tinyc::onnx;

namespace {

constexpr int mostNodes = 40;

class ModelMutation {
public:
  ModelMutation(ModelProto &model, const std::vector<OperatorName> &operators, Choice &choose)
      : model(model), operators(operators), choose(choose) {}

  template <typename List> auto *pick(List *list) {
    return list->Mutable(static_cast<int>(choose.below(static_cast<size_t>(list->size()))));
  }

  void run() {
    if (!model.has_graph())
      model.mutable_graph();
    switch (choose.below(12)) {
    case 0:
      return changeVersion();
    case 1:
      return changeInput();
    case 2:
      return changeOutput();
    case 3:
      if (model.graph().initializer_size())
        return mutateTensor(*pick(model.mutable_graph()->mutable_initializer()), choose);
      return changeNodes();
    case 4:
      return choose.oneIn(4) ? changeFunctions() : changeNodes();
    default:
      return changeNodes();
    }
  }

private:
  // A graph of the model, most often the outermost.
  GraphProto *someGraph() {
    GraphProto *graph = model.mutable_graph();
    while (choose.below(3)) {
      std::vector<GraphProto *> inner;
      for (NodeProto &node : *graph->mutable_node())
        for (AttributeProto &attribute : *node.mutable_attribute())
          if (attribute.has_g())
            inner.push_back(attribute.mutable_g());
      if (inner.empty())
        break;
      graph = choose.among(inner);
    }
    return graph;
  }

  static std::vector<std::string> namesIn(const GraphProto &graph) {
    std::vector<std::string> names = {""};
    for (const ValueInfoProto &input : graph.input())
      names.push_back(input.name());
    for (const TensorProto &tensor : graph.initializer())
      names.push_back(tensor.name());
    for (const NodeProto &node : graph.node())
      for (const std::string &output : node.output())
        names.push_back(output);
    return names;
  }

  std::string freshName() { return "v" + std::to_string(choose.below(1000)); }

  void changeNodes() {
    if (model.functions_size() && choose.oneIn(4)) {
      FunctionProto *function = pick(model.mutable_functions());
      std::vector<std::string> names(function->input().begin(), function->input().end());
      for (const NodeProto &node : function->node())
        names.insert(names.end(), node.output().begin(), node.output().end());
      names.emplace_back();
      return changeNodes(*function->mutable_node(), names);
    }
    GraphProto *graph = someGraph();
    std::vector<std::string> names = namesIn(*graph);
    if (graph != &model.graph()) {
      std::vector<std::string> outer = namesIn(model.graph());
      names.insert(names.end(), outer.begin(), outer.end());
      // The borders of an inner graph.
      if (choose.oneIn(4)) {
        switch (choose.below(4)) {
        case 0:
          graph->add_input()->set_name(freshName());
          return;
        case 1:
          if (graph->input_size())
            graph->mutable_input()->RemoveLast();
          return;
        case 2:
          graph->add_output()->set_name(choose.among(names));
          return;
        default:
          if (graph->output_size())
            pick(graph->mutable_output())->set_name(choose.among(names));
          return;
        }
      }
    }
    changeNodes(*graph->mutable_node(), names);
  }

  using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

  void changeNodes(Nodes &nodes, const std::vector<std::string> &names) {
    size_t kind = nodes.empty() ? 0 : choose.below(16);
    if (kind < 2) {
      if (nodes.size() >= mostNodes)
        return;
      NodeProto node;
      if (nodes.empty() || choose.oneIn(2)) {
        const OperatorName &op = choose.among(operators);
        node.set_op_type(op.name);
        node.set_domain(op.domain);
        for (size_t i = choose.below(4); i > 0; --i)
          node.add_input(choose.among(names));
      } else {
        node = *pick(&nodes);
        node.clear_output();
      }
      node.add_output(freshName());
      *nodes.Add() = node;
      return;
    }
    NodeProto *node = pick(&nodes);
    switch (kind) {
    case 2:
      nodes.SwapElements(0, static_cast<int>(choose.below(nodes.size())));
      nodes.RemoveLast();
      break;
    case 3: {
      const OperatorName &op = choose.among(operators);
      node->set_op_type(op.name);
      node->set_domain(op.domain);
      break;
    }
    case 4:
    case 5:
    case 6:
      if (node->input_size())
        node->set_input(static_cast<int>(choose.below(node->input_size())), choose.among(names));
      break;
    case 7:
      node->add_input(choose.among(names));
      break;
    case 8:
      if (node->input_size())
        node->mutable_input()->RemoveLast();
      break;
    case 9:
      if (choose.oneIn(2))
        node->add_output(freshName());
      else if (node->output_size())
        node->set_output(static_cast<int>(choose.below(node->output_size())), choose.oneIn(2) ? "" : freshName());
      break;
    default:
      changeAttribute(*node);
    }
  }

  void changeAttribute(NodeProto &node) {
    static const char *const names[] = {"axis",    "axes",      "perm",     "to",        "keepdims",     "pads",
                                        "strides", "dilations", "auto_pad", "group",     "kernel_shape", "ceil_mode",
                                        "alpha",   "mode",      "value",    "direction", "hidden_size",  "num_outputs",
                                        "epsilon", "largest",   "sorted",   "blocksize", "block_size",   "bits",
                                        "reverse", "exclusive", "equation", "body",      "batch_dims",   "reduction"};
    if (node.attribute_size() == 0 || choose.oneIn(8)) {
      AttributeProto *attribute = node.add_attribute();
      attribute->set_name(choose.among(names));
      attribute->set_type(choose.oneIn(2) ? AttributeProto::INT : AttributeProto::INTS);
      attribute->set_i(choose.number(1));
      attribute->add_ints(choose.number(1));
      return;
    }
    AttributeProto *attribute = pick(node.mutable_attribute());
    switch (choose.below(10)) {
    case 0:
      *attribute = node.attribute(node.attribute_size() - 1);
      node.mutable_attribute()->RemoveLast();
      return;
    case 1:
      attribute->set_type(static_cast<AttributeProto::AttributeType>(choose.below(15)));
      return;
    case 2:
      attribute->set_name(choose.among(names));
      return;
    case 3:
      attribute->set_ref_attr_name(choose.oneIn(2) ? attribute->name() : "");
      return;
    default:
      changeValue(*attribute);
    }
  }

  void changeValue(AttributeProto &attribute) {
    static const float floats[] = {0, -0.f, 1, -1, 0.5, 1e-45f, 3e38f, -3e38f, __builtin_inff(), __builtin_nanf("")};
    if (attribute.has_t())
      return mutateTensor(*attribute.mutable_t(), choose);
    if (attribute.ints_size()) {
      if (choose.oneIn(4))
        return attribute.add_ints(choose.number(1));
      if (choose.oneIn(4))
        return attribute.mutable_ints()->RemoveLast();
      int at = static_cast<int>(choose.below(attribute.ints_size()));
      return attribute.set_ints(at, choose.number(attribute.ints(at)));
    }
    if (attribute.floats_size()) {
      if (choose.oneIn(4))
        return attribute.add_floats(choose.among(floats));
      return attribute.set_floats(static_cast<int>(choose.below(attribute.floats_size())), choose.among(floats));
    }
    if (attribute.strings_size()) {
      std::string *text = pick(attribute.mutable_strings());
      *text = mutatedBytes(*text, text->size() + 4);
      return;
    }
    if (attribute.has_s())
      return attribute.set_s(mutatedBytes(attribute.s(), attribute.s().size() + 4));
    if (attribute.has_f())
      return attribute.set_f(choose.among(floats));
    attribute.set_i(choose.number(attribute.i()));
  }

  void changeVersion() {
    if (model.opset_import_size() == 0)
      model.add_opset_import();
    pick(model.mutable_opset_import())
        ->set_version(choose.oneIn(8) ? choose.number(13) : static_cast<int64_t>(choose.below(28)));
  }

  void changeInput() {
    GraphProto *graph = model.mutable_graph();
    if (graph->input_size() == 0 || choose.oneIn(8)) {
      ValueInfoProto *input = graph->add_input();
      input->set_name(freshName());
      input->mutable_type()->mutable_tensor_type()->set_elem_type(1);
    }
    TypeProto *type = pick(graph->mutable_input())->mutable_type();
    if (!type->has_tensor_type() || choose.oneIn(16)) {
      // Declared as something else, or again as a tensor.
      if (type->has_tensor_type())
        type->mutable_sequence_type()->mutable_elem_type()->mutable_tensor_type()->set_elem_type(1);
      else
        type->mutable_tensor_type()->set_elem_type(1);
      return;
    }
    TypeProto::Tensor *tensor = type->mutable_tensor_type();
    if (choose.oneIn(4)) {
      tensor->set_elem_type(static_cast<int32_t>(choose.below(28)));
      return;
    }
    TensorShapeProto *shape = tensor->mutable_shape();
    if (shape->dim_size() == 0 || choose.oneIn(6))
      shape->add_dim()->set_dim_value(static_cast<int64_t>(choose.below(5)));
    else if (choose.oneIn(6))
      shape->mutable_dim()->RemoveLast();
    auto *dim = shape->dim_size() ? pick(shape->mutable_dim()) : nullptr;
    if (dim && choose.oneIn(6))
      dim->set_dim_param(choose.oneIn(3) ? "" : "n");
    else if (dim)
      dim->set_dim_value(choose.oneIn(2) ? choose.number(dim->dim_value()) : static_cast<int64_t>(choose.below(9)));
  }

  void changeOutput() {
    GraphProto *graph = model.mutable_graph();
    std::vector<std::string> names = namesIn(*graph);
    if (graph->output_size() == 0 || choose.oneIn(2))
      graph->add_output()->set_name(choose.among(names));
    else if (choose.oneIn(2))
      pick(graph->mutable_output())->set_name(choose.among(names));
    else
      graph->mutable_output()->RemoveLast();
  }

  // A node becomes the body of a function and a call of it, or an existing call changes.
  void changeFunctions() {
    GraphProto *graph = model.mutable_graph();
    if (graph->node_size() == 0 || model.functions_size() >= 4)
      return;
    NodeProto *node = pick(graph->mutable_node());
    std::string name = "F" + std::to_string(model.functions_size());
    FunctionProto *function = model.add_functions();
    function->set_name(name);
    function->set_domain("own");
    *function->mutable_opset_import() = model.opset_import();
    function->add_opset_import()->set_domain("own");
    *function->add_node() = *node;
    std::set<std::string> seen;
    for (const std::string &input : node->input())
      if (!input.empty() && seen.insert(input).second)
        function->add_input(input);
    *function->mutable_output() = node->output();
    if (choose.oneIn(4)) { // it calls itself
      function->mutable_node(0)->set_op_type(name);
      function->mutable_node(0)->set_domain("own");
    }
    *node->mutable_input() = function->input();
    node->set_op_type(name);
    node->set_domain("own");
    if (std::none_of(model.opset_import().begin(), model.opset_import().end(),
                     [](const auto &import) { return import.domain() == "own"; }))
      model.add_opset_import()->set_domain("own");
  }

  ModelProto &model;
  const std::vector<OperatorName> &operators;
  Choice &choose;
};

} // namespace

void tinyc::fuzz::mutateModel(ModelProto &model, const std::vector<OperatorName> &operators, Choice &choose) {
  ModelMutation(model, operators, choose).run();
}

void tinyc::fuzz::graft(ModelProto &model, const ModelProto &other, Choice &choose) {
  const GraphProto &from = other.graph();
  if (from.node_size() == 0 || model.graph().node_size() >= mostNodes)
    return;
  GraphProto *graph = model.mutable_graph();
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const ValueInfoProto &input : graph->input())
    names.push_back(input.name());
  for (const TensorProto &tensor : graph->initializer())
    names.push_back(tensor.name());
  for (const NodeProto &node : graph->node())
    for (const std::string &output : node.output())
      names.push_back(output);
  taken.insert(names.begin(), names.end());
  NodeProto *node = graph->add_node();
  *node = from.node(static_cast<int>(choose.below(from.node_size())));
  std::string prefix = "g" + std::to_string(choose.below(1000)) + ".";
  for (std::string &input : *node->mutable_input()) {
    if (input.empty())
      continue;
    bool given = false;
    for (const TensorProto &tensor : from.initializer())
      if (tensor.name() == input && taken.insert(prefix + input).second) {
        *graph->add_initializer() = tensor;
        graph->mutable_initializer(graph->initializer_size() - 1)->set_name(prefix + input);
        given = true;
      }
    for (const ValueInfoProto &info : from.input())
      if (!given && info.name() == input && (names.empty() || choose.oneIn(2)) && taken.insert(prefix + input).second) {
        *graph->add_input() = info;
        graph->mutable_input(graph->input_size() - 1)->set_name(prefix + input);
        given = true;
      }
    input = given || names.empty() ? prefix + input : choose.among(names);
  }
  for (std::string &output : *node->mutable_output())
    if (!output.empty())
      output = prefix + output;
  // So that somebody reads it.
  if (node->output_size() && choose.oneIn(2))
    graph->add_output()->set_name(node->output(0));
}
