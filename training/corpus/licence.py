"""What a licence means for weights: the tier of a set or of a piece."""

from __future__ import annotations

import re

PERMISSIVE = "A"
MEANING = {
    PERMISSIVE: "weights for any use, with credit where the licence asks for it",
    "SA": "share-alike or unconfirmed: weights only with attribution under the same terms, said on their card",
    "NC": "non-commercial: weights for non-commercial use only, said on their card",
    "GPL": "copyleft on data: weights for experiments, not to be shipped",
    "?": "rights unclear: weights for experiments, not to be shipped",
}
"""From the freest to the least free."""
_PATTERNS = (
    ("NC", r"\bNC\b|NONCOMMERCIAL|NON-COMMERCIAL"),
    ("GPL", r"\bGPL"),
    ("SA", r"\bSA\b|SHARE-?ALIKE|\bODBL"),
    (PERMISSIVE, r"^(PD|CC0|MIT|PUBLIC DOMAIN|CC[ -]BY)\b(?!-ND)"),
)


def tier_of(licence: str) -> str:
    """The tier of a licence by its name (`CC BY-SA 4.0`); `?` for one that says nothing known."""
    return next((tier for tier, pattern in _PATTERNS if re.search(pattern, licence.upper())), "?")


def strictest(tiers: list[str]) -> str:
    """The tier that weights of all these together have; of none the freest."""
    order = list(MEANING)
    return max(tiers, key=order.index, default=PERMISSIVE)
