"""Reads a folder with a folder for each class, optionally inside parts such as train/, test/."""

from __future__ import annotations

import os

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions, modality
from tfmetric.datasets.part_names import part_of, with_a_test
from tfmetric.datasets.reading import examples_of_files, kind_of_files, known_formats
from tfmetric.datasets.stores import FileStore


def folder_examples(path: str | os.PathLike, options: ReadOptions) -> Examples:
    """Lists and checks `path/<class>/**/<file>` or `path/<part>/<class>/**/<file>`.

    Hidden files and folders are ignored. Files with suffixes of another kind are ignored and
    counted in the report. Names that UTF-8 cannot hold are left out with the reason.
    """
    path = os.fspath(path)
    roots, notes = _class_folders(path)
    files, labels, parts, skipped, others = [], [], [], [], []
    for part, folder in roots:
        for name, reason in _files(path, folder):
            if reason:
                skipped.append((_printable(name), reason))
                continue
            files.append(name)
            labels.append(os.path.basename(folder))
            parts.append(part)
    kind = options.kind or _kind(files, path)
    suffixes = modality(kind).suffixes
    fits = np.array([name.lower().endswith(suffixes) for name in files], bool)
    others = [name for name, fit in zip(files, fits, strict=True) if not fit]
    if not fits.any():
        raise ValueError(_expected_files(path, others))
    empty = sorted(
        {_printable(folder) for _, folder in roots}
        - {_folder_of(name, roots) for name, fit in zip(files, fits, strict=True) if fit}
    )
    if empty:
        shown = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
        notes.append(f"{len(empty):,} class folders hold no {kind} file: {shown}")
    ignored = len(others) + sum(e.is_file() and e.name[0] != "." for e in os.scandir(path))
    if ignored:
        subject = "1 file was" if ignored == 1 else f"{ignored:,} files were"
        notes.append(f"{subject} ignored: not in a class folder, or no {kind} suffix")
    own = None
    if roots[0][0]:
        own, more = with_a_test(np.array(parts, np.str_)[fits])
        notes += more
    return examples_of_files(
        FileStore(path, [name for name, fit in zip(files, fits, strict=True) if fit]),
        np.array(labels, np.str_)[fits],
        kind=kind,
        name=f"folder {os.path.basename(os.path.normpath(path))}",
        options=options,
        parts=own,
        skipped=skipped,
        notes=notes,
    )


def _class_folders(path):
    """(part, folder) of each class, with the part "" for a folder without parts; and notes."""
    top = _folders(path)
    parts = {name: part_of(name) for name in top if part_of(name)}
    nested = {name: part for name, part in parts.items() if _folders(os.path.join(path, name))}
    if "train" not in nested.values() or len(set(nested.values())) < 2:
        return [("", name) for name in top], []
    roots = [
        (part, os.path.join(name, folder))
        for name, part in nested.items()
        for folder in _folders(os.path.join(path, name))
    ]
    others = sorted(set(top) - set(nested))
    read = ", ".join(f"{name}/" for name in sorted(nested))
    return roots, [f"only {read} were read, not {', '.join(others)}"] if others else []


def _folders(path):
    return sorted(e.name for e in os.scandir(path) if e.is_dir() and e.name[0] != ".")


def _files(root, folder):
    """Yields (path relative to the root, reason to leave it out or "") of the files in a folder."""
    for where, folders, names in os.walk(os.path.join(root, folder)):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        below = os.path.relpath(where, root)
        for name in sorted(name for name in names if name[0] != "."):
            found = os.path.join(below, name)
            yield found, _unfit(found)


def _unfit(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8; rename the file or its folder"
    return ""


def _kind(files, path):
    known = [name for name in files if os.path.splitext(name)[1].lower()]
    if not known:
        raise ValueError(_expected_files(path, files))
    try:
        return kind_of_files(known)
    except ValueError as error:
        if "of a known kind" in str(error):
            raise ValueError(_expected_files(path, files)) from error
        raise


def _expected_files(path, others):
    return expected(
        "a folder with a folder of files for each class (a folder of images for each class, say);"
        f" the known files are {known_formats()}",
        path=path,
        others=[_printable(name) for name in others[:3]],
    )


def _folder_of(name, roots):
    depth = 2 if roots[0][0] else 1
    return os.path.join(*name.split(os.sep)[:depth])


def _printable(name):
    return os.fsencode(name).decode("utf-8", "backslashreplace")
