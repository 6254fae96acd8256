"""What holds for every test: laws are tried on the same examples each time, and never against a clock.

`pytest --hypothesis-profile=explore` tries new ones.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile("same")
