"""Images and labels as NumPy arrays: CIFAR-10 or other images from where a person has them, digits, a seeded split.

No data set ever stands in for another: what cannot be had is a DataError, and a Dataset carries its own name.
"""

from archscope.data.catalog import load
from archscope.data.dataset import Dataset, Split
from archscope.data.split import stratified_split, stratified_subset

__all__ = ["Dataset", "Split", "load", "stratified_split", "stratified_subset"]
