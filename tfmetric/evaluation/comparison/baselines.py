"""The fair baseline of each kind of data, in one table: results without learning.

A baseline turns examples into vectors by a fixed rule. Its retrieval figures show the worth of the
learned embedding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric.elements import Element
from tfmetric.evaluation.examples_and_labels import count_of, inputs_of

# Comparing raw inputs is a matrix product as wide as the inputs. Beyond this many multiplications
# (about 10 s on two cores) queries are sampled; beyond this memory there is no baseline.
MOST_PRODUCTS = 2.5e11
MOST_BYTES = 2**31
_ROWS = 256


@dataclass(frozen=True)
class Baseline:
    """A rule that turns examples into vectors.

    Attributes:
        title: The name for people.
        vectors: Function of (inputs, inputs to fit means and vocabularies on, element or None) that
            returns vectors (N, D), an array or a SciPy sparse matrix.
        distance: The distance between the vectors; None for the model's distance.
    """

    title: str
    vectors: Callable[[Any, Any, Element | None], Any]
    distance: str | None = None


def baseline_of(data: Any) -> Baseline:
    """Returns the baseline for data, by the kind of its element, else by the type of its arrays."""
    element = getattr(data, "element", None)
    if element is not None:
        return BY_KIND[element.kind]
    inputs = inputs_of(data)
    if isinstance(inputs, dict):
        return BY_KIND["record"]
    return BY_KIND["text"] if inputs.dtype.kind == "O" else RAW


def width_of(data: Any) -> int | None:
    """Returns the number of values of an example; None if it varies or is not numeric."""
    element = getattr(data, "element", None)
    if element is not None:
        return None if None in element.shape or not element.shape else int(np.prod(element.shape))
    inputs = inputs_of(data)
    if isinstance(inputs, dict) or inputs.dtype.kind not in "fiub":
        return None
    return int(np.prod(inputs.shape[1:]))


def _flat(inputs, fitted_on, element):
    return inputs.reshape(len(inputs), -1)


def _standardised(inputs, fitted_on, element):
    """Standardises columns; a constant column becomes 0."""
    fitted_on = fitted_on.reshape(len(fitted_on), -1).astype(np.float64)
    deviation = fitted_on.std(axis=0)
    flat = inputs.reshape(len(inputs), -1) - fitted_on.mean(axis=0)
    return (flat / np.where(deviation > 0, deviation, 1.0)).astype(np.float32)


def _tf_idf(inputs, fitted_on, element):
    """Computes TF-IDF vectors of character 2- to 5-grams within words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    try:
        vectorizer.fit(fitted_on.reshape(-1).tolist())
    except ValueError:  # Blank texts give no vocabulary.
        return np.zeros((len(inputs), 1), np.float32)
    return vectorizer.transform(inputs.reshape(-1).tolist())


def _over_time(values, lengths):
    """Returns mean and deviation over the first axis of each example, (N, 2·D), without padding."""
    values = values.reshape(*values.shape[:2], -1).astype(np.float64)
    if lengths is None:
        lengths = np.full(len(values), values.shape[1])
    inside = (np.arange(values.shape[1]) < np.asarray(lengths)[:, None])[..., None]
    count = np.maximum(inside.sum(axis=1), 1)
    mean = np.where(inside, values, 0.0).sum(axis=1) / count
    square = np.where(inside, (values - mean[:, None]) ** 2, 0.0).sum(axis=1) / count
    return np.concatenate([mean, np.sqrt(square)], axis=1)


def _parts(inputs):
    """Returns values and lengths of examples of fixed or free length."""
    return (inputs["values"], inputs["length"]) if isinstance(inputs, dict) else (inputs, None)


def _sequence_vectors(inputs, element):
    return _over_time(*_parts(inputs))


def _mel_vectors(inputs, element):
    """Returns mean and deviation of each band of the log-mel spectrum, (N, 2·bands)."""
    from tfmetric.layers import LogMelSpectrogram

    rate = element.options["sampling_rate"]
    layer = LogMelSpectrogram(rate)
    values, lengths = _parts(inputs)
    found = []
    for start in range(0, len(values), _ROWS):
        part = slice(start, start + _ROWS)
        rows = np.asarray(layer(values[part]))
        steps = None
        if lengths is not None:
            steps = -(-np.asarray(lengths[part]) // layer.step_samples)
        found.append(_over_time(rows, steps))
    return np.concatenate(found) if found else np.zeros((0, 1))


def _frame_vectors(inputs, element):
    """Returns the mean frame, flattened."""
    values, lengths = _parts(inputs)
    return np.concatenate(
        [
            _over_time(values[i : i + 1], None if lengths is None else lengths[i : i + 1])
            for i in range(len(values))
        ]
        or [np.zeros((0, 2))]
    )[:, : int(np.prod(values.shape[2:]))]


def _then_standardised(vectors):
    def both(inputs, fitted_on, element):
        own = vectors(inputs, element)
        others = own if fitted_on is inputs else vectors(fitted_on, element)
        return _standardised(own, others, element)

    return both


def _record(inputs, fitted_on, element):
    """Concatenates the vectors of all fields, each scaled to length 1 (or 0)."""
    from scipy import sparse
    from sklearn.preprocessing import normalize

    fields = element.fields if element is not None else dict.fromkeys(inputs)
    blocks = []
    for name, part in fields.items():
        own, others = (_field(side, name) for side in (inputs, fitted_on))
        if part is not None:
            rule = BY_KIND[part.kind]
        else:
            rule = BY_KIND["text"] if own.dtype.kind == "O" else BY_KIND["vector"]
        blocks.append(normalize(sparse.csr_matrix(rule.vectors(own, others, part))))
    return sparse.hstack(blocks).tocsr()


def _field(inputs, name):
    lengths = inputs.get(f"{name}_length")
    return inputs[name] if lengths is None else {"values": inputs[name], "length": lengths}


RAW = Baseline("raw inputs", _flat)
BY_KIND = {
    "image": RAW,
    "text": Baseline("TF-IDF of character 2-5-grams", _tf_idf, "cosine"),
    "audio": Baseline(
        "mean and deviation of the log-mel spectrum", _then_standardised(_mel_vectors), "euclidean"
    ),
    "vector": Baseline("standardised columns", _standardised),
    "sequence": Baseline(
        "mean and deviation over time", _then_standardised(_sequence_vectors), "euclidean"
    ),
    "video": Baseline("mean frame", lambda inputs, fitted_on, e: _frame_vectors(inputs, e)),
    "record": Baseline("all fields beside each other", _record, "cosine"),
}


def example_count(data: Any) -> int:
    """Returns the number of examples."""
    return len(data.labels) if hasattr(data, "labels") else count_of(inputs_of(data))
