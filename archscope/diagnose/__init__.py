"""From the graph alone: findings and remedies, the sizes a network is healthy at, what differs between two."""
