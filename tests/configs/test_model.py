"""Configurations as Keras writes them, and as nobody should, without Keras."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archscope.configs import graph_of
from archscope.configs.model import MAX_DEPTH
from archscope.errors import GraphError
from archscope.graph import ELU, Activation, Dropout, LeakyReLU, Op, Opaque, Rescaling, Weight, verify


def tensor(name: str, shape: tuple[int, ...] = (8, 8, 3), call: int = 0) -> dict[str, Any]:
    config = {"shape": [None, *shape], "dtype": "float32", "keras_history": [name, call, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def layer(kind: str, name: str, *reads: Any, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    """A layer that is called once, on one tensor, a list of them, or with numbers among them."""
    calls = [{"args": list(reads), "kwargs": {}}] if reads else []
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": calls,
    }


def image(name: str = "image", shape: tuple[int | None, ...] = (8, 8, 3)) -> dict[str, Any]:
    return layer("InputLayer", name, batch_shape=[None, *shape])


def conv(name: str, *reads: Any, filters: int = 4, **more: Any) -> dict[str, Any]:
    return layer("Conv2D", name, *reads, filters=filters, kernel_size=[3, 3], padding="same", **more)


def model(*layers: dict[str, Any], inputs: Any = "image", output: str = "", kind: str = "Functional") -> dict[str, Any]:
    names = inputs if isinstance(inputs, list) else [inputs]
    return {
        "module": "keras",
        "class_name": kind,
        "config": {
            "name": "net",
            "layers": list(layers),
            "input_layers": [[name, 0, 0] for name in names] if len(names) > 1 else [names[0], 0, 0],
            "output_layers": [[output or layers[-1]["name"], 0, 0]],
        },
    }


def kinds(config: dict[str, Any], **more: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(node.name, node.kind, node.inputs) for node in verify(graph_of(config, **more)).graph.nodes]


def test_a_chain() -> None:
    chain = model(image(), conv("a", tensor("image")), layer("ReLU", "b", tensor("a"), max_value=6.0))
    assert kinds(chain) == [("image", "Input", ()), ("a", "Conv2D", ("image",)), ("b", "ReLU", ("a",))]
    assert verify(graph_of(chain, (5, 7, 3))).output == (5, 7, 4)


def test_layers_may_stand_in_any_order() -> None:
    last = layer("Add", "sum", [tensor("a"), tensor("b")])
    turned = model(last, conv("b", tensor("a")), conv("a", tensor("image")), image(), output="sum")
    assert [name for name, _, _ in kinds(turned)] == ["image", "a", "b", "sum"]


def test_what_no_path_to_the_output_reads_is_left_out() -> None:
    forked = model(image(), conv("a", tensor("image")), conv("b", tensor("image")), output="a")
    assert [name for name, _, _ in kinds(forked)] == ["image", "a"]


def test_models_in_models_are_laid_flat_and_names_stay_apart() -> None:
    inner = model(image("in"), conv("a", tensor("in")), inputs="in")
    nested = {**inner, "inbound_nodes": [{"args": [tensor("a", (8, 8, 4))], "kwargs": {}}], "name": "inner"}
    nested["config"]["name"] = "inner"
    stem = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "stem", "layers": [image("x"), {**conv("c"), "inbound_nodes": []}]},
        "inbound_nodes": [{"args": [tensor("image")], "kwargs": {}}],
    }
    whole = model(image(), stem, conv("a", tensor("stem")), nested, output="inner")
    assert kinds(whole) == [
        ("image", "Input", ()),
        ("c", "Conv2D", ("image",)),
        ("a", "Conv2D", ("c",)),
        ("inner_a", "Conv2D", ("a",)),
    ]


def test_a_layer_without_weights_may_be_called_twice() -> None:
    relu = layer("ReLU", "relu", tensor("a"))
    relu["inbound_nodes"].append({"args": [tensor("b")], "kwargs": {}})
    config = model(image(), conv("a", tensor("image")), relu, conv("b", tensor("relu")))
    config["config"]["output_layers"] = [["relu", 1, 0]]
    assert [name for name, _, _ in kinds(config)] == ["image", "a", "relu", "b", "relu_call_2"]


def test_a_layer_with_weights_is_not() -> None:
    shared = conv("a", tensor("image"), filters=3)
    shared["inbound_nodes"].append({"args": [tensor("a")], "kwargs": {}})
    config = model(image(), shared)
    config["config"]["output_layers"] = [["a", 1, 0]]
    with pytest.raises(GraphError, match="'a' has weights and is called more than once"):
        graph_of(config)


@pytest.mark.parametrize(
    ("kind", "arguments", "scale", "offset"),
    [
        ("Add", ("x", 3.0), 1.0, 3.0),
        ("Add", (3, "x"), 1.0, 3.0),
        ("Subtract", ("x", 3.0), 1.0, -3.0),
        ("Subtract", (3.0, "x"), -1.0, 3.0),
        ("Multiply", (0.5, "x"), 0.5, 0.0),
        ("Divide", ("x", 4.0), 0.25, 0.0),
        ("TrueDivide", ("x", 4.0), 0.25, 0.0),
    ],
)
def test_arithmetic_with_numbers_is_a_rescaling(
    kind: str, arguments: tuple[Any, Any], scale: float, offset: float
) -> None:
    reads = [tensor("image") if argument == "x" else argument for argument in arguments]
    graph = graph_of(model(image(), layer(kind, "math", *reads, module="keras.src.ops.numpy")))
    assert graph.output.op == Rescaling(scale=scale, offset=offset)


def of_operation(kind: str, module: str = "nn", **more: Any) -> Any:
    """The op that an operation on one image becomes; `args` and `kwargs` are its call's, else it reads the image."""
    call = {"args": more.pop("args", [tensor("image")]), "kwargs": more.pop("kwargs", {})}
    whole = model(image(), {**layer(kind, "f", module=f"keras.src.ops.{module}", **more), "inbound_nodes": [call]})
    end = conv("end", tensor("f", (8, 8, 3)))
    whole["config"]["layers"].append(end)
    whole["config"]["output_layers"] = [["end", 0, 0]]
    return graph_of(json.loads(json.dumps(whole))).node("f").op


@pytest.mark.parametrize(
    ("kind", "config", "op"),
    [
        ("Elu", {"alpha": 0.3}, ELU(alpha=0.3)),
        ("LeakyRelu", {"negative_slope": 0.01}, LeakyReLU(negative_slope=0.01)),
        ("Gelu", {"approximate": False}, Activation(function="gelu")),
        ("Softmax", {"axis": -1}, Activation(function="softmax")),
        ("LogSoftmax", {"axis": 3}, Activation(function="log_softmax")),
        ("HardTanh", {}, Activation(function="hard_tanh")),
        ("Celu", {"alpha": 1.0}, Activation(function="celu")),
    ],
)
def test_the_settings_of_an_operation_are_read(kind: str, config: dict[str, Any], op: Op) -> None:
    assert of_operation(kind, **config) == op
    assert of_operation(kind, args=[], kwargs={"x": tensor("image")}, **config) == op


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("Softmax", {"axis": 1}),
        ("Softmax", {"axis": [-1, 1]}),
        ("Softmax", {}),
        ("LogSoftmax", {"axis": -2}),
        ("Gelu", {"approximate": True}),
        ("Gelu", {}),
        ("Celu", {"alpha": 0.5}),
        ("HardShrink", {"threshold": 0.1}),
        ("Squareplus", {"b": 2}),
        ("Elu", {"alpha": "1"}),
        ("Elu", {"alpha": 10**400}),
        ("Elu", {}),
        ("Relu", {"threshold": 1.0}),
        ("Relu", {"args": [tensor("image"), 2.0]}),
        ("Relu", {"kwargs": {"axis": 2}}),
        ("Relu", {"args": [[tensor("image")]]}),
        ("Glu", {"axis": -1}),
        ("Add", {"args": [tensor("image"), 10**400]}),
        ("Add", {"args": [tensor("image"), tensor("image"), 2.0]}),
        ("Add", {"args": [tensor("image"), float("nan")]}),
        ("Subtract", {"args": [], "kwargs": {"x2": tensor("image"), "x1": tensor("image")}}),
        ("Divide", {"args": [tensor("image"), 5e-324]}),
        ("Divide", {"args": [2.0, tensor("image")]}),
        ("Mean", {"axis": 1}),
        ("Mean", {"axis": [1, 3], "keepdims": True}),
        ("Max", {"axis": [1, 2], "keepdims": True, "initial": 0.0}),
        ("Concatenate", {"args": [[tensor("image"), tensor("image")]], "axis": 1}),
    ],
)
def test_an_operation_that_computes_something_else_has_no_rule(kind: str, more: dict[str, Any]) -> None:
    op = of_operation(kind, **more)
    assert (type(op), op.kind, op.shape) == (Opaque, kind, (8, 8, 3))


def test_a_live_layer_of_an_operation_is_not_asked_for_weights() -> None:
    def weights(path: tuple[str, ...]) -> tuple[Weight, ...]:
        raise ValueError(path)

    gelu = layer("Gelu", "f", tensor("image"), module="keras.src.ops.nn", approximate=True)
    whole = model(image(), gelu, conv("end", tensor("f")))
    assert graph_of(whole, weights=weights).node("f").op == Opaque(kind="Gelu", shape=(8, 8, 3), reads=((8, 8, 3),))


@pytest.mark.parametrize("said", [{"training": True}, {"training": 1}])
def test_a_layer_that_is_called_for_training_has_no_rule(said: dict[str, Any]) -> None:
    def drop(**options: Any) -> Any:
        whole = model(image(), layer("Dropout", "f", tensor("image"), rate=0.5), conv("end", tensor("f")))
        whole["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = options
        return graph_of(whole).node("f").op

    assert isinstance(drop(**said), Opaque)
    assert isinstance(drop(training=False, mask=None), Dropout)


def test_operations_on_tensors_are_layers() -> None:
    ops = "keras.src.ops"
    whole = model(
        image(),
        conv("a", tensor("image")),
        layer("Relu", "r", tensor("a"), module=f"{ops}.nn"),
        layer("Add", "s", tensor("a"), tensor("r"), module=f"{ops}.numpy"),
        layer("Concatenate", "c", [tensor("s"), tensor("r")], module=f"{ops}.numpy", axis=-1),
        layer("Mean", "m", tensor("c"), module=f"{ops}.numpy", axis=[1, 2], keepdims=False),
    )
    assert [kind for _, kind, _ in kinds(whole)] == [
        "Input",
        "Conv2D",
        "Activation",
        "Add",
        "Concatenate",
        "GlobalAveragePooling2D",
    ]
    assert verify(graph_of(whole)).output == (8,)


def test_keras_2_wrote_wires_as_lists() -> None:
    first, second = conv("a"), layer("Add", "b")
    first["inbound_nodes"] = [[["image", 0, 0, {}]]]
    second["inbound_nodes"] = [[["a", 0, 0, {}], ["a", 0, 0, {}]]]
    assert kinds(model(image(), first, second))[2] == ("b", "Add", ("a", "a"))


def test_a_layer_without_a_rule_carries_what_is_recorded() -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA", "defaults": None}}
    odd = layer("Lambda", "odd", tensor("image"), function=code)
    whole = model(image(), odd, conv("a", tensor("odd", (4, 4, 5))))
    found = (Weight("w", (3, 5)),)
    graph = graph_of(whole, weights=lambda path: found if path == ("odd",) else None)
    assert graph.node("odd").op == Opaque(kind="Lambda", shape=(4, 4, 5), weights=found, reads=((8, 8, 3),))
    traced = verify(graph)
    assert [row.name for row in traced.uncounted] == ["odd"]
    assert traced.params == 15 + 3 * 3 * 5 * 4
    # At another size nobody knows what it makes.
    with pytest.raises(GraphError, match="'odd': Lambda needs the inputs that its shape was recorded for"):
        verify(graph_of(whole, (16, 16, 3)))


def test_a_foreign_class_of_a_known_name_has_no_rule() -> None:
    whole = model(image(), conv("a", tensor("image"), module="os"), conv("b", tensor("a", (8, 8, 4))))
    assert isinstance(graph_of(whole).node("a").op, Opaque)


def test_order_does_not_cost() -> None:
    count = 5000
    chain = [layer("ReLU", f"r{n}", tensor(f"r{n - 1}" if n else "image")) for n in range(count)]
    whole = model(*reversed(chain), image(), output=f"r{count - 1}")
    assert [node.name for node in graph_of(whole).nodes[-3:]] == ["r4997", "r4998", "r4999"]


def deep(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {**conv("a"), "inbound_nodes": []}
    for number in range(levels):
        inner = {"class_name": "Sequential", "config": {"name": f"s{number}", "layers": [inner]}}
    inner["config"]["build_input_shape"] = [None, 8, 8, 3]
    return inner


def test_deep_nesting_has_an_end() -> None:
    assert len(graph_of(deep(MAX_DEPTH)).nodes) == 2
    with pytest.raises(GraphError, match="more than 20 models stand inside each other"):
        graph_of(deep(10 * MAX_DEPTH))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (model(image(), conv("a", tensor("b")), conv("b", tensor("a"))), "what 'a', 'b' read comes from nowhere"),
        (model(image(), conv("a", tensor("a"))), "what 'a' read comes from nowhere, or from themselves"),
        (model(image(), conv("a", [])), "'a' reads no layer, and is no input"),
        (model(image(), image("b"), conv("a", tensor("image")), inputs=["image", "b"]), "the model has 2 inputs"),
        (model(image(shape=(None, None, 3)), conv("a", tensor("image"))), "the model takes .x.x3, and an image is"),
        (model(image(shape=(8, 3)), conv("a", tensor("image"))), "the model takes 8x3, and an image is"),
        (model(image(), layer("Lambda", "f", tensor("image"))), "'f': archscope has no rule for a Lambda, and its"),
        (model(image(shape=("8", 8, 3)), conv("a", tensor("image"))), "the model takes 8x8x3, and an image is"),
        (model(image(shape=(8, -8, 3)), conv("a", tensor("image"))), "the model takes 8x-8x3, and an image is"),
        (model(image(), conv("a", tensor("image", (0, 8, 3)))), "the configuration is no model's: ValueError"),
        ({"class_name": "Mine", "config": {"depth": 3}}, "a Mine does not record what its layers read"),
        ({"class_name": "Functional", "config": None}, "does not record"),
        ({"class_name": "Sequential", "config": {"layers": 7}}, "the configuration is no model's: TypeError"),
        ({"class_name": "Sequential", "config": {"layers": [{"class_name": "Conv2D"}]}}, "the model takes"),
        (model(image(), {"class_name": "Conv2D"}, output="a"), "the configuration is no model's: KeyError"),
        (model(image(), conv("a", tensor("image")), output="b"), "the configuration is no model's: KeyError"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_said(config: dict[str, Any], said: str) -> None:
    with pytest.raises(GraphError, match=said):
        verify(graph_of(json.loads(json.dumps(config))))


def test_maps_have_an_end() -> None:
    twice = [layer("UpSampling2D", name, tensor(read), size=10_000) for name, read in (("a", "image"), ("b", "a"))]
    with pytest.raises(GraphError, match="'b': a map of 800000000x800000000x3 is beyond 10,000,000 on a side"):
        verify(graph_of(model(image(), *twice)))


def test_two_outputs_are_refused() -> None:
    config = model(image(), conv("a", tensor("image")))
    config["config"]["output_layers"] = [["a", 0, 0], ["image", 0, 0]]
    with pytest.raises(GraphError, match="the model has 2 outputs"):
        graph_of(config)
