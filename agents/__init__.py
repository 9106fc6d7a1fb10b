"""Who trades: one file per population."""
