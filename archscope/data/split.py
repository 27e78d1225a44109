"""A validation split, and a smaller training set, that keep the classes' shares."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from archscope.errors import DataError

if TYPE_CHECKING:
    from numpy import int64, integer
    from numpy.typing import NDArray


def stratified_split(labels: NDArray[integer], fraction: float, seed: int) -> tuple[NDArray[int64], NDArray[int64]]:
    """Sorted indices (train, validation), disjoint and together all of `labels` (N,), integers.

    A class of n images gives floor(fraction * n + 1/2) of them to validation, with the fraction taken as the
    decimal that is written (0.1 is one tenth), but keeps at least one for training. Which ones: each image gets
    a 64-bit key from PCG64(seed), and each class gives those with the smallest keys. NumPy fixes the stream of a
    bit generator for good, unlike that of Generator.permutation (NEP 19), so a seed means the same split anywhere.

    Raises DataError unless 0 < fraction < 1, seed >= 0, and the validation split has at least one image.
    """
    import numpy as np

    if not 0 < fraction < 1:
        raise DataError(f"validation fraction {fraction} is not between 0 and 1", "0.2 is usual")
    if seed < 0:
        raise DataError(f"seed {seed} is negative", "use 0 or more")
    share = Fraction(str(float(fraction)))
    keys = np.random.PCG64(seed).random_raw(len(labels))
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(int(share * len(members) + Fraction(1, 2)), len(members) - 1)
        chosen[members[np.argsort(keys[members], kind="stable")[:count]]] = True
    if not chosen.any():
        raise DataError(
            f"validation fraction {fraction} of {len(labels):,} images leaves no validation image",
            "use a larger fraction or more images",
        )
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def stratified_subset(labels: NDArray[integer], count: int, seed: int) -> NDArray[int64]:
    """Sorted indices of `count` of `labels` (N,), integers; each class has its share, rounded.

    What is left after rounding down goes to the largest remainders, the lower class first (Hamilton's method). Which
    images: as in `stratified_split`, by keys of their own.

    Raises DataError unless 1 <= count <= N.
    """
    import numpy as np

    if not 1 <= count <= len(labels):
        raise DataError(f"{count:,} of {len(labels):,} training images cannot be taken", f"name 1 to {len(labels):,}")
    keys = np.random.PCG64([seed, 1]).random_raw(len(labels))
    classes, sizes = np.unique(labels, return_counts=True)
    quotas, remainders = np.divmod(sizes * count, len(labels))
    quotas[np.argsort(-remainders, kind="stable")[: count - quotas.sum()]] += 1
    chosen = []
    for label, quota in zip(classes, quotas, strict=True):
        members = np.flatnonzero(labels == label)
        chosen.append(members[np.argsort(keys[members], kind="stable")[:quota]])
    return np.sort(np.concatenate(chosen))
