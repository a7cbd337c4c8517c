"""``python -m nepsbench``: the same as the ``nepsbench`` command."""

from nepsbench.cli import main

main()
