"""``python -m microchar``: the command line."""

from __future__ import annotations

import sys

from microchar.cli.program import main

sys.exit(main())
