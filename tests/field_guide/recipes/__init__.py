"""One module per lesson, as the guide has one file per lesson; importing this package registers all their recipes."""

import importlib
import pkgutil

__all__ = sorted(found.name for found in pkgutil.iter_modules(__path__))
for _name in __all__:
    importlib.import_module(f"{__name__}.{_name}")
