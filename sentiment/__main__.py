"""``python -m sentiment`` is the command ``sentiment``."""

from sentiment.command import main

main()
