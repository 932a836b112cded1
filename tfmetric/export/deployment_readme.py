"""Writes the README of a deployment, with requests for its models."""

import math

from tfmetric.export.encoded_inputs import Encoding
from tfmetric.export.sides import asking, read_sides

_FILES = {"image_bytes": "picture.png", "wav_bytes": "recording.wav"}

_START = """\
# Serving {names} with TensorFlow Serving

Written by `tfmetric serve-config`. The models are not copied: the files hold their paths.

| File | Purpose |
|---|---|
| `models.config` | which models, and how many of their newest versions |
| `batching.config` | when requests are answered together |
| `monitoring.config` | figures for Prometheus at `/monitoring/prometheus/metrics` |
| `docker-compose.yml` | one machine: `docker compose up` |
| `kubernetes.yaml` | a cluster: `kubectl apply -f kubernetes.yaml` |

The image is `{image}`. Take one of the version of the TensorFlow that wrote the models
({tensorflow}), or a newer one. A new version under a model's directory is served within a second or
two; the older one answers until then. On Kubernetes the models lie on a volume, claimed as
`models`, which holds {paths}.

With batching on, as here, `k` must come for each row: rows (`"instances"`) do that by themselves,
columns (`"inputs"`) need a list. Answers have as many neighbours as the largest k among the
requests that were answered together: take the first k of each. Requests that come together must
have one shape but for the number of rows, or all of them are refused: give each `exclude` of a
model the same width (an id may be repeated), or switch batching off.
"""

_MODEL = """
## {name}

Signatures: {signatures}. Inputs: {takes}.

```
curl http://localhost:8501/v1/models/{name}            # is it there?
curl http://localhost:8501/v1/models/{name}/metadata   # names, types and shapes
```
"""

_ARRAYS = """
```
{body}
curl -d @request.json http://localhost:8501/v1/models/{name}:predict
```
"""

_BYTES = """
The bytes of a file, in base64:

```
echo '{{"signature_name": "{signature}", "instances": [{{"{given}": {{"b64": "'"$(base64 -w0 \
{file})"'"}}{k}}}]}}' > request.json
curl -d @request.json http://localhost:8501/v1/models/{name}:predict
```
"""

_PYTHON = """
From Python, by REST:

```python
import json
import urllib.request

{setup}
request = {{"signature_name": "{signature}", "instances": [{row}]}}
url = "http://localhost:8501/v1/models/{name}:predict"
with urllib.request.urlopen(url, json.dumps(request).encode(), timeout=10) as answer:
    print(json.load(answer)["predictions"][0])
```

By gRPC, which is faster for arrays (`pip install tensorflow-serving-api`):

```python
import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel("localhost:8500"))
request = predict_pb2.PredictRequest()
request.model_spec.name = "{name}"
request.model_spec.signature_name = "{signature}"
{fill}
answer = stub.Predict(request, timeout=10).outputs
print({{name: tf.make_ndarray(value) for name, value in answer.items()}})
```
"""


def text(models, image: str) -> str:
    """The README.

    Args:
        models: Of :func:`tfmetric.export.deployment.find`.
        image: Of the server.
    """
    names = [model.name for model in models]
    start = _START.format(
        names=", ".join(names),
        image=image,
        tensorflow=", ".join(sorted({m.metadata.get("tensorflow", "?") for m in models})),
        paths=", ".join(f"`{name}/<version>/`" for name in names),
    )
    return start + "".join(_of(model) for model in models)


def _of(model):
    about = model.metadata
    sides = read_sides(about)
    side, encoding = asking(sides), asking(sides).encoding
    searched = about["gallery_size"] > 0
    signatures = about.get("signatures") or ["embed", *(["search"] if searched else [])]
    verb = "search" if searched else "embed" + "_query" * (len(sides) > 1)
    parts = [
        _MODEL.format(
            name=model.name,
            signatures=", ".join(f"`{name}`" for name in signatures),
            takes=". ".join(_takes(one) for one in sides.values()),
        )
    ]
    if side.takes_arrays:
        parts.append(_ARRAYS.format(name=model.name, body=_body(verb, side.takes.arrays, searched)))
    if encoding is not None:
        k = ', "k": 5' if searched else ""
        parts.append(
            _BYTES.format(
                name=model.name,
                signature=f"{verb}_bytes",
                k=k,
                given=encoding.name,
                file=_FILES[encoding.name],
            )
        )
    one = side.takes.arrays if side.takes_arrays else encoding
    parts.append(_python(model.name, verb, one, searched))
    return "".join(parts)


def _takes(side):
    takes = []
    if side.takes_arrays:
        arrays = side.takes.arrays.items()
        takes.append(" and ".join(_axes(name, *one) for name, one in arrays))
    if side.encoding is not None:
        takes.append(f"`{side.encoding.name}`, B files ({side.encoding.files})")
    return f"{side.name} side: " * bool(side.name) + "; or ".join(takes)


def _axes(name, shape, dtype):
    axes = "".join(f" × {'any' if side is None else side}" for side in shape)
    return f"`{name}`, B{axes} {dtype}"


def _body(verb, arrays, searched):
    """Returns the shell lines that write request.json."""
    k = ', "k": 5' if searched else ""
    if all(dtype == "string" or _size(shape) <= 16 for shape, dtype in arrays.values()):
        given = ", ".join(f'"{name}": {_literal(*one)}' for name, one in arrays.items())
        row = f"{{{given}{k}}}"
        return f'echo \'{{"signature_name": "{verb}", "instances": [{row}]}}\' > request.json'
    rows = ", ".join(f'"{name}": {_zeros(*one)}.tolist()' for name, one in arrays.items())
    if len(arrays) == 1:
        ((name, one),) = arrays.items()
        start, rows = f"x = {_zeros(*one)}; ", f'"{name}": x.tolist()'
    else:
        start = ""
    return (
        f"python -c 'import json, numpy as np; {start}print(json.dumps("
        f'{{"signature_name": "{verb}", "instances": [{{{rows}{k}}}]}}'
        "))' > request.json"
    )


def _sides(shape):
    return tuple(32 if side is None else side for side in shape)


def _size(shape):
    return math.prod(_sides(shape))


def _zeros(shape, dtype):
    whole = ', "int64"' if dtype.startswith(("int", "uint")) and dtype != "uint8" else ""
    return f"np.zeros({_sides(shape)}{whole})"


def _literal(shape, dtype):
    value = '"some text"' if dtype == "string" else "0" if "int" in dtype else "0.0"
    for side in reversed(_sides(shape)):
        value = "[" + ", ".join([value] * side) + "]"
    return value


def _python(name, verb, takes, searched):
    """Returns the Python lines of a request, from arrays by name or from an encoded file."""
    fill, signature = [], verb
    if isinstance(takes, Encoding):
        file = _FILES[takes.name]
        setup = (
            "import base64\n\n"
            f'with open("{file}", "rb") as file:\n'
            "    encoded = base64.b64encode(file.read()).decode()"
        )
        row, signature = f'{{"{takes.name}": {{"b64": encoded}}', f"{verb}_bytes"
        fill = [_filled(takes.name, f'[open("{file}", "rb").read()]')]
    elif len(takes) == 1:
        ((given, (shape, dtype)),) = takes.items()
        text = dtype == "string"
        setup = f"x = {_literal(shape, dtype)}"
        if not text:
            setup = f"import numpy as np\n\nx = {_zeros(shape, dtype)}  # One example"
            like = ", ".join(map(str, (1, *_sides(shape))))
            fill = [f'x = np.zeros(({like}), "{dtype}")']
        row = f'{{"{given}": x' if text else f'{{"{given}": x.tolist()'
        fill.append(_filled(given, f"[{_literal(shape, dtype)}]" if text else "x"))
    else:
        setup = "import numpy as np"
        rows = ", ".join(f'"{given}": {_literal_or_zeros(*one)}' for given, one in takes.items())
        row = f"{{{rows}"
        for given, (shape, dtype) in takes.items():
            like = ", ".join(map(str, (1, *_sides(shape)))) + ("," if not shape else "")
            text = dtype == "string"
            value = f"[{_literal(shape, dtype)}]" if text else f'np.zeros(({like}), "{dtype}")'
            fill.append(_filled(given, value))
    row += ', "k": 5}' if searched else "}"
    if searched:
        fill.append(_filled("k", 'np.array([5], "int32")'))
    return _PYTHON.format(
        name=name, signature=signature, setup=setup, row=row, fill="\n".join(fill)
    )


def _literal_or_zeros(shape, dtype):
    if dtype == "string" or not shape:
        return _literal(shape, dtype)
    return f"{_zeros(shape, dtype)}.tolist()"


def _filled(name, value):
    return f'request.inputs["{name}"].CopyFrom(tf.make_tensor_proto({value}))'
