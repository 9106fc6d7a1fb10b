"""Behind the wall: the compiled kernels and the tables they work on."""
