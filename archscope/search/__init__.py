"""Spaces of designs: every alternative priced exactly, over arrays, by the rules that price a single network."""
