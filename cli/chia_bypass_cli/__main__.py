"""``python -m chia_bypass_cli``: the command line where the console script is not on the path."""

from chia_bypass_cli.start import main

if __name__ == "__main__":
    main()
