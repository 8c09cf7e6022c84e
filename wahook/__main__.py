"""`python -m wahook`."""

from wahook.cli import main

main()
