"""Settings."""
from __future__ import annotations
import types
from typing import Any
class UnifiedConfig(types.SimpleNamespace):
    pass
def _ns(v: Any) -> Any:
    return UnifiedConfig(**{k:_ns(x) for k,x in v.items()}) if isinstance(v, dict) else v
def _loaded(settings: Any) -> Any:
    return _ns(settings.to_dict())
