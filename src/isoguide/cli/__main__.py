"""``python -m isoguide.cli``: the same as the command ``isoguide``."""

from isoguide.cli import main

main()
