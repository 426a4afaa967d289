"""`python -m quadrupel` is the command `quadrupel`."""

from quadrupel.cli.main import main

if __name__ == "__main__":
    main()
