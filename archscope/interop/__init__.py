"""Graph <-> keras.Model, weights, and exporters. Keras is imported inside functions only."""
