"""The default search space of each loss, and the papers its ranges come from.

Margins are in units of the loss's distance. The default embeddings have length 1, so that two
unrelated ones are √2 apart by the euclidean distance, 2 by its square and 1 by the cosine distance:
a margin beyond that can never be met, and all of them train alike. (On glyphs, hard triplets of
margin 0.5, 1.0, 1.4 and 2.0 came to MAP@R 0.809, 0.821, 0.820 and 0.820 on new classes.)
Each range holds the value of the paper and is wide enough to see the objective fall or level off at
either end; ranges of a factor of ten or more are logarithmic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.training.losses import loss_arguments
from tfmetric.tuning.search.ranges import Range


def _log(low, high):
    return Range(low, high, log=True)


def _by_distance(euclidean, squared_euclidean, cosine):
    return {"euclidean": euclidean, "squared_euclidean": squared_euclidean, "cosine": cosine}


DISTANCES = ["euclidean", "squared_euclidean", "cosine"]
_TEMPERATURE = _log(0.01, 1.0)
_SCALE = _log(8.0, 128.0)

# Arguments that decide how strictly a loss separates: searched by default.
MAIN: dict[str, dict[str, Any]] = {
    # Wang et al. (2017) take 36 to 55 degrees.
    "AngularLoss": {"alpha": Range(30.0, 55.0)},
    # Deng et al. (2019): m = 0.5, s = 64 for faces of many thousand people.
    "ArcFaceLoss": {"margin": _log(0.05, 1.0), "scale": _SCALE},
    # Sun et al. (2020): m = 0.25, γ = 256 for faces, 128 for persons; 0.4 and 80 for fine-grained.
    "CircleLoss": {"margin": Range(0.1, 0.5), "gamma": _log(16.0, 512.0)},
    # Hadsell et al. (2006); beyond the distance of unrelated pairs nothing is gained.
    "ContrastiveLoss": {
        "margin": _by_distance(Range(0.2, 1.6), _log(0.1, 2.5), _log(0.05, 1.25)),
    },
    # Wang et al. (2018): m = 0.35, s = 64; they see it fail from about 0.45 on.
    "CosFaceLoss": {"margin": _log(0.05, 0.6), "scale": _SCALE},
    # Cakir et al. (2019): 10 bins, more of them for large batches.
    "FastAPLoss": {"num_bins": [5, 10, 20, 40]},
    # Ustinova & Lempitsky (2016) find no difference from 50 to 200.
    "HistogramLoss": {"num_bins": [50, 100, 200]},
    # Weinberger & Saul (2009): margin 1, μ = 0.5, where the scale of the distance is learned.
    "LMNNLoss": {"margin": _by_distance(_log(0.05, 1.0), _log(0.05, 2.0), _log(0.02, 1.0))},
    # Song et al. (2016): margin 1 for embeddings that are not normalised.
    "LiftedStructureLoss": {
        "margin": _by_distance(_log(0.1, 2.0), _log(0.1, 4.0), _log(0.05, 2.0)),
    },
    # Wu et al. (2017): α = 0.2, β = 1.2.
    "MarginLoss": {
        "alpha": _by_distance(_log(0.02, 0.5), _log(0.04, 1.0), _log(0.02, 0.5)),
        "beta": _by_distance(Range(0.6, 1.4), Range(0.36, 2.0), Range(0.18, 1.0)),
    },
    # Wang et al. (2019): α = 2, β = 50, λ = 0.5 in their code.
    "MultiSimilarityLoss": {"beta": _log(10.0, 100.0), "threshold": Range(0.2, 0.9)},
    # Henderson et al. (2017); 20 is usual for cosines.
    "MultipleNegativesRankingLoss": {"scale": _log(5.0, 100.0)},
    # Goldberger et al. (2004), where the scale is learned; about 0.1 for length 1.
    "NCALoss": {"temperature": _log(0.02, 2.0)},
    # Sohn (2016) regularises the length, with no number.
    "NPairsLoss": {"l2": _log(1e-4, 1e-1)},
    # Chen et al. (2020) compare 0.05, 0.1, 0.5 and 1.
    "NTXentLoss": {"temperature": _TEMPERATURE},
    # Zhai & Wu (2019): 0.05.
    "NormalizedSoftmaxLoss": {"temperature": _TEMPERATURE},
    # Kim et al. (2020): δ = 0.1, α = 32.
    "ProxyAnchorLoss": {"margin": _log(0.01, 0.5), "scale": _SCALE},
    # Teh et al. (2020): 1/9.
    "ProxyNCALoss": {"temperature": _TEMPERATURE},
    # Wang et al. (2019): α = 1.2, m = 0.4 for length 1; the margin stays below α.
    "RankedListLoss": {"alpha": Range(0.8, 1.4), "margin": Range(0.1, 0.8)},
    # Patel et al. (2022): 0.01.
    "RecallAtKLoss": {"temperature": _log(0.003, 0.1)},
    # Brown et al. (2020): 0.01.
    "SmoothAPLoss": {"temperature": _log(0.003, 0.1)},
    # Frosst et al. (2019), where the length is learned; about 0.1 for length 1.
    "SoftNearestNeighborLoss": {"temperature": _log(0.02, 2.0)},
    # Qian et al. (2019): δ = 0.01, λ = 20, γ = 0.1.
    "SoftTripleLoss": {"margin": _log(0.002, 0.2), "scale": _log(5.0, 80.0)},
    # Liu et al. (2017): 4; the scale is of later work.
    "SphereFaceLoss": {"margin": [1, 2, 3, 4], "scale": _SCALE},
    # Khosla et al. (2020): 0.1, and 0.07 in the code.
    "SupConLoss": {"temperature": _TEMPERATURE},
    # Schroff et al. (2015): 0.2 of squared distances; Hermans et al. (2017): 0.1 to 1 of distances.
    "TripletLoss": {"margin": _by_distance(_log(0.02, 1.0), _log(0.02, 2.0), _log(0.01, 0.5))},
    # Yu & Tao (2019): β = 5.73 degrees, s = 64.
    "TupletMarginLoss": {"margin": _log(1.0, 30.0), "scale": _SCALE},
}

# Further arguments, for a search of everything.
FURTHER: dict[str, dict[str, Any]] = {
    "ContrastiveLoss": {"mining": ["all", "hard"], "distance": DISTANCES},
    "LMNNLoss": {"neighbors": [1, 3, 5], "mu": Range(0.2, 0.8), "distance": DISTANCES},
    "LiftedStructureLoss": {"distance": DISTANCES},
    "MarginLoss": {"mining": ["distance-weighted", "all"], "distance": DISTANCES},
    "MultiSimilarityLoss": {"alpha": _log(0.5, 10.0), "epsilon": _log(0.02, 0.5)},
    "RankedListLoss": {"temperature": _log(1.0, 20.0), "balance": Range(0.3, 0.7)},
    "RecallAtKLoss": {"rank_temperature": _log(0.3, 3.0)},
    "SoftTripleLoss": {"gamma": _log(0.03, 0.3)},
    # Hermans et al. (2017) and Xuan et al. (2020) compare these.
    "TripletLoss": {
        "mining": ["hard", "semi-hard", "all", "distance-weighted", ("easy", "semi-hard")],
        "distance": DISTANCES,
    },
}


def batches(settings, num_classes: int | None = None) -> list[tuple[int, int]]:
    """Returns choices of (P, K) with about as many examples as a batch of the settings.

    >>> from tfmetric.training import Settings
    >>> batches(Settings())
    [(128, 2), (64, 4), (32, 8), (16, 16)]
    >>> batches(Settings(), num_classes=40)
    [(32, 8), (16, 16)]
    """
    size = settings.classes_per_batch * settings.examples_per_class
    pairs = [(max(2, size // k), k) for k in (2, 4, 8, 16)]
    own = (settings.classes_per_batch, settings.examples_per_class)
    pairs = sorted({*pairs, own}, key=lambda pair: pair[1])
    return [pair for pair in pairs if num_classes is None or pair[0] <= num_classes] or [own]


def _shared(settings, everything: bool, num_classes: int | None = None) -> dict:
    """Returns the values to search for every loss: the best margin moves with the learning rate."""
    rate = settings.learning_rate
    space = {"learning_rate": _log(rate / 10, rate * 10)}
    if everything:
        dims = sorted({32, 64, 128, 256, settings.embedding_dim})
        space["weight_decay"] = _log(1e-6, 1e-2)
        space["embedding_dim"] = dims
        space["batch"] = batches(settings, num_classes)
    return space


def default_space(
    losses: str | Sequence[str] = "TripletLoss",
    everything: bool = False,
    settings: Settings | None = None,
    num_classes: int | None = None,
) -> dict:
    """Returns the search space that is used where none is given, to look at or to change.

    It holds the arguments that decide how strictly a loss separates - margin, temperature, scale -
    and the learning rate, since another rate has another best margin. ``everything`` adds mining,
    distance, the embedding's length, weight decay and P×K, which takes far more trials.

    Args:
        losses: Name of a loss, or several. The arguments of several are named
            ``"TripletLoss/margin"``.
        everything: Whether to add the further values.
        settings: The settings that ranges are laid around.
        num_classes: The number of training classes, the most that P may be; None for no limit.

    Returns:
        A dictionary for ``search_space``. A range that depends on the distance is a dictionary by
        the name of the distance.

    Raises:
        ValueError: If a loss is unknown or named twice.

    >>> default_space("NTXentLoss")["temperature"]
    Range(low=0.01, high=1.0, log=True, step=None)
    """
    names = check_losses(losses)
    space: dict[str, Any] = {}
    for name in names:
        loss_arguments(name)  # Raises a ValueError for an unknown loss.
        arguments = dict(MAIN.get(name, {}))
        if everything:
            arguments |= FURTHER.get(name, {})
        prefix = f"{name}/" if len(names) > 1 else ""
        space |= {f"{prefix}{key}": spec for key, spec in arguments.items()}
    return space | _shared(settings or Settings(), everything, num_classes)


def check_losses(losses) -> tuple[str, ...]:
    """Returns one name of a loss, or several, as a tuple."""
    names = (losses,) if isinstance(losses, str) else tuple(losses)
    if not names or len(set(names)) != len(names):
        raise ValueError(expected("one loss at least, each once", losses=losses))
    return names
