"""Losses for ``model.compile``: pairs and triplets mined inside the batch, or given explicitly.

Losses on class ids and embeddings take ``y_true`` ``(B,)`` ids and ``y_pred`` ``(B, D)``. Losses
whose name starts with ``Siamese`` take the distances that a Siamese model emits, and 1 = similar.
"""

from tfmetric._foreign_names import answering
from tfmetric.losses._inputs import class_ids
from tfmetric.losses.angle import AngleLoss
from tfmetric.losses.angular import AngularLoss, angular_terms
from tfmetric.losses.arcface import ArcFaceLoss, arcface_terms
from tfmetric.losses.base import (
    EmbeddingLoss,
    Terms,
    anchor_terms,
    gather_terms,
)
from tfmetric.losses.circle import CircleLoss, circle_terms
from tfmetric.losses.contrastive import (
    ContrastiveLoss,
    SiameseContrastiveLoss,
    contrastive_terms,
)
from tfmetric.losses.cosent import CoSENTLoss
from tfmetric.losses.cosface import CosFaceLoss, cosface_terms
from tfmetric.losses.cosine_embedding import SiameseCosineEmbeddingLoss
from tfmetric.losses.cosine_regression import CosineRegressionLoss
from tfmetric.losses.distillation import DistillationLoss
from tfmetric.losses.embedding_mse import EmbeddingMSELoss
from tfmetric.losses.fast_ap import FastAPLoss, fast_ap_terms
from tfmetric.losses.given_pairs import given_pairs
from tfmetric.losses.histogram import HistogramLoss, histogram_terms
from tfmetric.losses.in_batch_softmax import InBatchSoftmaxLoss
from tfmetric.losses.lifted_structure import LiftedStructureLoss, lifted_structure_terms
from tfmetric.losses.lmnn import LMNNLoss, lmnn_terms
from tfmetric.losses.margin import MarginLoss, margin_terms
from tfmetric.losses.margin_mse import MarginMSELoss
from tfmetric.losses.matching import any_shared
from tfmetric.losses.matryoshka import MatryoshkaLoss
from tfmetric.losses.multi_similarity import MultiSimilarityLoss, multi_similarity_terms
from tfmetric.losses.multiple_negatives_ranking import (
    MultipleNegativesRankingLoss,
    multiple_negatives_ranking_terms,
)
from tfmetric.losses.n_pairs import NPairsLoss
from tfmetric.losses.neighbors import (
    NCALoss,
    SoftNearestNeighborLoss,
    nca_terms,
    soft_nearest_neighbor_terms,
)
from tfmetric.losses.normalized_softmax import (
    NormalizedSoftmaxLoss,
    ProxyNCALoss,
    normalized_softmax_terms,
    proxy_nca_terms,
)
from tfmetric.losses.ntxent import NTXentLoss, ntxent_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.proxy_anchor import ProxyAnchorLoss, proxy_anchor_terms
from tfmetric.losses.proxy_loss import ProxyLoss
from tfmetric.losses.ranked_list import RankedListLoss, ranked_list_terms
from tfmetric.losses.recall_at_k import RecallAtKLoss, recall_at_k_terms
from tfmetric.losses.references import Memory, References
from tfmetric.losses.regularizers import (
    DecorrelationRegularizer,
    EmbeddingRegularizer,
    KoLeoRegularizer,
    NormRegularizer,
    SpreadOutRegularizer,
    UniformityRegularizer,
)
from tfmetric.losses.sigmoid_pair import SigmoidPairLoss
from tfmetric.losses.smooth_ap import SmoothAPLoss, smooth_ap_terms
from tfmetric.losses.soft_triple import SoftTripleLoss, soft_triple_terms
from tfmetric.losses.sphereface import SphereFaceLoss, sphereface_terms
from tfmetric.losses.sup_con import SupConLoss, sup_con_terms
from tfmetric.losses.triplet import SiameseTripletLoss, TripletLoss, triplet_terms
from tfmetric.losses.tuplet_margin import TupletMarginLoss, tuplet_margin_terms
from tfmetric.losses.two_sided_loss import Links, OnTwoSides, TwoSidedLoss
from tfmetric.losses.two_views import (
    barlow_twins,
    negative_cosine,
    simclr,
    vicreg,
)
from tfmetric.losses.weighted_sum import WeightedSum

__all__ = [
    "AngleLoss",
    "AngularLoss",
    "ArcFaceLoss",
    "CircleLoss",
    "CoSENTLoss",
    "ContrastiveLoss",
    "CosFaceLoss",
    "CosineRegressionLoss",
    "DecorrelationRegularizer",
    "DistillationLoss",
    "EmbeddingLoss",
    "EmbeddingMSELoss",
    "EmbeddingRegularizer",
    "FastAPLoss",
    "HistogramLoss",
    "InBatchSoftmaxLoss",
    "KoLeoRegularizer",
    "LMNNLoss",
    "LiftedStructureLoss",
    "Links",
    "MarginLoss",
    "MarginMSELoss",
    "MatryoshkaLoss",
    "Memory",
    "MultiSimilarityLoss",
    "MultipleNegativesRankingLoss",
    "NCALoss",
    "NPairsLoss",
    "NTXentLoss",
    "NormRegularizer",
    "NormalizedSoftmaxLoss",
    "OnTwoSides",
    "PairLoss",
    "ProxyAnchorLoss",
    "ProxyLoss",
    "ProxyNCALoss",
    "RankedListLoss",
    "RecallAtKLoss",
    "References",
    "SiameseContrastiveLoss",
    "SiameseCosineEmbeddingLoss",
    "SiameseTripletLoss",
    "SigmoidPairLoss",
    "SmoothAPLoss",
    "SoftNearestNeighborLoss",
    "SoftTripleLoss",
    "SphereFaceLoss",
    "SpreadOutRegularizer",
    "SupConLoss",
    "Terms",
    "TripletLoss",
    "TupletMarginLoss",
    "TwoSidedLoss",
    "UniformityRegularizer",
    "WeightedSum",
    "anchor_terms",
    "angular_terms",
    "any_shared",
    "arcface_terms",
    "barlow_twins",
    "circle_terms",
    "class_ids",
    "contrastive_terms",
    "cosface_terms",
    "fast_ap_terms",
    "gather_terms",
    "given_pairs",
    "histogram_terms",
    "lifted_structure_terms",
    "lmnn_terms",
    "margin_terms",
    "multi_similarity_terms",
    "multiple_negatives_ranking_terms",
    "nca_terms",
    "negative_cosine",
    "normalized_softmax_terms",
    "ntxent_terms",
    "proxy_anchor_terms",
    "proxy_nca_terms",
    "ranked_list_terms",
    "recall_at_k_terms",
    "simclr",
    "smooth_ap_terms",
    "soft_nearest_neighbor_terms",
    "soft_triple_terms",
    "sphereface_terms",
    "sup_con_terms",
    "triplet_terms",
    "tuplet_margin_terms",
    "vicreg",
]

__getattr__ = answering(__name__)
