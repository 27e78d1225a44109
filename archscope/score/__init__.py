"""Training-free scores: what a batch of images says of a network before it is trained, and how far to trust it."""
