"""The models archscope can build, one file per family: the paper's table as data, and the builder that reads it."""

from archscope.zoo.registry import MODELS, Argument, Model, Value, find_model

__all__ = ["MODELS", "Argument", "Model", "Value", "find_model"]
