"""Hostile `.keras` files: no code of theirs runs, memory stays small, each ends in one sentence."""

from __future__ import annotations

import json
import marshal
import resource
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MEMORY = 500 * 2**20
Files = dict[str, bytes]

# One process for the whole corpus: what it answers, what it loaded, and the most memory that it held. A network is told
# by its layers without a rule and its parameters. Behind the word "weights" stand files whose weights are looked at.
PROBE = """
import json, sys
from archscope.design import build, parse_spec
from archscope.errors import ArchscopeError
from archscope.graph import Opaque, trace
answers, loaded = {}, []
def note():
    loaded.append([name for name in ("keras", "tensorflow", "h5py", "numpy", "pickle") if name in sys.modules])
for path in sys.argv[1:]:
    if path == "weights":
        note()
        continue
    try:
        graph = build(parse_spec(path))
        opaque = [node.name for node in graph.nodes if isinstance(node.op, Opaque)]
        answers[path] = f"network of {len(graph.nodes)}, opaque {opaque}, {trace(graph).params} params"
    except ArchscopeError as error:
        answers[path] = str(error)
note()
# Not ru_maxrss, in which Linux counts the process that this one was forked from.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) * 1024
print(json.dumps([answers, peak, loaded]))
"""


def layer(
    kind: str, name: str, reads: str | None = None, module: str = "keras.layers", **config: Any
) -> dict[str, Any]:
    """A layer as Keras 3 writes it, reading one other."""
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 8, 8, 3], "keras_history": [reads, 0, 0]}}
    nodes = [{"args": [tensor], "kwargs": {}}] if reads else []
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": name, **config},
        "registered_name": None,
        "name": name,
        "inbound_nodes": nodes,
    }


def functional(*layers: dict[str, Any]) -> dict[str, Any]:
    first, last = layers[0]["name"], layers[-1]["name"]
    config = {"name": "net", "layers": list(layers), "input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]]}
    return {"module": "keras", "class_name": "Functional", "config": config, "registered_name": "Functional"}


def sequential(layers: list[Any]) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": layers}}


IMAGE = layer("InputLayer", "image", batch_shape=[None, 8, 8, 3])


def _run(command: str) -> str:
    """What Keras would call for a Lambda: marshalled code that leaves a trace where it runs."""
    code = compile(f"import os; os.system({command!r})", "<lambda>", "exec")
    return b64encode(marshal.dumps(code)).decode()


def _archive(config: object, **more: bytes) -> Files:
    return {"config.json": json.dumps(config).encode(), "metadata.json": b"{}", "model.weights.h5": b"", **more}


def corpus(trace: Path) -> Iterator[tuple[str, Files | bytes, str]]:
    """Name, members (or the bytes of the whole file), and what the answer must say; a network's own says its layers."""
    touch = f"touch {trace}"
    code = {"class_name": "__lambda__", "config": {"code": _run(touch), "defaults": None, "closure": None}}
    conv = layer("Conv2D", "conv", "image", filters=4, kernel_size=[3, 3])
    unknown = "and its output shape is not recorded"
    last = layer("Lambda", "twice", "image", function=code)
    yield "lambda", _archive(functional(IMAGE, last)), f"'twice': archscope has no rule for a Lambda, {unknown}"
    system = layer("system", "call", "image", module="os", command=touch)
    yield "os_system", _archive(functional(IMAGE, system)), f"'call': archscope has no rule for a system, {unknown}"
    yield "os_system_model", _archive({"module": "os", "class_name": "system", "config": touch}), "os_system_model"
    yield "bomb", _archive(None) | {"config.json": b" " * 40_000_000}, "unpacks to 40,000,000 bytes"
    yield "bomb_of_weights", _declaring(_zipped(_archive(functional(IMAGE, conv))), 2_000_000_000), "unpacks to"
    for name in ("/etc/cron.d/x", "../../x", "assets/../../x", "C:\\x"):
        place = name.replace("/", "_").replace("\\", "_").replace(":", "_")
        yield f"path_{place}", _archive(functional(IMAGE, conv)) | {name: b"x"}, "which no image network needs"
    many = [{"class_name": "ReLU", "config": {"name": str(number)}} for number in range(1_000_000)]
    yield "million", _archive(sequential([IMAGE, *many])), "unpacks to"
    named = [{"class_name": "ReLU", "config": {"name": str(number)}} for number in range(40_000)]
    yield "crowd_named", _archive(sequential([IMAGE, *named])), "network of 40001, opaque [], 0 params"
    crowd = [{"class_name": "ReLU", "config": {}}] * 200_000
    yield "crowd", _archive(sequential([IMAGE, *crowd])), "crowd"
    yield (
        "crowd_of_nothing",
        _archive(None)
        | {"config.json": b'{"class_name": "Sequential", "config": {"layers": [' + b"[]," * 2_000_000 + b"[]]}}"},
        "crowd_of_nothing",
    )
    nest: dict[str, Any] = sequential([IMAGE, {"class_name": "ReLU", "config": {"name": "relu"}}])
    for _ in range(200):
        nest = sequential([nest])
    yield "nested", _archive(nest), "nested.keras: more than 20 models stand inside each other"
    yield "deep", _archive(None) | {"config.json": b'{"class_name":' * 100_000 + b"1" + b"}" * 100_000}, "config.json"
    a, b = layer("ReLU", "a", "b"), layer("ReLU", "b", "a")
    yield "cycle", _archive(functional(IMAGE, a, b)), "cycle"
    yield "itself", _archive(functional(IMAGE, layer("ReLU", "a", "a"))), "itself"
    huge = layer("Conv2D", "conv", "image", filters=10**30, kernel_size=[3, 3])
    yield "huge_number", _archive(functional(IMAGE, huge)), "'conv': a Conv2D cannot have filters=1000000000"
    # More digits than a float has room for, and than Python reads.
    for digits in (400, 5000):
        dropout = json.dumps(functional(IMAGE, layer("Dropout", "drop", "image", rate=7))).replace(
            "7}", "7" * digits + "}"
        )
        said = "no rule for a Dropout with rate=777" if digits == 400 else "config.json"
        yield f"digits_{digits}", _archive(None) | {"config.json": dropout.encode()}, said
    yield "infinite", _archive(functional(IMAGE, layer("Conv2D", "c", "image", filters=float("inf")))), "infinite"
    whole = _zipped(_archive(functional(IMAGE, conv)))
    yield "truncated", whole[: len(whole) // 2], "is not a .keras archive, or a truncated one"
    yield "empty", b"", "is not a .keras archive"
    yield "text", b"import os" * 100, "is not a .keras archive"


def with_weights(trace: Path) -> Iterator[tuple[str, Files, str]]:
    """As the corpus: code whose output shape is recorded by what reads it, so that its weights are looked at."""
    code = {"class_name": "__lambda__", "config": {"code": _run(f"touch {trace}"), "defaults": None, "closure": None}}
    conv = layer("Conv2D", "conv", "own", filters=4, kernel_size=[3, 3], use_bias=True)
    for kind, more in (("Lambda", {"function": code}), ("system", {"module": "os", "command": f"touch {trace}"})):
        whole = functional(IMAGE, layer(kind, "own", "image", **more), conv)
        place = f"layers/{kind.lower()}"
        kept = {"model.weights.h5": _hdf5({f"{place}/vars/0": (3, 5), f"{place}/vars/1": (5,), "layers/conv2d": (2,)})}
        own = 3 * 5 + 5
        said = f"network of 3, opaque ['own'], {own + 3 * 3 * 3 * 4 + 4} params"
        yield f"{kind}_in_the_middle", _archive(whole) | kept, said
        yield f"{kind}_without_weights", _archive(whole), "weights cannot be read"


def _hdf5(shapes: dict[str, tuple[int, ...]]) -> bytes:
    from io import BytesIO

    import h5py
    import numpy as np

    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, shape in shapes.items():
            file[name] = np.zeros(shape, "float32")
    return buffer.getvalue()


def _zipped(files: Files) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _declaring(archive: bytes, size: int) -> bytes:
    """The archive whose table of contents claims that its last member unpacks to `size` bytes."""
    place = archive.rindex(b"PK\x01\x02") + 24
    return archive[:place] + size.to_bytes(4, "little") + archive[place + 4 :]


def _limit() -> None:
    """Address space, too, is bounded: what asks for gigabytes at once must not get them."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))


def test_the_hostile_corpus(tmp_path: Path) -> None:
    trace = tmp_path / "code_ran"
    wanted: dict[str, str] = {}
    paths: list[str] = []
    for rows in (corpus(trace), with_weights(trace)):
        paths.append("weights")
        for name, content, sentence in rows:
            path = tmp_path / f"{name}.keras"
            path.write_bytes(content if isinstance(content, bytes) else _zipped(content))
            wanted[str(path)] = sentence
            paths.append(str(path))
    before = {path.name for path in tmp_path.iterdir()}
    command = [sys.executable, "-c", PROBE, *paths[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, preexec_fn=_limit)
    assert done.returncode == 0, done.stderr[-2000:]
    answers, peak, loaded = json.loads(done.stdout)
    for path, sentence in wanted.items():
        answer = answers[path]
        assert sentence, path
        assert sentence in answer, path
        assert "\n" not in answer, path
        assert len(answer) < 1000, path
    assert peak < MEMORY
    bare, weighed = loaded
    assert bare == []
    # Those who look at arrays bring pickle along; what a configuration names still loads nothing.
    assert set(weighed) <= {"h5py", "numpy", "pickle"}
    assert not trace.exists()
    assert {path.name for path in tmp_path.iterdir()} == before
