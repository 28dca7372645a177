"""microchar: is this volume statistically the same material as that one, and how sure are we?

The public names are listed in ``__init__.pyi`` and loaded when first used: importing microchar is instant.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
