"""`python -m c2c` is the command `c2c`."""

from c2c.cli import main

main()
