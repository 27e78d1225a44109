"""Network: a graph that came from a design or from a live model, with everything that can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, get_args

from archscope.analysis import By, collapse, final_map
from archscope.api.diagnosis import TEXT_WIDTH, Diagnosis
from archscope.design import (
    Cut,
    Design,
    Dilate,
    Drop,
    Edit,
    Head,
    Replace,
    Stride,
    Upsample,
    Width,
    edited,
    format_spec,
    parse_edit,
    parse_input,
    parse_spec,
    read_design,
)
from archscope.design import build as build_graph
from archscope.diagnose.facts import facts
from archscope.diagnose.findings import diagnose
from archscope.errors import DesignError
from archscope.graph import Graph, Shape, Trace, digest, trace, verify
from archscope.report.network import shape_table, verdict
from archscope.report.notebook import network_card
from archscope.report.numbers import map_text, si
from archscope.surgery import DEFAULT_DIVISOR, DEFAULT_DROPOUT, DEFAULT_GROUPS
from archscope.zoo import find_model
from archscope.zoo.imported import classes_of
from archscope.zoo.model import CLASSES

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from archscope.zoo import Value


def build(
    model: str | PathLike[str] = "mobilenet_v2", input: int | str | tuple[int, ...] | None = None, **arguments: Value
) -> Network:
    """The network that `model` names: a model, a spec, `keras:NAME`, or the path of a .keras or .toml file.

    Text is read as a spec; a pathlib.Path is the file of that name, whatever letters stand in it.
    `input` is a side, (height, width) or (height, width, channels), or text such as "32x32x1"; `arguments` are the
    model's own (`alpha=0.9`). Raises DesignError, GraphError and RunError, each saying what to do.
    """
    text = fspath(model)
    if text.endswith(".toml"):
        design = read_design(Path(text))
    elif isinstance(model, str):
        design = parse_spec(text)
    else:
        # A path means what it says: its commas and plus signs are no spec's.
        design = Design(text, find_model(text).input)
    size = None if input is None else _input(input)
    return Network.of(design.having(input=size, arguments=arguments))


def from_keras(
    model: keras.Model, input: int | str | tuple[int, ...] | None = None, classes: int | None = None
) -> Network:
    """The network of a live functional or sequential model; `lower` gives what it has learnt back.

    `classes` is what the heads of its edits tell apart; None: what its own classifier does.
    Layers that archscope has no rule for keep their recorded shapes and weights. Raises GraphError for a model that is
    no network from one image to one tensor, DesignError for a count of classes that is none.
    """
    from archscope.interop.importing import import_model

    told = None if classes is None else int(CLASSES.check(classes))
    graph = import_model(model, None if input is None else _input(input))
    return Network(graph, model.name, source=model, told=told)


def _input(size: int | str | tuple[int, ...]) -> tuple[int, int, int]:
    text = "x".join(map(str, size)) if isinstance(size, tuple) else str(size)
    return parse_input(text)


@dataclass(frozen=True, slots=True)
class Network:
    """A verified graph and its title. Edits return new networks; nothing is ever changed in place.

    Networks are equal where graph, title and design are; `digest` compares what they compute, names aside.

    `design`: what the network can be built from again; None for one that came from a live model, `source`.
    `told`: the classes of such a network's new heads; None: those of its own classifier.
    """

    graph: Graph
    title: str
    design: Design | None = None
    source: keras.Model | None = field(default=None, compare=False)
    told: int | None = None

    @classmethod
    def of(cls, design: Design) -> Network:
        """The network of a design. Raises DesignError."""
        return cls(build_graph(design), format_spec(design), design)

    # What it is

    @property
    def spec(self) -> str:
        """The one-line spelling, ready for the command line. Raises DesignError for a network of a live model."""
        if self.design is None:
            raise DesignError(
                f"{self.title} came from a live model and has no spec", "save it, and build from its file"
            )
        return format_spec(self.design)

    @property
    def trace(self) -> Trace:
        """Every layer's shapes, weights and MACs."""
        return trace(self.graph)

    @property
    def params(self) -> int:
        return self.trace.params

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image; layers of unknown MACs (`trace.uncounted`) are left out."""
        return self.trace.macs

    @property
    def final_map(self) -> Shape:
        """Shape of the body's last feature map, (height, width, channels)."""
        return final_map(self.trace)

    @property
    def digest(self) -> str:
        """The network's identity, names erased: 12 hex digits."""
        return digest(self.graph)

    @property
    def classes(self) -> int | None:
        """What a new head tells apart: the design's class count, or what the live model's own classifier did.

        None for a live model without one; `from_keras(model, classes=10)` says it.
        """
        return self.design.classes if self.design else self.told or classes_of(self.graph)

    def diagnose(self, batch: int = 128) -> Diagnosis:
        """Where the network loses its image and why, and what each remedy costs.

        `batch` is that of the training memory's estimate. Raises TrainingError for one below 1.
        New heads are priced for 10 classes where nobody knows how many there are.
        """
        traced = self.trace
        examined = diagnose(traced, self.classes or int(CLASSES.default))
        return Diagnosis(self.title, traced, examined, facts(traced, batch))

    def to_pandas(self, by: By = "layer") -> pd.DataFrame:
        """One row per layer, block or stage, under the keys of the machine formats of `archscope shapes`.

        Raises DesignError for any other unit.
        """
        import pandas as pd

        if by not in get_args(By):
            raise DesignError(f"a row stands for a {' or a '.join(get_args(By))}, not for by={by!r}")
        return pd.DataFrame(shape_table(self.trace, by).records())

    # What can be done to it

    def edit(self, *edits: str | Edit) -> Network:
        """The network after the edits, values or spelled as in a spec (`"stride:Conv1,to=1"`).

        Raises DesignError, SurgeryError and GraphError where an edit does not go.
        """
        network = self
        for wanted in edits:
            network = network._edited(parse_edit(wanted) if isinstance(wanted, str) else wanted)
        return network

    def _edited(self, edit: Edit) -> Network:
        if self.design is not None:
            return Network.of(edited(self.design, edit))
        classes = self.classes
        adds_head = edit.units != "none" if isinstance(edit, Head) else isinstance(edit, Cut) and self.graph.has_head
        if classes is None and adds_head:
            raise DesignError(
                f"{self.title} has no classifier, so nobody knows how many classes its new head tells apart",
                "from_keras(model, classes=10) says it",
            )
        graph = edit.resolved(self.graph).apply(self.graph, classes or 0)
        return Network(verify(graph).graph, self.title, source=self.source, told=classes)

    def cut(self, layer: str, head: int | Literal["plain", "none"] | None = None) -> Network:
        """The network up to and including a layer or block, with a plain head or the one that is asked for."""
        shorter = self.edit(Cut(layer))
        return shorter if head is None else shorter.head(head)

    def head(self, units: int | Literal["plain", "none"] = "plain", dropout: float = DEFAULT_DROPOUT) -> Network:
        """Another head: `units` of a 1x1 convolution before the classifier, "plain" for none, "none" for no head."""
        return self.edit(Head(units, dropout))

    def stride(self, layer: str, to: int) -> Network:
        """Another stride of a layer, or of a block's one strided layer."""
        return self.edit(Stride(layer, to))

    def upsample(self, factor: int, by: Literal["bilinear", "nearest", "transpose"] = "bilinear") -> Network:
        """The image enlarged before the stem."""
        return self.edit(Upsample(factor, by))

    def dilate(self, layer: str) -> Network:
        """A stride taken away, and what follows dilated by it, so that each window sees what it saw."""
        return self.edit(Dilate(layer))

    def drop(self, what: str) -> Network:
        """Without a layer, a block, or all that a selector finds (`"block:6..9"`)."""
        return self.edit(Drop(what))

    def width(self, factor: float, divisor: int = DEFAULT_DIVISOR, group: str | None = None) -> Network:
        """`factor` times the channels of the body, or of the group that the layer `group` belongs to."""
        return self.edit(Width(factor, divisor, group))

    def replace(self, old: str, by: str, where: str = "", groups: int = DEFAULT_GROUPS) -> Network:
        """Another activation or normalisation in place of `old`, everywhere or within what `where` stands for."""
        return self.edit(Replace(old, by, where, groups))

    def apply(self, diagnosis: Diagnosis, remedy: int) -> Network:
        """The network after the remedy of that number, from 1 on. Raises IndexError for none."""
        return self.edit(*diagnosis.edits(remedy))

    def lower(self, weights: str | PathLike[str] | None = None) -> keras.Model:
        """The Keras model: the same layers, names, shapes and weights.

        `weights` names a .keras or .weights.h5 file, a run folder, "imagenet" or "own", as `--weights` does; a network
        of a live model takes that model's. What they do not fit is new: seed Keras first for reproducible ones.
        Raises GraphError where no layer takes any, or where the part that no edit touched would compute another thing.
        """
        from archscope.interop.lower import lower

        model = lower(self.graph)
        if weights is not None or self.source is not None:
            self._carry(model, weights)
        return model

    def _carry(self, model: keras.Model, weights: str | PathLike[str] | None) -> None:
        from archscope.interop.carry import carry
        from archscope.interop.named import weights_file
        from archscope.interop.source import read_source

        if weights is not None:
            carry(read_source(weights_file(fspath(weights), self.design)), self.trace, model)
            return
        assert self.source is not None
        # By way of a file, live models and saved ones go one way.
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            self.source.save(path)
            carry(read_source(path), self.trace, model)

    # How it looks

    def __repr__(self) -> str:
        traced = self.trace
        fallen = collapse(traced)
        falls = f", collapse at {fallen.layer}" if fallen else ""
        end = map_text(final_map(traced))
        return f"<Network {self.title}: {traced.params:,} params, {si(traced.macs)} MACs, final map {end}{falls}>"

    def __str__(self) -> str:
        traced = self.trace
        lines = (line.plain for line in shape_table(traced, "block").render(TEXT_WIDTH))
        return "\n".join([repr(self)[1:-1], *lines, verdict(traced)])

    def _repr_html_(self) -> str:
        return network_card(self.title, self.trace)
