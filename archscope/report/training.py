"""Lines about a training while it runs."""

from __future__ import annotations

from archscope.report.facts import duration
from archscope.runs import DataRecord, EpochRecord


def data_lines(data: DataRecord) -> tuple[str, str]:
    """`data: JPEG re-encoded CIFAR-10 (data/cifar10, Parquet)`, and how many images train, validate and test."""
    counts = f"{data.train_images:,} to train on, {data.validation_images:,} to validate, {data.test_images:,} to test"
    return f"data: {data.name} ({data.source})", f"images: {counts}"


def recipe_line(recipe: dict[str, object]) -> str:
    """The settings that matter most, on one line; run.json holds all of them."""
    epochs = "1 epoch" if recipe["epochs"] == 1 else f"{recipe['epochs']} epochs"
    return (
        f"recipe: {epochs} of batches of {recipe['batch_size']}, {recipe['optimizer']} at "
        f"{recipe['learning_rate']:g} ({recipe['schedule']}), augmentation {recipe['augment']}, seed {recipe['seed']}"
    )


def estimate_line(seconds: float, seconds_per_epoch: float) -> str:
    return f"estimate: about {duration(seconds)} on this machine ({seconds_per_epoch:.1f} s an epoch)"


def epoch_titles() -> str:
    return "  epoch     rate    train   (loss)    valid   (loss)    images/s       left"


def epoch_line(record: EpochRecord, epochs: int, improved: bool, seconds_left: float) -> str:
    """One epoch, under `epoch_titles`; a star marks the best so far."""
    return (
        f"{record.epoch:>3}/{epochs:<3} {record.learning_rate:>8.2g}"
        f" {record.train_accuracy:>8.4f}  ({record.train_loss:.3f})"
        f" {record.validation_accuracy:>8.4f}{'*' if improved else ' '} ({record.validation_loss:.3f})"
        f" {record.images_per_second:>10,.0f} {duration(seconds_left):>11}"
    )
