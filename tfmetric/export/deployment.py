"""Writes the files to deploy exported models with the official TensorFlow Serving image.

Reference: tensorflow_serving/config/model_server_config.proto and monitoring_config.proto,
tensorflow_serving/servables/tensorflow/session_bundle_config.proto (BatchingParameters).
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric._model_name import model_name
from tfmetric.export import deployment_readme
from tfmetric.export.versions import versions
from tfmetric.export.yaml_text import yaml
from tfmetric.typing import PathLike

IMAGE = "tensorflow/serving:2.21.0"
FILES = (
    "models.config",
    "batching.config",
    "monitoring.config",
    "docker-compose.yml",
    "kubernetes.yaml",
    "README.md",
)
_GRPC, _REST = 8500, 8501
_METRICS = "/monitoring/prometheus/metrics"
# Memory of the server itself, and of a version beside its replacement.
_MEBIBYTES, _COPIES = 512, 2


@dataclass(frozen=True)
class Model:
    """A model with the metadata of its newest version.

    Attributes:
        name: Name of its directory, which clients use.
        path: The parent of its versions.
        metadata: Of the newest version.
        size: Of the newest version, in bytes.
    """

    name: str
    path: Path
    metadata: dict
    size: int


def serve_config(
    directory: PathLike, output: PathLike = "deployment", image: str = IMAGE, num_versions: int = 1
) -> list[Path]:
    """Writes the configuration for TensorFlow Serving to serve exported models.

    ``models.config``, ``batching.config`` and ``monitoring.config`` for the server,
    ``docker-compose.yml`` and ``kubernetes.yaml`` to start it, and a ``README.md`` with requests
    for these models. The files are plain text for you to read and change.

    Args:
        directory: The directory of one model, with versions from :func:`tfmetric.export.save`, or a
            directory of several models.
        output: Directory to write to; existing files of these names are replaced.
        image: The image of the server.
        num_versions: Number of newest versions of a model to serve.

    Returns:
        The paths of the files.

    Raises:
        FileNotFoundError: If there is no exported version.
        ValueError: If a name cannot be part of a URL, or an argument does not fit.

    Example:

    >>> import tempfile
    >>> import tfmetric as tm
    >>> folder = tempfile.mkdtemp()
    >>> path = tm.export.save(tm.models.embedder((4,), embedding_dim=2), folder + "/four")
    >>> [path.name for path in serve_config(folder, folder + "/deployment")][:2]
    ['models.config', 'batching.config']
    """
    whole = isinstance(num_versions, int) and not isinstance(num_versions, bool)
    if not whole or num_versions < 1:
        raise ValueError(
            expected("num_versions to be an integer above 0", num_versions=num_versions)
        )
    if not re.fullmatch(r"[\w./:@-]+", image, re.ASCII):
        raise ValueError(expected("the name of an image", image=image))
    output = Path(output)
    if output.exists() and not output.is_dir():
        raise ValueError(expected("output to be a directory", output=str(output)))
    models = find(directory)
    settings = {
        "models.config": _models(models, num_versions),
        "batching.config": _BATCHING,
        "monitoring.config": _MONITORING,
    }
    texts = {
        **settings,
        "docker-compose.yml": yaml(_compose(models, image, output)),
        "kubernetes.yaml": "---\n".join(
            yaml(part) for part in _kubernetes(models, settings, image, num_versions)
        ),
        "README.md": deployment_readme.text(models, image),
    }
    written = []
    for name, text in texts.items():
        with replacing(output / name) as draft:
            draft.write_text(text, encoding="utf-8")
        written.append(output / name)
    return written


def find(directory) -> list[Model]:
    """Returns the models in a directory, or of the directory itself, sorted by name."""
    directory = Path(directory)
    if versions(directory):
        paths = [directory.resolve()]
    elif directory.is_dir():
        paths = [path for path in sorted(directory.iterdir()) if versions(path)]
    else:
        paths = []
    if not paths:
        raise FileNotFoundError(
            expected(
                "the directory of a model with versions from export.save, or of several models",
                directory=str(directory),
            )
        )
    for path in paths:
        model_name(path)
    return [_model(path) for path in paths]


def _model(path):
    newest = path / str(versions(path)[-1])
    metadata = newest / "assets.extra" / "tfmetric.json"
    if not metadata.is_file():
        raise FileNotFoundError(expected("a version from export.save", path=str(newest)))
    size = sum(file.stat().st_size for file in newest.rglob("*") if file.is_file())
    return Model(path.name, path, json.loads(metadata.read_text()), size)


def _models(models, num_versions):
    lines = ["model_config_list {"]
    for model in models:
        lines += [
            "  config {",
            f'    name: "{model.name}"',
            f'    base_path: "/models/{model.name}"',
            '    model_platform: "tensorflow"',
            "    model_version_policy {",
            f"      latest {{ num_versions: {num_versions} }}",
            "    }",
            "  }",
        ]
    return "\n".join([*lines, "}", ""])


_BATCHING = """\
# Requests that come within a millisecond of each other are answered together. Such requests must
# give k for each row, "k": [5, 5], or as rows do by themselves; see README.md.
max_batch_size { value: 64 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 1000 }
"""

_MONITORING = f"""\
prometheus_config {{
  enable: true
  path: "{_METRICS}"
}}
"""


def _arguments():
    return [
        "--model_config_file=/config/models.config",
        "--model_config_file_poll_wait_seconds=60",
        "--enable_batching=true",
        "--batching_parameters_file=/config/batching.config",
        "--monitoring_config_file=/config/monitoring.config",
    ]


def _compose(models, image, output):
    # Relative to the file, so that both can be moved together.
    mounts = [
        {
            "type": "bind",
            "source": _relative(model.path, output),
            "target": f"/models/{model.name}",
            "read_only": True,
        }
        for model in models
    ]
    config = {"type": "bind", "source": ".", "target": "/config", "read_only": True}
    service = {
        "image": image,
        "command": _arguments(),
        "ports": [f"{_GRPC}:{_GRPC}", f"{_REST}:{_REST}"],
        "volumes": [*mounts, config],
        "healthcheck": {
            # The image has no curl.
            "test": ["CMD", "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{_REST}"],
            "interval": "10s",
            "start_period": "60s",
        },
        "restart": "unless-stopped",
    }
    return {"services": {"serving": service}}


def _relative(path, output):
    relative = Path(os.path.relpath(path.resolve(), output.resolve())).as_posix()
    return relative if relative.startswith(".") else f"./{relative}"


def _kubernetes(models, settings, image, num_versions):
    name = "tfmetric-serving"
    labels = {"app": name}
    size = sum(model.size for model in models) * (num_versions + _COPIES - 1) // 2**20
    memory = {"memory": f"{_MEBIBYTES + size}Mi"}
    # A probe has one address, so it asks for the first model.
    probe = {"httpGet": {"path": f"/v1/models/{models[0].name}", "port": _REST}}
    container = {
        "name": "serving",
        "image": image,
        "args": _arguments(),
        "ports": [
            {"name": "grpc", "containerPort": _GRPC},
            {"name": "rest", "containerPort": _REST},
        ],
        "resources": {"requests": memory},
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {"tcpSocket": {"port": _REST}, "periodSeconds": 10},
        "volumeMounts": [
            {"name": "models", "mountPath": "/models", "readOnly": True},
            {"name": "config", "mountPath": "/config", "readOnly": True},
        ],
    }
    volumes = [
        {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        {"name": "config", "configMap": {"name": name}},
    ]
    scraped = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(_REST),
        "prometheus.io/path": _METRICS,
    }
    template = {
        "metadata": {"labels": labels, "annotations": scraped},
        "spec": {"containers": [container], "volumes": volumes},
    }
    metadata = {"name": name, "labels": labels}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": settings},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": labels,
                "ports": [
                    {"name": "grpc", "port": _GRPC, "targetPort": "grpc"},
                    {"name": "rest", "port": _REST, "targetPort": "rest"},
                ],
            },
        },
    ]
