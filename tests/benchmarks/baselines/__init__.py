"""The sides of training.py: each trains the same network on the same images, in a process of its own."""
