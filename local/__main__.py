"""`python -m local` is the `dataflux` command."""

from local.cli import main

main()
