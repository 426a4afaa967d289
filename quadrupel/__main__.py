"""`python -m quadrupel` is the command `quadrupel`."""

from quadrupel.cli import main

if __name__ == "__main__":
    main()
