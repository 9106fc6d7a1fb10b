"""One file per ticker."""
