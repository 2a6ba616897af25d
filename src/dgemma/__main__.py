"""`python -m dgemma` is the `dgemma` command."""

from dgemma.cli import main

if __name__ == "__main__":
    main()
