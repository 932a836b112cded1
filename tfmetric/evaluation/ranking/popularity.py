"""The popularity of recommended candidates: whether a ranking shows more than the bestsellers."""

from dataclasses import dataclass

import numpy as np

from tfmetric._errors import expected
from tfmetric.typing import Array
from tfmetric.values import plain


@dataclass(frozen=True, eq=False)
class Popularity:
    """Shares of the parts of a catalogue, the most popular part first.

    Attributes:
        k: The recommendations are the first k of each query.
        recommended: ``(parts,)``, each part's share of the recommendations.
        relevant: ``(parts,)``, its share of the relevant links.
        training: ``(parts,)``, its share of the training links.
    """

    k: int
    recommended: np.ndarray
    relevant: np.ndarray
    training: np.ndarray

    @classmethod
    def of(
        cls, popularity: Array, recommended: Array, relevant: Array, k: int, parts: int
    ) -> "Popularity":
        """Counts the shares.

        Args:
            popularity: ``(N,)``, training links of each candidate. Among equally popular candidates
                the earlier is in the more popular part.
            recommended: ``(N,)``, how often each is recommended.
            relevant: ``(M,)``, the candidates of the relevant links.
            k: See the attribute.
            parts: Number of parts; N where it is larger.
        """
        if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1:
            raise ValueError(expected("parts to be a whole number above 0", parts=parts))
        parts = max(1, min(parts, len(popularity)))
        order = np.argsort(-popularity, kind="stable")
        part_of = np.empty(len(order), np.int64)
        part_of[order] = np.arange(len(order)) * parts // len(order)

        def share(weights):
            found = np.bincount(part_of, weights, minlength=parts)
            return found / found.sum() if found.sum() else np.full(parts, np.nan)

        counted = np.bincount(relevant, minlength=len(order))
        return cls(k, share(recommended), share(counted), share(popularity))

    def lines(self) -> list[str]:
        """Returns a table as lines of text."""
        titles = {
            f"first {self.k}": self.recommended,
            "relevant": self.relevant,
            "training": self.training,
        }
        head = f"Shares of the catalogue in {len(self.training)} parts, the most popular first:"
        return [head] + [
            f"  {title:<10}" + "".join(f"{value:>7.1%}" for value in shares)
            for title, shares in titles.items()
        ]

    def to_dict(self) -> dict:
        """Returns the shares as plain Python values; NaN becomes None."""
        return plain(vars(self))
