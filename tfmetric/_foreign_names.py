"""Answers names from other libraries, and from earlier versions of this one.

A package answers such a name by an ``AttributeError`` with the equivalent call. A test runs every
call in the table.
"""

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from tfmetric._errors import expected

# The call here; a remark, or ""; the names elsewhere. TFA is TensorFlow Addons, TFS TensorFlow
# Similarity, PML pytorch-metric-learning, ST sentence-transformers.
_TRIPLETS = "tm.losses.TripletLoss"
_MEAN = 'reduction="mean_over_active"'
_CALLS = (
    # Rooms.
    (f'{_TRIPLETS}(mining="hard")', "miners are the argument mining= of a loss", "miners"),
    ("tm.datasets.balanced_batches(data, 8, 4)", "", "samplers sampler"),
    (f"{_TRIPLETS}({_MEAN})", "reducers are the argument reduction= of a loss", "reducers"),
    ("tm.losses.NormRegularizer()", "regularizers are in tm.losses", "regularizers"),
    ("tm.evaluation.evaluate(model, data)", "", "testers evaluators"),
    ('model.compile("adam", loss=tm.losses.TripletLoss())', "then model.fit", "trainers"),
    ('tm.search.ExactIndex("cosine")', "", "indexer Indexer retrieval_metrics inference utils"),
    # Triplets.
    (
        f'{_TRIPLETS}(1.0, mining="semi-hard", fallback="easy", reduction="sum_over_batch_size")',
        "equal to TFA's on any batch",
        "TripletSemiHardLoss triplet_semihard_loss",
    ),
    (
        f'{_TRIPLETS}(1.0, mining="hard")',
        "margin=None for soft=True",
        "TripletHardLoss triplet_hard_loss",
    ),
    (
        f'{_TRIPLETS}(0.05, mining="all")',
        "on unit embeddings, equal to PML's; mining= takes the place of a miner",
        "TripletMarginLoss TripletMarginMiner AllTripletsMiner",
    ),
    (f'{_TRIPLETS}(mining="hard", {_MEAN})', "", "BatchHardMiner HardTripletsMiner"),
    (f'{_TRIPLETS}(mining=("easy", "hard"), {_MEAN})', "", "BatchEasyHardMiner"),
    (f'{_TRIPLETS}(mining="distance-weighted")', "", "DistanceWeightedMiner"),
    (f'{_TRIPLETS}(5.0, mining="hard")', "", "BatchHardTripletLoss"),
    (f"{_TRIPLETS}(None)", "", "BatchHardSoftMarginTripletLoss"),
    (f'{_TRIPLETS}(5.0, mining="all")', "", "BatchAllTripletLoss TripletLossWithMiner"),
    (f'{_TRIPLETS}(5.0, mining="semi-hard", fallback="easy")', "", "BatchSemiHardTripletLoss"),
    # Pairs.
    (
        "tm.losses.SiameseContrastiveLoss(1.0)",
        "takes distances and 1 = similar",
        "contrastive_loss",
    ),
    (
        "tm.losses.NPairsLoss()",
        "TFA's compares in one direction and is not equal",
        "npairs_loss NpairsLoss npairs_multilabel_loss NpairsMultilabelLoss",
    ),
    (
        "tm.losses.LiftedStructureLoss(1.0)",
        "equal to PML's generalised one, not to TFA's and TFS's",
        "lifted_struct_loss LiftedStructLoss GeneralizedLiftedStructureLoss",
    ),
    (
        "tm.losses.MultiSimilarityLoss(epsilon=0.1)",
        "the miner is inside; epsilon=None leaves it out",
        "MultiSimilarityMiner",
    ),
    ('tm.losses.ContrastiveLoss(mining="all")', "", "PairMarginMiner OnlineContrastiveLoss"),
    ('tm.losses.ContrastiveLoss(distance="snr")', "", "SignalToNoiseRatioContrastiveLoss"),
    ("tm.losses.AngularLoss()", "it looks at all triplets", "AngularMiner"),
    # Proxies.
    (
        "tm.models.with_proxies(model, tm.layers.ProxyHead(10, centers_per_class=3))",
        "with loss=tm.losses.ArcFaceLoss(0.499, 64.0), the margin in radians",
        "SubCenterArcFaceLoss ArcFace SubCenterArcFace",
    ),
    # Without labels, and beyond one batch.
    (
        "tm.models.SimCLR(model, augment)",
        "",
        "SelfSupervisedLoss ContrastiveModel create_contrastive_model",
    ),
    ("tm.models.VICReg(model, augment)", "", "VICRegLoss"),
    ("tm.models.BarlowTwins(model, augment)", "", "BarlowTwinsLoss Barlow"),
    ("tm.models.SimSiam(model, augment)", "", "SimSiamLoss"),
    ("tm.models.CrossBatchMemory(model)", "", "XBM TripletLossWithMemory"),
    (
        "tm.models.CachedGradients(model)",
        "with any loss of tm.losses",
        "CachedMultipleNegativesRankingLoss CachedGISTEmbedLoss GradCache",
    ),
    (f'{_TRIPLETS}(gather="global")', "", "DistributedLossWrapper DistributedMinerWrapper"),
    # Arguments of losses.
    ('tm.distances.get("euclidean")', "the argument distance= of a loss", "LpDistance"),
    ('tm.distances.get("cosine")', "the argument distance= of a loss", "CosineSimilarity"),
    ('tm.distances.get("inner_product")', "the argument distance=", "DotProductSimilarity"),
    ('tm.distances.get("snr")', "the argument distance= of a loss", "SNRDistance"),
    ('tm.distances.get("squared_euclidean")', "", "pairwise_distance angular_distance"),
    (f"{_TRIPLETS}({_MEAN})", "", "AvgNonZeroReducer ThresholdReducer"),
    (f'{_TRIPLETS}(reduction="sum_over_batch_size")', "", "MeanReducer DivisorReducer"),
    (f'{_TRIPLETS}(reduction="sum")', "", "SumReducer"),
    (f"{_TRIPLETS}(reduction=None)", "", "DoNothingReducer PerAnchorReducer"),
    (f"{_TRIPLETS}()", "with sample_weight= by class in fit", "ClassWeightedReducer"),
    ("tm.losses.NormRegularizer()", "", "LpRegularizer ZeroMeanRegularizer"),
    ("tm.losses.SpreadOutRegularizer()", "", "RegularFaceRegularizer CenterInvariantRegularizer"),
    # Models, layers and data.
    (
        "tm.models.embedder((28, 28, 1), embedding_dim=64)",
        "a keras.Model; export it with tm.export.save(model, directory, gallery=data) to search",
        "SimilarityModel SentenceTransformer ArchitectureSim EfficientNetSim ResNet18Sim "
        "ResNet50Sim ConvNeXtSim TrunkEmbedder",
    ),
    ("tm.layers.L2Normalization()", "after keras.layers.Dense", "MetricEmbedding Normalize"),
    ("tm.layers.GeMPooling2D()", "", "GeneralizedMeanPooling2D GeM GeneralizedMeanPooling"),
    (
        "tm.datasets.balanced_batches(data, classes_per_batch=8, examples_per_class=4)",
        "data is a LabeledData or a tuple (x, labels)",
        "MPerClassSampler BalanceSampler MultiShotMemorySampler MultiShotFileSampler "
        "TFDatasetMultiShotMemorySampler TFRecordDatasetSampler HierarchicalSampler",
    ),
    ("tm.datasets.balanced_batches(data, 8, 2)", "or tm.models.SimCLR", "SingleShotMemorySampler"),
    ("tm.datasets.triplets(data)", "", "FixedSetOfTriplets TuplesToWeightsSampler"),
    # Evaluation.
    (
        "tm.evaluation.retrieval(embeddings, labels, ks=(1, 5))",
        "of a data set",
        "AccuracyCalculator calc_retrieval_metrics RetrievalResults EmbeddingMetrics "
        "InformationRetrievalEvaluator FactorizedTopK MapAtK RPrecision",
    ),
    (
        "tm.metrics.BatchRecallAtOne()",
        "within a batch; tm.evaluation.retrieval(embeddings, labels, ks=(1, 5)) of a data set, "
        "tm.callbacks.RetrievalEvaluation(data) each epoch",
        "RecallAtK PrecisionAtK PrecisionAtOne RecallAtOne",
    ),
    ("tm.metrics.DistanceGap()", "", "dist_gap DistGap DistanceGapMetric"),
    ("tm.metrics.MeanPositiveDistance()", "", "avg_pos max_pos min_pos"),
    ("tm.metrics.MeanNegativeDistance()", "", "avg_neg max_neg min_neg"),
    (
        "tm.callbacks.RetrievalEvaluation(data)",
        "",
        "EvalCallback SplitValidationLoss HookContainer MetricLossOnly",
    ),
    (
        "tm.evaluation.evaluate(model, data)",
        "",
        "GlobalEmbeddingSpaceTester GlobalTwoStreamEmbeddingSpaceTester MemoryEvaluator",
    ),
    (
        "tm.evaluation.verification(embeddings, labels)",
        "",
        "TripletEvaluator BinaryClassificationEvaluator",
    ),
    ("tm.evaluation.knn(embeddings, labels)", "", "MatchNearest MatchMajorityVote"),
    (
        "tm.evaluation.calibrate(tm.evaluation.verification(embeddings, labels))",
        "",
        "F1Calibration ThresholdCalibration MatchFinder",
    ),
    # Search and serving.
    (
        'tm.search.ExactIndex("cosine")',
        "",
        "InferenceModel CustomKNN LinearSearch BruteForce Retrieval MemoryStore SearchIndex",
    ),
    ("tm.search.FaissIndex", "", "FaissKNN FaissSearch NMSLibSearch HNSWIndex ScaNN"),
    ('tm.search.QdrantIndex(":memory:")', "", "RedisStore CachedStore"),
    ("tm.search.Neighbors", "the present spelling", "Neighbours"),
    ("tm.visualization.find_neighbors", "the present spelling", "find_neighbours"),
    ("tm.visualization.neighbor_gallery", "the present spelling", "neighbour_gallery"),
    ("tm.visualization.FoundNeighbors", "the present spelling", "FoundNeighbours"),
)
_METHODS = {
    "search": "query",
    "lookup": "query",
    "single_lookup": "query",
    "fit": "add",
    "train": "add",
    "build": "add",
    "train_index": "add",
    "add_to_index": "add",
    "index": "add",
    "delete": "remove",
}


def calls() -> dict[str, tuple[str, str]]:
    """Returns the call and the remark for each foreign name."""
    return {name: (call, note) for call, note, names in _CALLS for name in names.split()}


def answering(module: str) -> Callable[[str], Any]:
    """Makes the ``__getattr__`` of a package.

    Args:
        module: Its ``__name__``.

    Returns:
        A function that raises an ``AttributeError`` for a name. The message has the equivalent call
        if the name is foreign, differently spelled, or in another package.

    Example:

    >>> answering("tfmetric.losses")("TripletSemiHardLoss")
    Traceback (most recent call last):
    AttributeError: Expected tm.losses.TripletLoss(1.0, mining="semi-hard", fallback="easy", \
reduction="sum_over_batch_size") in place of TripletSemiHardLoss (equal to TFA's on any batch). \
Received: name='TripletSemiHardLoss'
    """

    def room_getattr(name: str) -> NoReturn:
        raise missing(module, name)

    return room_getattr


def missing(module: str, name: str) -> AttributeError:
    """Makes the ``AttributeError`` for a name that a package does not have."""
    here = sys.modules.get(module)
    plain = AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=here)
    if name.startswith("_"):
        return plain
    known = calls().get(name)
    found = known or _spelled_otherwise(name, module)
    if not found:
        return plain
    call, note = found
    remark = f" ({note})" if note else ""
    return AttributeError(expected(f"{call} in place of {name}{remark}", name=name))


def missing_method(owner: str, name: str) -> AttributeError:
    """Makes the ``AttributeError`` for a method that an index has under another name."""
    if name not in _METHODS:
        return AttributeError(f"{owner!r} object has no attribute {name!r}")
    call = {
        "query": "query(embeddings, k=10)",
        "add": "add(embeddings, ids)",
        "remove": "remove(ids)",
    }[_METHODS[name]]
    return AttributeError(expected(f"index.{call} in place of {name}", name=name))


def _spelled_otherwise(name, module):
    """A name in this or another package that differs only in case, underscores or "Loss"."""
    wanted = _key(name)
    rooms = sorted(
        (room for room in sys.modules if room.startswith("tfmetric.") and room.count(".") == 1),
        key=lambda room: (room != module, room),
    )
    for room in rooms:
        if room.startswith("tfmetric._"):
            continue
        for other in getattr(sys.modules[room], "__all__", ()):
            if _key(other) == wanted:
                return f"{room.replace('tfmetric', 'tm', 1)}.{other}", ""
    return None


def _key(name):
    return name.lower().replace("_", "").removesuffix("loss")
