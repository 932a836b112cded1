import json
import re

import numpy as np
import pytest
from support.exported import identity, images

from tfmetric import export
from tfmetric.export.deployment import FILES, find
from tfmetric.export.yaml_text import yaml


@pytest.fixture(scope="module")
def models(model, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    x = images(5)
    export.save(model, root / "faces", gallery=(x, np.arange(5)), inputs=("tensor", "image_bytes"))
    export.save(identity(), root / "plain-3")
    (root / "notes").mkdir()
    return root


@pytest.fixture(scope="module")
def written(models, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "deployment"
    paths = export.serve_config(models, output, num_versions=2)
    assert [path.name for path in paths] == list(FILES)
    return output


def message(name, *fields):
    """A message class made from the published field numbers: (name, number, type[, message])."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    package = f"deployment_{name.lower()}"
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    nested = file.message_type.add(name="Nested")
    nested.field.add(name="enable", number=1, type=8, label=1)
    nested.field.add(name="path", number=2, type=9, label=1)
    entry = file.message_type.add(name=name)
    for field, number, of in fields:
        of = f".{package}.Nested" if of == "Nested" else f".google.protobuf.{of}"
        entry.field.add(name=field, number=number, type=11, type_name=of, label=1)
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def test_models_config_is_what_the_server_reads(written, models):
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    from google.protobuf import text_format

    text = (written / "models.config").read_text()
    parsed = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert [one.name for one in parsed] == ["faces", "plain-3"]
    assert [one.base_path for one in parsed] == ["/models/faces", "/models/plain-3"]
    assert {one.model_platform for one in parsed} == {"tensorflow"}
    assert {one.model_version_policy.latest.num_versions for one in parsed} == {2}


def test_batching_and_monitoring_have_the_fields_of_their_messages(written):
    # The classes of these two come with no package.
    from google.protobuf import text_format

    batching = message(
        "BatchingParameters",
        ("max_batch_size", 1, "Int64Value"),
        ("batch_timeout_micros", 2, "Int64Value"),
        ("max_enqueued_batches", 3, "Int64Value"),
        ("num_batch_threads", 4, "Int64Value"),
    )
    parsed = text_format.Parse((written / "batching.config").read_text(), batching())
    assert parsed.max_batch_size.value == 64
    assert parsed.batch_timeout_micros.value == 1000
    monitoring = message("MonitoringConfig", ("prometheus_config", 1, "Nested"))
    parsed = text_format.Parse((written / "monitoring.config").read_text(), monitoring())
    assert parsed.prometheus_config.enable
    assert parsed.prometheus_config.path == "/monitoring/prometheus/metrics"


def test_the_compose_file_starts_the_server_on_these_models(written, models):
    parsed = pytest.importorskip("yaml").safe_load((written / "docker-compose.yml").read_text())
    service = parsed["services"]["serving"]
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", service["image"])
    assert service["ports"] == ["8500:8500", "8501:8501"]
    found = {mount["target"]: mount["source"] for mount in service["volumes"]}
    for target, source in found.items():
        expected = models / target.split("/")[-1] if "models" in target else written
        assert (written / source).resolve() == expected.resolve()
    assert all(mount["read_only"] is True for mount in service["volumes"])
    # Each file that the server is told to read is mounted, and is there.
    named = [value.split("=/config/")[1] for value in service["command"] if "/config/" in value]
    assert sorted(named) == ["batching.config", "models.config", "monitoring.config"]
    assert all((written / name).is_file() for name in named)


def test_the_manifest_is_valid_kubernetes(written):
    parsed = list(
        pytest.importorskip("yaml").safe_load_all((written / "kubernetes.yaml").read_text())
    )
    assert [part["kind"] for part in parsed] == ["ConfigMap", "Deployment", "Service"]
    config, deployment, service = parsed
    for name, text in config["data"].items():
        assert text == (written / name).read_text()
    pod = deployment["spec"]["template"]
    for labels in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]):
        assert labels.items() <= pod["metadata"]["labels"].items()
    (container,) = pod["spec"]["containers"]
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports


def test_the_manifest_fits_the_published_schema(written):
    yaml_package = pytest.importorskip("yaml")
    validate = pytest.importorskip("kubernetes_validate").validate
    for part in yaml_package.safe_load_all((written / "kubernetes.yaml").read_text()):
        validate(part, "1.30", strict=True)


def test_the_readme_asks_for_what_the_models_take(written, models):
    text = (written / "README.md").read_text()
    assert "give each `exclude`" in text
    assert "`inputs`, B × 8 × 8 × 1 float32; or `image_bytes`" in text
    assert '"signature_name": "search_bytes"' in text
    assert '{"signature_name": "embed", "instances": [{"inputs": [0.0, 0.0, 0.0]}]}' in text
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        compile(block, "README.md", "exec")
    # The line that writes the request makes what the model answers.
    line = re.search(r"python -c '(.*)' > request.json", text)[1]
    made = []
    exec(line.replace("print(", "made.append("), {"made": made})
    request = json.loads(made[0])
    (row,) = request["instances"]
    found = export.load(models / "faces").search(np.array([row["inputs"]]), row["k"])
    assert found.ids.shape == (1, 5)
    assert request["signature_name"] == "search"


def test_one_model_and_a_second_time(models, tmp_path):
    for _ in range(2):
        export.serve_config(models / "plain-3", tmp_path, image="registry:5000/serving@sha256:ab")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert [model.name for model in find(models / "plain-3")] == ["plain-3"]
    assert "registry:5000/serving@sha256:ab" in (tmp_path / "docker-compose.yml").read_text()


def test_texts_and_bytes_alone_have_requests_of_their_own(tmp_path):
    from tfmetric.export import deployment_readme
    from tfmetric.export.deployment import Model

    about = {"input_shape": [], "input_dtype": "string", "inputs": ["text"], "gallery_size": 3}
    text = deployment_readme.text([Model("t", tmp_path, about, 1)], "image")
    assert '"instances": [{"inputs": "some text", "k": 5}]' in text
    about = {**about, "input_shape": [9, 9, 3], "input_dtype": "float32", "inputs": ["image_bytes"]}
    text = deployment_readme.text([Model("t", tmp_path, about, 1)], "image")
    assert "inputs`" not in text.split("## t")[1]
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(block, "README.md", "exec")


def test_two_sides_are_asked_by_the_side_of_the_queries(tmp_path):
    from tfmetric.export import deployment_readme
    from tfmetric.export.deployment import Model

    query = {"input_shape": [], "input_dtype": "string", "inputs": ["text"]}
    files = {"input_shape": [9, 9, 3], "input_dtype": "float32", "inputs": ["image_bytes"]}
    about = {"sides": {"query": query, "candidate": files}, "gallery_size": 0}
    text = deployment_readme.text([Model("t", tmp_path, about, 1)], "image")
    assert '{"signature_name": "embed_query", "instances": [{"inputs": "some text"}]}' in text
    assert "query side: `inputs`, B string. candidate side: `image_bytes`, B files" in text


def test_what_is_wrong_is_named(models, tmp_path):
    (tmp_path / "my model" / "1").mkdir(parents=True)
    (tmp_path / "my model" / "1" / "saved_model.pb").touch()
    (tmp_path / "file").touch()
    for arguments, error, says in (
        ((tmp_path / "none",), FileNotFoundError, "a model with versions from export.save"),
        ((models / "notes",), FileNotFoundError, "a model with versions from export.save"),
        ((tmp_path,), ValueError, "rename it"),
        ((models, tmp_path / "file"), ValueError, "output to be a directory"),
        ((models, tmp_path / "out", "a b"), ValueError, "the name of an image"),
        ((models, tmp_path / "out", "a", 0), ValueError, "num_versions to be"),
    ):
        with pytest.raises(error, match=says):
            export.serve_config(*arguments)
    assert not (tmp_path / "out").exists()


def test_yaml_comes_back_as_it_was():
    package = pytest.importorskip("yaml")
    value = {
        "a": [{"b": "yes: no # \" '", "c": [1, True]}, "x\n  y: {\n", ["é", "off"]],
        "d/e": {"text": "one\ntwo\n", "n": 8500},
    }
    assert package.safe_load(yaml(value)) == value
