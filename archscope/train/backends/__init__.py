"""What is each backend's own in a training step: TensorFlow, JAX and PyTorch, under Keras.

A module of a backend has `Step`, `answering` (a function of a model that maps a uint8 batch to class probabilities) and
`has_bfloat16`.
"""
