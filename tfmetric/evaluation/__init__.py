"""Evaluation of embeddings on classes never seen in training, against fair baselines."""

from tfmetric._foreign_names import answering
from tfmetric.evaluation.classification.few_shot import FewShotResult, few_shot
from tfmetric.evaluation.classification.nearest_neighbors import knn, nearest_class_mean
from tfmetric.evaluation.classification.one_shot import (
    OneShotResult,
    OneShotRun,
    one_shot,
    read_one_shot_runs,
)
from tfmetric.evaluation.classification.result import ClassificationResult
from tfmetric.evaluation.clustering import ClusteringResult, clustering
from tfmetric.evaluation.comparison.evaluate import evaluate
from tfmetric.evaluation.comparison.evaluate_relation import evaluate_relation
from tfmetric.evaluation.comparison.relation_result import RelationEvaluation
from tfmetric.evaluation.comparison.result import Evaluation
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.graded_similarity import SimilarityResult, similarity
from tfmetric.evaluation.health.health import health
from tfmetric.evaluation.health.result import HealthResult
from tfmetric.evaluation.ranking.baselines import (
    ease_scores,
    ials_scores,
    item_knn_scores,
    popularity_scores,
)
from tfmetric.evaluation.ranking.popularity import Popularity
from tfmetric.evaluation.ranking.ranking import ranking, ranking_of_scores
from tfmetric.evaluation.ranking.result import RankingResult
from tfmetric.evaluation.retrieval.figures import (
    RetrievalFigure,
    register_figure,
    retrieval_figures,
    unregister_figure,
)
from tfmetric.evaluation.retrieval.result import RetrievalResult
from tfmetric.evaluation.retrieval.retrieval import retrieval
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_interval
from tfmetric.evaluation.statistics.group_table import GroupRow, GroupTable, group_table
from tfmetric.evaluation.verification.calibration import Calibration, calibrate
from tfmetric.evaluation.verification.calibration_on_new_pairs import CalibrationTest
from tfmetric.evaluation.verification.fairness import Differential, FairnessResult, fairness
from tfmetric.evaluation.verification.kfold import FoldsResult, kfold_verification
from tfmetric.evaluation.verification.operating_points import Curve, ThresholdFigures
from tfmetric.evaluation.verification.result import VerificationResult
from tfmetric.evaluation.verification.verification import verification, verification_from_distances

__all__ = [
    "Calibration",
    "CalibrationTest",
    "ClassificationResult",
    "ClusteringResult",
    "Curve",
    "Differential",
    "Evaluation",
    "FairnessResult",
    "FewShotResult",
    "FoldsResult",
    "GroupRow",
    "GroupTable",
    "HealthResult",
    "OneShotResult",
    "OneShotRun",
    "Popularity",
    "RankingResult",
    "RelationEvaluation",
    "RetrievalFigure",
    "RetrievalResult",
    "SimilarityResult",
    "ThresholdFigures",
    "VerificationResult",
    "bootstrap_interval",
    "calibrate",
    "clustering",
    "ease_scores",
    "embed",
    "evaluate",
    "evaluate_relation",
    "fairness",
    "few_shot",
    "group_table",
    "health",
    "ials_scores",
    "item_knn_scores",
    "kfold_verification",
    "knn",
    "nearest_class_mean",
    "one_shot",
    "popularity_scores",
    "ranking",
    "ranking_of_scores",
    "read_one_shot_runs",
    "register_figure",
    "retrieval",
    "retrieval_figures",
    "similarity",
    "unregister_figure",
    "verification",
    "verification_from_distances",
]

__getattr__ = answering(__name__)
