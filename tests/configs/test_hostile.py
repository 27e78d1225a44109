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

# One process for the whole corpus: what it answers, what it loaded, and the most memory that it held.
PROBE = """
import json, resource, sys
from archscope.design import build, parse_spec
from archscope.errors import ArchscopeError
answers = {}
for path in sys.argv[1:]:
    try:
        build(parse_spec(path))
        answers[path] = ""
    except ArchscopeError as error:
        answers[path] = str(error)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
loaded = [name for name in ("keras", "tensorflow", "h5py", "pickle") if name in sys.modules]
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
    """Name, members (or the bytes of the whole file), and what the answer must say; "": a network may come of it."""
    touch = f"touch {trace}"
    code = {"class_name": "__lambda__", "config": {"code": _run(touch), "defaults": None, "closure": None}}
    conv = layer("Conv2D", "conv", "image", filters=4, kernel_size=[3, 3])
    yield "lambda", _archive(functional(IMAGE, layer("Lambda", "lambda", "image", function=code))), ""
    system = layer("system", "conv", "image", module="os", command=touch)
    yield "os_system", _archive(functional(IMAGE, system)), ""
    yield "os_system_model", _archive({"module": "os", "class_name": "system", "config": touch}), "os_system_model"
    yield "bomb", _archive(None) | {"config.json": b" " * 40_000_000}, "unpacks to 40,000,000 bytes"
    yield "bomb_of_weights", _declaring(_zipped(_archive(functional(IMAGE, conv))), 2_000_000_000), "unpacks to"
    for name in ("/etc/cron.d/x", "../../x", "assets/../../x", "C:\\x"):
        place = name.replace("/", "_").replace("\\", "_").replace(":", "_")
        yield f"path_{place}", _archive(functional(IMAGE, conv)) | {name: b"x"}, "which no image network needs"
    many = [{"class_name": "ReLU", "config": {"name": str(number)}} for number in range(1_000_000)]
    yield "million", _archive(sequential([IMAGE, *many])), "unpacks to"
    named = [{"class_name": "ReLU", "config": {"name": str(number)}} for number in range(40_000)]
    yield "crowd_named", _archive(sequential([IMAGE, *named])), ""
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
    yield "huge_number", _archive(functional(IMAGE, huge)), ""
    yield "infinite", _archive(functional(IMAGE, layer("Conv2D", "c", "image", filters=float("inf")))), "infinite"
    whole = _zipped(_archive(functional(IMAGE, conv)))
    yield "truncated", whole[: len(whole) // 2], "is not a .keras archive, or a truncated one"
    yield "empty", b"", "is not a .keras archive"
    yield "text", b"import os" * 100, "is not a .keras archive"


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
    wanted = {}
    for name, content, sentence in corpus(trace):
        path = tmp_path / f"{name}.keras"
        path.write_bytes(content if isinstance(content, bytes) else _zipped(content))
        wanted[str(path)] = sentence
    before = {path.name for path in tmp_path.iterdir()}
    command = [sys.executable, "-c", PROBE, *wanted]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, preexec_fn=_limit)
    assert done.returncode == 0, done.stderr[-2000:]
    answers, peak, loaded = json.loads(done.stdout)
    for path, sentence in wanted.items():
        answer = answers[path]
        assert sentence in answer, path
        assert "\n" not in answer, path
        assert len(answer) < 1000, path
        if sentence:
            assert answer, path
    assert peak < MEMORY
    assert loaded == []
    assert not trace.exists()
    assert {path.name for path in tmp_path.iterdir()} == before
