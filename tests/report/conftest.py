"""A finished run with figures that can be checked by hand, for everything that draws or prints a run."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from archscope.runs.record import (
    ClassScore,
    DataRecord,
    EpochRecord,
    LatencyRecord,
    NetworkRecord,
    Run,
    Scores,
)

NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CONFUSION = (
    (812, 14, 41, 15, 18, 6, 9, 13, 52, 20),
    (12, 876, 3, 7, 2, 4, 9, 3, 22, 62),
    (52, 4, 655, 58, 82, 59, 52, 27, 8, 3),
    (19, 9, 67, 552, 59, 190, 60, 28, 8, 8),
    (14, 2, 62, 48, 729, 42, 44, 52, 6, 1),
    (9, 3, 50, 140, 44, 689, 20, 40, 3, 2),
    (5, 3, 40, 52, 29, 21, 842, 4, 3, 1),
    (11, 2, 26, 32, 53, 60, 5, 804, 2, 5),
    (51, 23, 10, 9, 5, 4, 5, 4, 868, 21),
    (20, 65, 6, 12, 3, 5, 4, 12, 23, 850),
)


def make_scores(split: str, confusion: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> Scores:
    images = sum(map(sum, confusion))
    accuracy = sum(confusion[i][i] for i in range(len(names))) / images
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / images)
    per_class = []
    for i, name in enumerate(names):
        called, support = sum(row[i] for row in confusion), sum(confusion[i])
        precision, recall = confusion[i][i] / (called or 1), confusion[i][i] / (support or 1)
        f1 = 2 * precision * recall / ((precision + recall) or 1)
        per_class.append(ClassScore(name, precision, recall, f1, support))
    return Scores(split, images, accuracy, accuracy - half, accuracy + half, 0.7321, tuple(per_class), confusion)


def make_history(epochs: int) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(
            epoch=epoch,
            learning_rate=0.1 * (1 + math.cos(math.pi * epoch / epochs)) / 2,
            train_loss=0.55 + 1.5 * math.exp(-epoch / 8),
            train_accuracy=0.80 - 0.52 * math.exp(-epoch / 8),
            validation_loss=0.72 + 1.3 * math.exp(-epoch / 6) + 0.06 * math.sin(epoch * 1.7) / (1 + epoch / 8),
            validation_accuracy=0.766 - 0.45 * math.exp(-epoch / 7) - 0.02 * math.sin(epoch * 1.7) / (1 + epoch / 8),
            seconds=27.5,
            images_per_second=1454.5,
        )
        for epoch in range(1, epochs + 1)
    )


@pytest.fixture
def run() -> Run:
    scores = make_scores("test", CONFUSION, NAMES)
    return Run(
        name="mobilenet_v2-32-cut",
        command="archscope train-eval -m mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000 --epochs 30 --seed 1",
        started="2026-11-22T09:14:03+00:00",
        seconds=845.2,
        network=NetworkRecord(
            spec="mobilenet_v2@32,alpha=0.9+cut:block_12_add+head:1000,dropout=0.2",
            digest="3f9a1c7be2d04856",
            input=(32, 32, 3),
            classes=10,
            params=572_066,
            trainable_params=555_202,
            macs=4_304_296,
        ),
        data=DataRecord(
            name="CIFAR-10 (JPEG re-encoded)",
            slug="cifar10",
            source="train.parquet, test.parquet",
            sha256="ab" * 32,
            classes=NAMES,
            train_images=40_000,
            validation_images=10_000,
            test_images=10_000,
        ),
        recipe={
            "optimizer": "sgd",
            "learning_rate": 0.15,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 5e-4,
            "schedule": "cosine",
            "batch": 128,
            "epochs": 30,
            "patience": None,
            "augment": ["crop", "flip"],
        },
        seed=1,
        history=make_history(30),
        best_epoch=27,
        stopped_early=False,
        validation=replace(scores, split="validation"),
        test=scores,
        times_tested=1,
        latency=(
            LatencyRecord("litert", 1, 6411, 1000, 0.071, 0.078, 0.093),
            LatencyRecord("tf.function", 1, 65, 702, 7.1, 7.52, 9.88),
            LatencyRecord("predict", 1, 10, 77, 63.9, 66.4, 81.2),
        ),
        versions={"archscope": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0", "python": "3.11.9"},
        machine="2 cores, x86_64, Linux 6.1",
        model_sha256="cd" * 32,
    )
