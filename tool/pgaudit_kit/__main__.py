"""`python -m pgaudit_kit` is the same as `pgaudit-kit`."""

import sys

from pgaudit_kit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
