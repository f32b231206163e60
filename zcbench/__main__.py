"""``python -m zcbench``."""

import sys

from zcbench.cli import main

if __name__ == "__main__":
    sys.exit(main())
