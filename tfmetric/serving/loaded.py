"""A loaded version of a model: the graph, a session and the named signatures.

The session loader loads it as TensorFlow Serving does, so the same graph runs here and there.
Closing a version frees its memory.
"""

from pathlib import Path

import numpy as np

from tfmetric.serving.refusals import CODES, Refused, invalid, said

DEFAULT = "serving_default"
WARMUP = "assets.extra/tf_serving_warmup_requests"


class Loaded:
    """A loaded version; safe to use from several threads.

    Attributes:
        name: Of the model.
        version: Its number.
        signatures: SignatureDef by name.
    """

    def __init__(self, name: str, path: Path):
        import tensorflow as tf

        self.name = name
        self.version = int(path.name)
        if not (path / "saved_model.pb").is_file():
            raise FileNotFoundError(f"there is no saved_model.pb in {path}")
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        try:
            with graph.as_default():
                loaded = tf.compat.v1.saved_model.load(self._session, ["serve"], str(path))
            self.signatures = dict(loaded.signature_def)
            self._warm_up(path / WARMUP)
        except BaseException:
            self._session.close()
            raise

    def signature(self, name: str):
        """Returns the SignatureDef of a name (the default if empty), or None."""
        # TensorFlow reserves names with this prefix.
        return None if name.startswith("__") else self.signatures.get(name or DEFAULT)

    def predict(self, name: str, inputs: dict, outputs=()) -> dict:
        """Runs a signature.

        Args:
            name: Of the signature; empty for the default one.
            inputs: Arrays by the names of the inputs.
            outputs: Names of the requested outputs; empty for all.

        Returns:
            Arrays by the names of the outputs.

        Raises:
            Refused: If the request does not fit, or the graph refuses it.
        """
        import tensorflow as tf

        signature = self.signature(name)
        if signature is None:
            raise Refused(
                "FAILED_PRECONDITION", f'Serving signature key "{name or DEFAULT}" not found.'
            )
        feeds = _feeds(signature, inputs)
        fetches = _fetches(signature, outputs)
        try:
            found = self._session.run(fetches, feeds)
        except tf.errors.OpError as error:
            raise Refused(CODES.get(error.error_code, "UNKNOWN"), said(error)) from error
        # A single string is returned as bytes.
        return {
            key: value if hasattr(value, "dtype") else np.array(value, object)
            for key, value in found.items()
        }

    def close(self) -> None:
        """Frees the memory; the version cannot be used afterwards."""
        self._session.close()

    def _warm_up(self, path):
        """Runs the warm-up requests, so that requests are fast; an error fails the version."""
        if not path.is_file():
            return
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2

        for record in tf.compat.v1.io.tf_record_iterator(str(path)):
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") == "predict_log":
                asked = log.predict_log.request
                inputs = {key: tf.make_ndarray(value) for key, value in asked.inputs.items()}
                self.predict(asked.model_spec.signature_name, inputs, asked.output_filter)


def _feeds(signature, inputs):
    import tensorflow as tf

    extra, missing = set(inputs) - set(signature.inputs), set(signature.inputs) - set(inputs)
    if extra or missing:
        raise invalid(
            f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} ",
            f"len({_names(inputs)}) != len({_names(signature.inputs)}). ",
            f"Sent extra: {_names(extra)}. Missing but required: {_names(missing)}.",
        )
    feeds = {}
    for name, value in inputs.items():
        info = signature.inputs[name]
        wanted = tf.dtypes.as_dtype(info.dtype)
        if wanted != tf.string and value.dtype != wanted.as_numpy_dtype:
            raise invalid(f"Expected {name} to be of type {wanted.name} but got {value.dtype.name}")
        if (wanted == tf.string) != (value.dtype == object):
            raise invalid(f"Expected {name} to be of type {wanted.name} but got {value.dtype.name}")
        shape = tf.TensorShape(info.tensor_shape)
        if not shape.is_compatible_with(value.shape):
            raise invalid(f"Expected {name} to be of shape {shape} but got {list(value.shape)}")
        feeds[info.name] = value
    return feeds


def _fetches(signature, outputs):
    outputs = list(outputs)
    for name in outputs:
        if name not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} ",
                f"Outputs expected to be in the set {_names(signature.outputs)}.",
            )
        if outputs.count(name) > 1:
            raise invalid(f"duplicate output tensor alias: {name}")
    return {name: signature.outputs[name].name for name in outputs or sorted(signature.outputs)}


def _names(names):
    return "{" + ",".join(sorted(names)) + "}"
