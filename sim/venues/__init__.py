"""One file per venue's rulebook."""
