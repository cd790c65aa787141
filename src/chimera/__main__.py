"""`python -m chimera` is `chimera`."""

from chimera.cli import main

main()
