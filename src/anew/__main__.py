"""`python -m anew`."""

from anew.cli import script

if __name__ == "__main__":
    script()
