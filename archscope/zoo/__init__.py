"""The models archscope can build, one file per family: the paper's table as data, and the builder that reads it."""

from archscope.zoo.model import Argument, Builder, Model, Value
from archscope.zoo.registry import MODELS, find_model

__all__ = ["MODELS", "Argument", "Builder", "Model", "Value", "find_model"]
