"""``python -m segscope``: the command, where its script is not on the path."""

from segscope.cli.main import main

if __name__ == "__main__":
    main()
