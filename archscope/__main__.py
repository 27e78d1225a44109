"""`python -m archscope` is the command `archscope`."""

from archscope.cli.main import main

if __name__ == "__main__":
    main()
