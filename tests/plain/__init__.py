"""The plain twins: the same rules in slow, obvious Python, for the kernels to be compared with."""
