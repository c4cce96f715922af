"""``python -m backproof``."""

import sys

from backproof.cli import main

sys.exit(main())
