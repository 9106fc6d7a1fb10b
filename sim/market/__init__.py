"""Behind the wall: the market's tables and the compiled kernels that work on them, one institution a file."""
