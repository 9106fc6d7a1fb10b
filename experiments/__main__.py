"""``offhours``, and ``python -m offhours.experiments``: the command line, which Ctrl-C ends without a word from its first moment."""

import os
import signal


def main() -> None:
    """Load the command line and run it."""
    before = signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    from offhours.experiments import cli

    signal.signal(signal.SIGINT, before)
    cli.main()


if __name__ == "__main__":
    main()
