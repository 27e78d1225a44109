"""`archscope demo`: the tour, offline, on scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from archscope.cli.cut import cut
from archscope.cli.diagnose import diagnose
from archscope.cli.job import free_folder, now
from archscope.cli.output import next_step, say
from archscope.cli.params import params
from archscope.cli.recipe import recipe_for
from archscope.cli.shapes import shapes
from archscope.cli.subject import subject
from archscope.cli.train_eval import prove
from archscope.runs.plan import Plan

BASE, LAST, UNITS, LIMIT = "mobilenet_v2", "block_12_add", "1000", "700k"
REPAIRED = f"{BASE}@32+cut:{LAST}+head:{UNITS}"
EPOCHS = 15


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the demo's report goes.")] = Path(
        "archscope-demo"
    ),
) -> None:
    """See, cut and prove in two minutes, offline: small digits in place of CIFAR-10. Touches no archscope.toml."""
    _step("1 See: where does a 32x32 image go in MobileNetV2?", f"shapes {BASE}", lambda: shapes(BASE))
    _step("2 Why: what is lost, and what would each remedy cost?", f"diagnose {BASE}", lambda: diagnose(BASE))
    _step(
        "3 Repair: nothing behind block_12 sees more than one position. Cut it off, put a head of 1000 units on.",
        f"cut {LAST} --head {UNITS} -m {BASE}",
        lambda: cut(LAST, head=UNITS, model=BASE),
    )
    _step(
        "4 Price: does it fit 700,000 parameters?",
        f"params {REPAIRED} --max-params {LIMIT}",
        lambda: params(REPAIRED, max_params=LIMIT),
    )
    folder = free_folder(out, "digits")
    command = f"train-eval {REPAIRED} --data digits --epochs {EPOCHS} --out {folder}"
    _step("5 Prove: train, test once, and time it.", command, lambda: _prove(command, folder))
    say()
    say(f"That was the tour. The report lies in {folder / 'report.html'}; open it in a browser.", style="bold")
    next_step("archscope cut block_12_add --head 1000 && archscope train-eval")


def _step(title: str, command: str, run: Callable[[], None]) -> None:
    say()
    say(title, style="bold")
    say(f"$ archscope {command}", style="cyan", wrap=False)
    run()


def _prove(command: str, folder: Path) -> None:
    subject(REPAIRED).announce()
    recipe = recipe_for("digits", epochs=EPOCHS)
    prove(Plan(REPAIRED, "digits", recipe.to_dict(), True, True, f"archscope {command}", now()), folder)
