"""Findings about a network, from its graph alone: sizes it is healthy at, and what differs between two networks."""
