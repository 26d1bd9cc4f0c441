"""Two network namespaces and the bad lines between them; README.md beside this file says how to use it."""

from __future__ import annotations

from .impairment import GilbertElliott, Impairment
from .link import Impairer, ImpairerError, Link, LinkDirection
from .namespace import Namespace

__all__ = ["GilbertElliott", "Impairer", "ImpairerError", "Impairment", "Link", "LinkDirection", "Namespace"]
