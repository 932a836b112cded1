"""``tfmetric index``: builds, queries and measures an index of embeddings."""

import json

import click

from tfmetric._whole_numbers import whole_number
from tfmetric.cli.model_embeddings import PARTS, embed_data, ids_and_labels, is_model
from tfmetric.cli.next_steps import say_next
from tfmetric.cli.sources import Source
from tfmetric.cli.startup import quiet_start

_DISTANCES = "cosine, euclidean, squared_euclidean, inner_product, manhattan, hamming ..."
_KINDS = ("exact", "flat", "hnsw", "ivf_pq")
_CHUNK = 1000


@click.group()
def index():
    """Build, query and measure an index of embeddings.

    Embeddings come as NumPy files, for example from `tfmetric embed`: EMBEDDINGS.npy of shape (N,
    D), or an .npz archive with the array "embeddings" and, if there is one, "ids" (N,), integers or
    strings.
    """


@index.command()
@click.argument("source", type=click.Path())
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False), help="The file.")
@click.option(
    "--ids",
    type=click.Path(),
    help='Ids as .npy, or a text file with one id per line.  [default: "ids", or 0...]',
)
@click.option("--kind", type=click.Choice(_KINDS), default="exact", show_default=True)
@click.option(
    "--distance",
    help=f"Distance of the loss: {_DISTANCES}.  [default: the model's, or cosine]",
)
@click.option(
    "--storage",
    type=click.Choice(["float32", "float16", "int8", "binary"]),
    default="float32",
    show_default=True,
    help="Of --kind exact.",
)
@click.option(
    "--rescore",
    type=click.Choice(["float32", "float16", "int8"]),
    help="With --storage binary: form of the embeddings kept to rerank the candidates.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Option of the other kinds: links, build_effort, search_effort; lists, probes, "
    "code_size, bits.",
)
@click.option(
    "--dataset",
    type=Source(),
    help="With a model: the data to embed.  [default: the run's data]",
)
@click.option("--data-dir", help="With a model: folder of prepared data of TensorFlow Datasets.")
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="all",
    show_default=True,
    help="With a model: the part of the data.",
)
def build(
    source,
    output,
    ids,
    kind,
    distance,
    storage,
    rescore,
    settings,
    dataset,
    data_dir,
    part,
):
    """Write an index of SOURCE to a file.

    SOURCE is a NumPy file of embeddings; or a model (a .keras file, the directory of a run or of an
    exported model), which embeds its data or the data of --dataset.
    """
    model = is_model(source)
    if not model and (dataset or data_dir):
        raise click.UsageError(
            "Expected a model with --dataset and --data-dir, since a file of embeddings has no "
            "data. "
            f"Received: {source}"
        )
    if model and ids:
        raise click.UsageError("Expected --ids with a file of embeddings: data already has ids.")
    if kind != "exact" and (rescore or storage != "float32"):
        raise click.UsageError(f"--storage and --rescore need --kind exact. Received: {kind}")
    settings = _numbers(settings)
    if model:
        given = {} if data_dir is None else {"data_dir": data_dir}
        parts = embed_data(source, dataset, given, part, 256)
        names, _ = ids_and_labels(parts)
        distance = distance or parts[0].distance
        rows = [found.embeddings for found in parts]
    else:
        rows, names = _read(source, ids)
    distance = distance or "cosine"
    with quiet_start():
        import numpy as np

        from tfmetric import search
        from tfmetric.datasets.progress import progress

        if kind == "exact":
            if rescore:
                settings["rescore"] = rescore
            made = _made(search.ExactIndex, distance, storage=storage, **settings)
        else:
            made = _made(search.FaissIndex, distance, kind=kind, **settings)
    rows = np.concatenate(rows) if model else rows
    # IVF-PQ learns from the first addition.
    step = max(len(rows), 1) if kind in ("ivf_pq", "flat") else 50 * _CHUNK
    with progress(len(rows), "Adding embeddings") as done:
        for start in range(0, len(rows), step):
            made.add(rows[start : start + step], names[start : start + step])
            done(len(rows[start : start + step]))
    made.save(output)
    click.echo(f"Wrote {output}: {made!r}, {made.nbytes / 1e6:,.1f} MB in memory")
    queries = source if not model else "QUERIES.npz"
    say_next(["tfmetric", "index", "query", output, queries, "-k", 5])


@index.command()
@click.argument("file", type=click.Path())
@click.argument("queries", type=click.Path())
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line for each query."
)
def query(file, queries, k, as_json):
    """Find the nearest in the index FILE to each embedding in QUERIES (.npy or .npz)."""
    rows, _ = _read(queries)
    with quiet_start():
        from tfmetric import search
        from tfmetric.datasets.progress import progress

        made = search.load(file)
    if not as_json:
        click.echo(f"{'query':>8} {'rank':>5} {'distance':>12}  id")
    with progress(len(rows), "Searching") as done:
        for start in range(0, len(rows), _CHUNK):
            ids, distances = made.query(rows[start : start + _CHUNK], k)
            done(len(ids))
            pairs = zip(ids.tolist(), (distances + 0.0).tolist(), strict=True)  # No "-0".
            for number, (own, apart) in enumerate(pairs, start):
                if as_json:
                    found = {"query": number, "ids": own, "distances": apart}
                    click.echo(json.dumps(found, ensure_ascii=False))
                    continue
                for rank, (name, distance) in enumerate(zip(own, apart, strict=True), 1):
                    click.echo(f"{number:8} {rank:5} {distance:12.6g}  {name}")


@index.command()
@click.argument("files", type=click.Path(), nargs=-1, required=True)
@click.option("--queries", required=True, type=click.Path(), help=".npy or .npz.")
@click.option("--exact", type=click.Path(), help="Exact index file to compare with, for recall.")
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw recall against speed (.png).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
def evaluate(files, queries, exact, k, batch_size, plot, as_json):
    """Measure index FILES: recall against exact search, queries per second, memory."""
    if plot and not exact:
        raise click.UsageError("--plot draws recall: give --exact an index file.")
    rows, _ = _read(queries)
    with quiet_start():
        from pathlib import Path

        from tfmetric import search, visualization
        from tfmetric._files import replacing

        truth = search.load(exact) if exact else None
    results = [
        search.evaluate(
            search.load(file), rows, truth, k, name=Path(file).stem, batch_size=batch_size
        )
        for file in files
    ]
    if as_json:
        click.echo(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        click.echo(_table(results))
    if plot:
        figure = visualization.recall_against_speed(results)
        with replacing(plot) as draft:
            figure.savefig(draft, format=Path(plot).suffix.lstrip(".") or "png")
        click.echo(f"Wrote {plot}", err=as_json)


def _table(results):
    columns = ["index", f"recall@{results[0].k}", "queries/s", "p50 ms", "p99 ms", "MB", "count"]
    rows = [
        [
            result.name,
            "-" if result.recall is None else f"{result.recall:.4f}",
            f"{result.queries_per_second:,.0f}",
            f"{result.latency_ms[50]:.2f}",
            f"{result.latency_ms[99]:.2f}",
            f"{result.nbytes / 1e6:,.1f}",
            f"{result.count:,}",
        ]
        for result in results
    ]
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (columns, *rows)
    )


def _made(make, distance, **settings):
    try:
        return make(distance, **settings)
    except TypeError as error:  # --set names an option that this kind lacks.
        raise click.UsageError(f"--set: {error}") from error


def _numbers(settings):
    found = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        number = whole_number(value)
        if not name.isidentifier() or number is None:
            raise click.UsageError(
                f"--set takes NAME=NUMBER, such as links=16. Received: {setting}"
            )
        found[name] = number
    return found


def _read(path, ids=None):
    """Reads embeddings and ids of a file; ids default to row numbers."""
    import numpy as np

    from tfmetric._errors import expected

    found = _load(path)
    if not isinstance(found, dict):
        found = {"embeddings": found}
    if "embeddings" not in found:
        raise ValueError(
            expected('an archive with the array "embeddings"', path=path, arrays=sorted(found))
        )
    rows, names = found["embeddings"], found.get("ids")
    if rows.ndim != 2:
        raise ValueError(expected("embeddings of shape (N, D)", path=path, shape=rows.shape))
    if ids is not None:
        names = _load(ids) if str(ids).endswith(".npy") else np.array(_lines(ids), np.str_)
    names = np.arange(len(rows)) if names is None else names
    if names.shape != (len(rows),):
        raise ValueError(expected(f"{len(rows)} ids, one for each row", ids_shape=names.shape))
    return rows, names


def _lines(path):
    from pathlib import Path

    from tfmetric._errors import expected

    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            expected("a text file in UTF-8 with one id per line", path=path, error=str(error))
        ) from error


def _load(path):
    import numpy as np

    from tfmetric._errors import expected

    try:
        with open(path, "rb") as file:  # NumPy leaves a broken file open.
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            return {name: found[name] for name in found.files}
    except FileNotFoundError as error:
        raise FileNotFoundError(expected("a NumPy file, .npy or .npz", path=path)) from error
    except Exception as error:  # zipfile, zlib and NumPy raise many errors for a broken file.
        reason = str(error).partition("\n")[0]
        raise ValueError(
            expected("a whole NumPy file of numbers or strings", path=path, error=reason)
        ) from error
