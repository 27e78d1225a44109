"""Lines about a training while it runs."""

from __future__ import annotations

from archscope.report.facts import duration
from archscope.runs import DataRecord, EpochRecord

_STRENGTHS = ("cutout", "rotation", "sharpness", "jitter", "mixup")


def data_lines(data: DataRecord) -> tuple[str, str]:
    """`data: JPEG re-encoded CIFAR-10 (data/cifar10, Parquet)`, and how many images train, validate and test."""
    pilot = f" (a pilot: {data.train_left_out:,} left out)" if data.train_left_out else ""
    train = f"{data.train_images:,} to train on{pilot}"
    counts = f"{train}, {data.validation_images:,} to validate, {data.test_images:,} to test"
    return f"data: {named_data(data.name, data.source)}", f"images: {counts}"


def named_data(name: str, source: str) -> str:
    """The data set by its name and source; by its source alone where that begins with the name, of a folder or file."""
    return source if source.startswith(name) else f"{name} ({source})"


def recipe_line(recipe: dict[str, object]) -> str:
    """The settings that matter most and the seed, on one line; run.json holds all of them."""
    return f"recipe: {recipe_words(recipe)}, seed {recipe['seed']}"


def recipe_words(recipe: dict[str, object]) -> str:
    """The settings that matter most."""
    epochs = "1 epoch" if recipe["epochs"] == 1 else f"{recipe['epochs']} epochs"
    averaged = f"EMA {recipe['ema']}, " if recipe.get("ema") else ""
    return (
        f"{epochs} of batches of {recipe['batch_size']}, {recipe['optimizer']} at "
        f"{recipe['learning_rate']:g} ({recipe['schedule']}), {averaged}augmentation {_augmentation(recipe)}"
    )


def _augmentation(recipe: dict[str, object]) -> str:
    """`crop + alternating flip + cutout 8`; early runs have one word for crop and flip."""
    parts = [str(recipe["augment"])] if recipe.get("augment", "none") != "none" else []
    parts += ["crop"] if recipe.get("crop") else []
    parts += [f"{recipe['flip']} flip"] if recipe.get("flip", "none") != "none" else []
    parts += [f"{name} {recipe[name]}" for name in _STRENGTHS if recipe.get(name)]
    parts += [f"size from {recipe['start_size']:.0%}"] if recipe.get("start_size", 1) != 1 else []
    return " + ".join(parts) or "none"


def estimate_line(seconds: float, seconds_per_epoch: float) -> str:
    return f"estimate: about {duration(seconds)} on this machine ({seconds_per_epoch:.1f} s an epoch)"


EPOCH_WIDTH = 80  # columns that `epoch_line` may take


def epoch_titles() -> str:
    return "  epoch     rate    train   (loss)    valid   (loss)    images/s       left"


def epoch_line(record: EpochRecord, epochs: int, improved: bool, seconds_left: float) -> str:
    """One epoch, under `epoch_titles`; a star marks the best so far."""
    return (
        f"{record.epoch:>3}/{epochs:<3} {record.learning_rate:>8.2g}"
        f" {record.train_accuracy:>8.4f}  ({_loss(record.train_loss):>5})"
        f" {record.validation_accuracy:>8.4f}{'*' if improved else ' '} ({_loss(record.validation_loss):>5})"
        f" {record.images_per_second:>10,.0f} {duration(seconds_left):>11}"
    )


def _loss(loss: float) -> str:
    """At most five characters and as many decimals as they hold: before it diverges a loss may be any number."""
    texts = (f"{loss:.{decimals}f}" for decimals in (3, 2, 1, 0))
    return next((text for text in texts if len(text) <= 5), f"{loss:.0e}")


def epoch_pieces(record: EpochRecord, epochs: int, improved: bool, seconds_left: float) -> list[str]:
    """The same with its titles, in pieces to be folded where `epoch_line` has no room."""
    return [
        f"epoch {record.epoch}/{epochs}",
        f"rate {record.learning_rate:.2g}",
        f"train {record.train_accuracy:.4f} ({_loss(record.train_loss)})",
        f"valid {record.validation_accuracy:.4f}{'*' if improved else ''} ({_loss(record.validation_loss)})",
        f"{record.images_per_second:,.0f} images/s",
        f"left {duration(seconds_left)}",
    ]
