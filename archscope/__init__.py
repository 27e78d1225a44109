"""archscope: see where a small-image CNN loses its image, repair it, price it, prove the repair by training."""

__version__ = "0.1.0"
