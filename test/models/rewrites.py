# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rewrites of ONNX models that do not change what they compute: names, order, constants, identities, If with a known
condition, local functions, and other opsets. Each takes the model (messages.py) and a random.Random, and says in a word
what it did, or None if there was nothing to do.
"""
import struct

from messages import Message

INT64, BOOL, FLOAT16 = 7, 9, 10
FLOATING = {"Conv", "Relu", "MatMul", "Sigmoid", "Tanh", "Softmax", "BatchNormalization", "LSTM", "Erf", "Sqrt", "Exp"}


def subgraphs(node):
    for attribute in node.attribute:
        yield from ([attribute.g] if attribute.g else []) + attribute.graphs


def graphs(graph):
    """The graph and all graphs in it."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from graphs(inner)


def reads(node):
    """Names that a node or a graph in it takes from outside."""
    names = {name for name in node.input if name}
    for inner in subgraphs(node):
        own = {each.name for each in inner.input} | {each.name for each in inner.initializer}
        own |= {name for each in inner.node for name in each.output}
        names |= {name for each in inner.node for name in reads(each)} - own
        names |= {value.name for value in inner.output} - own
    return names


def fresh(model, prefix):
    taken = {name for graph in graphs(model.graph) for node in graph.node for name in [*node.input, *node.output]}
    taken |= {weight.name for graph in graphs(model.graph) for weight in graph.initializer}
    number = 0
    while f"{prefix}_{number}" in taken:
        number += 1
    return f"{prefix}_{number}"


def some_graph(model, random):
    every = list(graphs(model.graph))
    return random.choices(every, [len(graph.node) for graph in every])[0]


def opset(model):
    return next(each for each in model.opset_import if not each.domain)


def ints(name, values):
    return Message("TensorProto", name=name, dims=[len(values)], data_type=INT64,
                   raw_data=struct.pack(f"<{len(values)}q", *values))


def attribute(name, value):
    if isinstance(value, int):
        return Message("AttributeProto", name=name, type=2, i=value)
    if isinstance(value, Message):
        return Message("AttributeProto", name=name, type=4 if value.kind == "TensorProto" else 5,
                       **{"t" if value.kind == "TensorProto" else "g": value})
    return Message("AttributeProto", name=name, type=7, ints=list(value))


def find(node, name):
    return next((each for each in node.attribute if each.name == name), None)


def take(node, name):
    found = find(node, name)
    if found:
        node.attribute.remove(found)
    return found


# ---- Names and order


def rename(model, random):
    """Other names for all values and nodes, inputs and outputs of the model too."""
    new = {"": ""}

    def name_of(old):
        if old not in new:
            new[old] = f"{random.choice('abcxyz')}/{random.getrandbits(40):x}:{len(new)}"
        return new[old]

    for graph in list(graphs(model.graph)):
        for value in graph.input + graph.output + graph.value_info + graph.initializer:
            value.name = name_of(value.name)
        for node in graph.node:
            node.input = [name_of(name) for name in node.input]
            node.output = [name_of(name) for name in node.output]
            node.name = f"n{random.getrandbits(32):x}" if random.random() < 0.9 else None
    return "rename"


def shuffle(model, random):
    """Another order of the nodes, in which each still stands after what it reads."""
    for graph in graphs(model.graph):
        producer = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
        waits = [{producer[name] for name in reads(node) if name in producer} for node in graph.node]
        users = [[] for _ in graph.node]
        for i, on in enumerate(waits):
            for each in on:
                users[each].append(i)
        ready, order = [i for i, on in enumerate(waits) if not on], []
        while ready:
            i = ready.pop(random.randrange(len(ready)))
            order.append(graph.node[i])
            for user in users[i]:
                waits[user].discard(i)
                if not waits[user]:
                    ready.append(user)
        assert len(order) == len(graph.node)
        graph.node = order
    return "shuffle"


# ---- Constants and identities


def to_constants(model, random):
    """Initialisers become nodes."""
    done = 0
    for graph in graphs(model.graph):
        for weight in list(graph.initializer):
            if random.random() < 0.5:
                continue
            graph.initializer.remove(weight)
            graph.input = [value for value in graph.input if value.name != weight.name]
            graph.node.insert(0, Message("NodeProto", op_type="Constant", output=[weight.name],
                                         attribute=[attribute("value", weight)]))
            done += 1
    return "to-constants" if done else None


def to_initialisers(model, random):
    """Constants become initialisers."""
    done = 0
    for graph in graphs(model.graph):
        for node in list(graph.node):
            value = find(node, "value") if node.op_type == "Constant" else None
            if value and value.t and random.random() < 0.7:
                graph.node.remove(node)
                weight = value.t.copy()
                weight.name = node.output[0]
                graph.initializer.append(weight)
                done += 1
    model.ir_version = max(model.ir_version, 4)  # before, each initialiser was an input too
    return "to-initialisers" if done else None


def identities(model, random):
    graph = some_graph(model, random)
    done = 0
    for _ in range(8):
        at = random.randrange(len(graph.node))
        node = graph.node[at]
        places = [i for i, name in enumerate(node.input) if name]
        if not places:
            continue
        place = random.choice(places)
        name = fresh(model, "identity")
        graph.node.insert(at, Message("NodeProto", op_type="Identity", input=[node.input[place]], output=[name]))
        node.input[place] = name
        done += 1
    return "identities" if done else None


# ---- Groups of nodes


def group(model, random, longest):
    """A graph, and some nodes that follow each other in it: their place, what they read and what others read of them."""
    graph = some_graph(model, random)
    begin = random.randrange(len(graph.node))
    end = min(len(graph.node), begin + random.randint(1, longest))
    nodes = graph.node[begin:end]
    made = [name for node in nodes for name in node.output if name]
    read = []
    for node in nodes:
        read += [name for name in sorted(reads(node)) if name not in made and name not in read]
    outside = {name for node in graph.node[:begin] + graph.node[end:] for name in reads(node)}
    outside |= {value.name for value in graph.output}
    return graph, begin, end, read, [name for name in made if name in outside]


def copy_nodes(nodes, suffix, names):
    """The nodes again, what they make under other names."""
    names = {name: name + suffix for name in names}
    copies = [node.copy() for node in nodes]
    for node in copies:
        node.input = [names.get(name, name) for name in node.input]
        node.output = [names.get(name, name) for name in node.output]
        for inner in subgraphs(node):
            for graph in graphs(inner):
                for each in graph.node:
                    each.input = [names.get(name, name) for name in each.input]
                for value in graph.output:
                    value.name = names.get(value.name, value.name)
    return copies


def wrap_in_if(model, random):
    """Some nodes become the branch that a known condition takes; the other one computes something else."""
    graph, begin, end, _, out = group(model, random, 5)
    nodes = graph.node[begin:end]
    if not out or any(node.op_type == "Constant" for node in nodes):
        return None
    made = [name for node in nodes for name in node.output if name]
    taken, branches = random.random() < 0.5, {}
    condition = fresh(model, "condition")
    for name, is_taken in (("then_branch", taken), ("else_branch", not taken)):
        suffix = f"/{condition}/{name}"
        body = copy_nodes(nodes, suffix, made)
        results = [value + suffix for value in out]
        if not is_taken:
            for i, value in enumerate(out):
                if any(value in node.output and node.op_type in FLOATING for node in nodes):
                    body.append(Message("NodeProto", op_type="Neg", input=[results[i]], output=[results[i] + "-"]))
                    results[i] += "-"
        branches[name] = Message("GraphProto", name=name, node=body,
                                 output=[Message("ValueInfoProto", name=value) for value in results])
    graph.initializer.append(Message("TensorProto", name=condition, data_type=BOOL, raw_data=bytes([taken])))
    graph.node[begin:end] = [Message("NodeProto", op_type="If", input=[condition], output=out,
                                     attribute=[attribute(name, body) for name, body in branches.items()])]
    model.ir_version = max(model.ir_version, 4)
    return "if"


def to_function(model, random):
    """Some nodes become a function of the model, called once."""
    graph, begin, end, read, out = group(model, random, 6)
    nodes = graph.node[begin:end]
    if not out or any(True for node in nodes for _ in subgraphs(node)):
        return None
    names = {}
    for i, name in enumerate(read + [name for node in nodes for name in node.output if name]):
        names.setdefault(name, f"v{i}")
    body = [node.copy() for node in nodes]
    for node in body:
        node.input = [names[name] if name else "" for name in node.input]
        node.output = [names[name] if name else "" for name in node.output]
    if not any(each.domain == "variations" for each in model.opset_import):
        model.opset_import.append(Message("OperatorSetIdProto", domain="variations", version=1))
    name = f"function_{len(model.functions)}"
    model.functions.append(Message("FunctionProto", name=name, domain="variations", node=body,
                                   input=[names[each] for each in read], output=[names[each] for each in out],
                                   opset_import=[each.copy() for each in model.opset_import]))
    graph.node[begin:end] = [Message("NodeProto", op_type=name, domain="variations", input=read, output=out)]
    model.ir_version = max(model.ir_version, 8)
    return "function"


# ---- Opsets
#
# A step takes a node over one version in which its operator changed: up or down, or it says that it cannot.


class Stays(Exception):
    """The model cannot be written in that opset."""


class Step:
    def __init__(self, model, graph, node, constants):
        self.model, self.graph, self.node, self.constants = model, graph, node, constants

    def weight(self, values):
        name = fresh_counter(self.model, "opset")
        self.graph.initializer.append(ints(name, values))
        self.constants[name] = list(values)
        return name

    def to_input(self, name, place, default=None):
        """The attribute becomes the input at `place`."""
        found = take(self.node, name)
        values = found.ints if found else default
        if values is None:
            return
        self.node.input += [""] * (place - len(self.node.input)) + [self.weight(values)]

    def to_attribute(self, name, place):
        if len(self.node.input) <= place or not self.node.input[place]:
            return
        values = self.constants.get(self.node.input[place])
        if values is None:
            raise Stays(f"{self.node.op_type}: {name} is computed")
        self.node.input = self.node.input[:place] + [""] * bool(self.node.input[place + 1:]) + self.node.input[place + 1:]
        self.node.attribute.append(attribute(name, values))


def fresh_counter(model, prefix):
    if not hasattr(model, "counter"):  # an earlier change of opset has left names of its own
        names = {name for graph in graphs(model.graph) for node in graph.node for name in [*node.input, *node.output]}
        numbers = [name[len(prefix) + 1:] for name in names if name.startswith(f"{prefix}.")]
        model.counter = max((int(number) for number in numbers if number.isdigit()), default=0)
    model.counter += 1
    return f"{prefix}.{model.counter}"


def axes_up(step):
    step.to_input("axes", 1)


def axes_down(step):
    if (noop := take(step.node, "noop_with_empty_axes")) and noop.i and not step.node.input[1:]:
        raise Stays(f"{step.node.op_type}: does nothing without axes")
    step.to_attribute("axes", 1)


def slice_up(step):
    starts = find(step.node, "starts").ints
    axes = find(step.node, "axes").ints if find(step.node, "axes") else list(range(len(starts)))
    step.to_input("starts", 1)
    step.to_input("ends", 2)
    take(step.node, "axes")
    step.node.input.append(step.weight(axes))


def dropout_up(step):
    ratio = take(step.node, "ratio")
    if ratio:
        name = fresh_counter(step.model, "opset")
        step.graph.initializer.append(Message("TensorProto", name=name, data_type=1, dims=[], float_data=[ratio.f]))
        step.node.input.append(name)


def clip_up(step):
    for name in ("min", "max"):
        bound = take(step.node, name)
        value = fresh_counter(step.model, "opset") if bound else ""
        step.node.input.append(value)
        if bound:
            step.graph.initializer.append(Message("TensorProto", name=value, data_type=1, dims=[], float_data=[bound.f]))


def softmax_up(step):
    """Before 13 the softmax went over all dimensions from `axis` on, as one."""
    if find(step.node, "axis") and find(step.node, "axis").i == -1:
        return
    if any(value.type.tensor_type.elem_type == FLOAT16 for value in step.model.graph.input):
        raise Stays("Softmax: what it reads is rounded to 16 bits where a node is put before it")
    found = take(step.node, "axis")
    axis = found.i if found else 1
    node, at = step.node, step.graph.node.index(step.node)
    flat, soft, shape = (fresh_counter(step.model, "opset") for _ in range(3))
    source, result = node.input[0], node.output[0]
    node.input, node.output, node.attribute = [flat], [soft], node.attribute + [attribute("axis", -1)]
    step.graph.node.insert(at, Message("NodeProto", op_type="Flatten", input=[source], output=[flat],
                                       attribute=[attribute("axis", axis)]))
    step.graph.node[at + 2:at + 2] = [Message("NodeProto", op_type="Shape", input=[source], output=[shape]),
                                      Message("NodeProto", op_type="Reshape", input=[soft, shape], output=[result])]


def softmax_down(step):
    found = take(step.node, "axis")
    if found and found.i != -1:
        raise Stays("Softmax: the axis may not be the last one")
    step.node.attribute.append(attribute("axis", -1))


def batch_norm_up(step):
    take(step.node, "spatial")


def split_up(step):
    if len(step.node.input) < 2:
        step.node.attribute.append(attribute("num_outputs", len(step.node.output)))


def split_down(step):
    take(step.node, "num_outputs")


def shape_down(step):
    if find(step.node, "start") or find(step.node, "end"):
        raise Stays("Shape: only a part of the shape is wanted")


def pad_down(step):
    if len(step.node.input) > 3:
        raise Stays("Pad: has axes")


REDUCTIONS = ("ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare")
UP = {9: {"BatchNormalization": batch_norm_up}, 10: {"Slice": slice_up}, 11: {"Clip": clip_up},
      12: {"Dropout": dropout_up},
      13: {"Squeeze": axes_up, "Unsqueeze": axes_up, "ReduceSum": axes_up, "Softmax": softmax_up,
           "Split": lambda step: step.to_input("split", 1)},
      18: {"Split": split_up, **{name: axes_up for name in REDUCTIONS}}}
DOWN = {13: {"Squeeze": axes_down, "Unsqueeze": axes_down, "ReduceSum": axes_down, "Softmax": softmax_down,
             "Split": lambda step: step.to_attribute("split", 1)},
        15: {"Shape": shape_down},
        18: {"Split": split_down, "Pad": pad_down, **{name: axes_down for name in REDUCTIONS}}}
LOWEST, HIGHEST = 12, 22


def int_constants(model):
    """Values of the int64 constants of the model by name."""
    constants = {}
    for graph in graphs(model.graph):
        tensors = [(weight.name, weight) for weight in graph.initializer]
        tensors += [(node.output[0], find(node, "value").t) for node in graph.node
                    if node.op_type == "Constant" and find(node, "value")]
        for name, tensor in tensors:
            if tensor.data_type == INT64 and len(tensor.dims) <= 1:
                raw = tensor.raw_data
                constants[name] = list(struct.unpack(f"<{len(raw) // 8}q", raw)) if raw else list(tensor.int64_data)
    return constants


def change_opset(model, random):
    """Another opset, with what changed in between rewritten."""
    now = opset(model).version
    target = random.choice([each for each in range(min(now, LOWEST), HIGHEST + 1) if each != now])
    trial, constants = model.copy(), int_constants(model)
    steps = [(version, UP) for version in range(now + 1, target + 1)]
    steps += [(version, DOWN) for version in range(now, target, -1)]
    for version, table in steps:
        for graph in graphs(trial.graph):
            for node in list(graph.node):
                if (step := table.get(version, {}).get(node.op_type)) and not node.domain:
                    try:
                        step(Step(trial, graph, node, constants))
                    except Stays:
                        return None
    opset(trial).version = target
    trial.ir_version = max(trial.ir_version, 4)
    model.__dict__.update(trial.__dict__)
    return f"opset-{target}"


REWRITES = (rename, shuffle, to_constants, to_initialisers, identities, wrap_in_if, to_function, change_opset)
