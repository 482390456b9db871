"""`python -m simalloc.cli` is the command `simalloc`."""

from simalloc.cli.entry import main

if __name__ == "__main__":
    main()
