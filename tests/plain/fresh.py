"""A program in an interpreter of its own, and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys


def printed(program: str, *words: str, **switches: str) -> str:
    """What a program prints, with switches of the environment; fails where it fails."""
    command, environment = [sys.executable, "-c", program, *words], {**os.environ, **switches}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()
