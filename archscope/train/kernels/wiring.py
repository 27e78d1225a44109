"""Which layer of a Keras model feeds which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


class Wiring:
    """The neighbours of a model's layers, where a layer is used once and nobody else sees the tensor between."""

    def __init__(self, model: keras.Model) -> None:
        self._outputs = {id(tensor) for tensor in model.outputs}
        self._readers: dict[int, list[keras.Layer]] = {}
        self._makers: dict[int, keras.Layer] = {}
        # A layer that is used twice has no single input or output: its neighbours are then nobody's.
        self._plain = all(len(layer._inbound_nodes) == 1 for layer in model.layers)
        if self._plain:
            for layer in model.layers:
                self._makers[id(layer.output)] = layer
                for tensor in layer.input if isinstance(layer.input, list) else [layer.input]:
                    self._readers.setdefault(id(tensor), []).append(layer)

    def before(self, layer: keras.Layer) -> keras.Layer | None:
        """The layer that feeds `layer` and nothing else."""
        return self._makers.get(id(layer.input)) if self._alone(layer, layer.input) else None

    def after(self, layer: keras.Layer) -> keras.Layer | None:
        """The one layer that reads `layer`, and reads nothing else."""
        readers = self._readers.get(id(layer.output), [])
        return readers[0] if len(readers) == 1 and self._alone(readers[0], layer.output) else None

    def _alone(self, reader: keras.Layer, tensor: Any) -> bool:
        if not self._plain or isinstance(reader.input, list) or id(tensor) in self._outputs:
            return False
        return self._readers.get(id(tensor)) == [reader]


def is_image(tensor: Any) -> bool:
    """Whether a tensor is (batch, height, width, channels) of known sizes."""
    return len(tensor.shape) == 4 and None not in tensor.shape[1:]
