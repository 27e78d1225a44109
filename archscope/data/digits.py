"""scikit-learn's bundled digits: a small data set that is always at hand, offline."""

from __future__ import annotations

from importlib.metadata import version

from archscope.data.dataset import Dataset
from archscope.data.intake import Raw, take_in
from archscope.data.split import stratified_split

_TEST_FRACTION = 0.2
_SPLIT_SEED = 0


def load_digits(shape: tuple[int, int, int]) -> Dataset:
    """The 1,797 grey 8x8 images (0..16, scaled to 0..255), fitted to `shape` (H, W, C).

    scikit-learn gives no test split; ours is a stratified fifth, the same on every machine.
    """
    import numpy as np
    from sklearn import datasets

    bunch = datasets.load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int64)
    train, test = stratified_split(labels, _TEST_FRACTION, _SPLIT_SEED)
    name = "scikit-learn digits"
    intake = take_in(Raw(labels[train], images[train]), Raw(labels[test], images[test]), shape, name)
    return Dataset(
        name=name,
        slug="digits",
        source=f"bundled with scikit-learn {version('scikit-learn')}",
        classes=tuple("0123456789"),
        train=intake.train,
        test=intake.test,
        sha256=intake.sha256,
    )
