"""Tests Keras for ``tfmetric doctor``, in a separate process that may die.

Run it by its path. It prints a line of JSON for each test, as soon as it ends.
"""

import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main():
    """Runs the tests in turn; a failure does not stop the next."""
    for name, attempt in (
        ("backend", _backend),
        ("devices", _devices),
        ("import", _import),
        ("training", lambda: _step(False)),
        ("XLA", lambda: _step(True)),
        ("mixed precision", _mixed_precision),
    ):
        _say(name, "started", "")
        started = time.perf_counter()
        try:
            status, text = attempt()
        except Exception as error:  # Any error is the answer.
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            status, text = "failed", f"{type(error).__name__}: {lines[0] if lines else ''}"
        _say(name, status, f"{text} ({time.perf_counter() - started:.1f} s)")


def _say(name, status, text):
    print(json.dumps({"check": name, "status": status, "text": text}), flush=True)


def _backend():
    import keras

    # The package of the backend, imported by Keras or not yet.
    version = __import__(keras.config.backend()).__version__
    return "ok", f"Keras {keras.__version__} on {keras.config.backend()} {version} starts"


def _devices():
    import keras

    if keras.config.backend() == "jax":
        import jax

        found = [(device.platform.upper(), device.device_kind) for device in jax.devices()]
    elif keras.config.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices()
        found = [
            (device.device_type, tf.config.experimental.get_device_details(device))
            for device in devices
        ]
        found = [(kind, details.get("device_name", "")) for kind, details in found]
    else:
        return "note", "not known of this backend"
    return "ok", ", ".join(" ".join(filter(None, device)) for device in found)


def _step(jit_compile):
    """Runs one training step on trivial data and a trivial model."""
    import keras
    import numpy as np

    from tfmetric.losses import TripletLoss

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", loss=TripletLoss(), jit_compile=jit_compile)
    x = np.linspace(0, 1, 32, dtype="float32").reshape(8, 4)
    value = float(model.train_on_batch(x, np.arange(8) // 2))
    if not np.isfinite(value):
        return "failed", f"a step of TripletLoss gave {value}"
    return "ok", f"a step of TripletLoss {'compiles and ' if jit_compile else ''}trains"


def _mixed_precision():
    import keras
    import numpy as np

    works = []
    for name in ("bfloat16", "float16"):
        layer = keras.layers.Dense(3, dtype=keras.dtype_policies.DTypePolicy(f"mixed_{name}"))
        out = layer(np.ones((2, 4), "float32"))
        if keras.backend.standardize_dtype(out.dtype) == name:
            works.append(f"mixed_{name}")
    if not works:
        return "failed", "no layer computes in 16 bits"
    return "ok", f"{' and '.join(works)}: layers compute in 16 bits"


def _import():
    import tfmetric

    return "ok", f"tfmetric {tfmetric.__version__} with all its rooms"


if __name__ == "__main__":
    main()
