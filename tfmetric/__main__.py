"""``python -m tfmetric`` is the same as the command ``tfmetric``."""

from tfmetric.cli import main

main()
