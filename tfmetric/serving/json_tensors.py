"""Tensors as JSON, in the two forms of TensorFlow Serving's REST.

Rows, ``{"instances": [...]}``, are answered by ``{"predictions": [...]}``; columns, ``{"inputs":
...}``, by ``{"outputs": ...}``. Bytes are ``{"b64": "..."}``. Types are equally strict: no number
for a string, no 1.0 or true for an integer.

Reference: tensorflow_serving/g3doc/api_rest.md and util/json_tensor.cc.
"""

import base64
import json
from itertools import chain

import numpy as np

from tfmetric.serving.refusals import Refused, invalid

_TYPES = {"bool": {bool}, "float32": {int, float}, "float64": {int, float}, "string": {str, dict}}
_INTEGERS = ("int8", "uint8", "int16", "int32", "uint32", "int64", "uint64")
_TYPES |= {name: {int} for name in _INTEGERS}
_JSON_NAMES = {
    type(None): "Null",
    bool: "Bool",
    int: "Number",
    float: "Number",
    str: "String",
    dict: "Object",
    list: "Array",
}
_MOST_AXES = 64  # From a NumPy array.
_NAMES = {"float32": "float", "float64": "double"}


def parse(body: bytes) -> dict:
    """The request as an object.

    Raises:
        Refused: If it is none.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError.
        raise invalid("JSON Parse error: ", error) from error
    if not isinstance(document, dict):
        raise invalid("JSON Value: ", _short(document), " Is not object")
    if not isinstance(document.get("signature_name", ""), str):
        raise invalid(
            "JSON Value: ",
            _short(document),
            " not formatted correctly. 'signature_name' key must be a string value.",
        )
    return document


def is_rows(document: dict) -> bool:
    """Returns whether a request is in rows; otherwise it is in columns.

    Raises:
        Refused: If it has neither or both.
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            "JSON Value: ",
            _short(document),
            " Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if "instances" not in document and "inputs" not in document:
        raise invalid("Missing 'inputs' or 'instances' key")
    return "instances" in document


def from_rows(rows, types: dict) -> dict:
    """Converts ``instances`` to arrays.

    Args:
        rows: The value.
        types: Names of types by the names of the inputs.

    Raises:
        Refused: If it does not fit.
    """
    if not isinstance(rows, list):
        raise invalid("JSON Value: ", _short(rows), " Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid("JSON Value: [] No values in 'instances' array")
    objects = _is_object(rows[0])
    if not objects and len(types) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    for place, row in enumerate(rows):
        if _is_object(row) != objects:
            kinds = ("object", "list") if objects else ("value/list", "object")
            raise invalid(f"Expecting {kinds[0]} but got {kinds[1]} at item {place} of input list")
        if objects and set(row) != set(types):
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: ",
                f"{_short(row)} keys must be equal to: {','.join(sorted(types))}",
            )
    if not objects:
        return {name: _array(rows, dtype) for name, dtype in types.items()}
    return {name: _array([row[name] for row in rows], dtype) for name, dtype in types.items()}


def from_columns(columns, types: dict) -> dict:
    """Converts ``inputs`` to arrays; otherwise like :func:`from_rows`."""
    if not _is_object(columns):
        if len(types) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        return {name: _array(columns, dtype) for name, dtype in types.items()}
    for name in types:
        if name not in columns:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _array(columns[name], dtype) for name, dtype in types.items()}


def answer(outputs: dict, rows: bool) -> bytes:
    """Returns the answer in the form of the request.

    Args:
        outputs: Arrays by name.
        rows: Whether in rows.

    Raises:
        Refused: If the outputs do not go into rows, or hold bytes that are no text.
    """
    if rows:
        size = None
        for name, value in sorted(outputs.items()):
            if not value.ndim:
                raise invalid(f"Tensor name: {name} has no shape information ")
            if size is not None and len(value) != size:
                raise invalid(
                    f"Tensor name: {name} has inconsistent batch size: {len(value)} ",
                    f"expecting: {size}",
                )
            size = len(value)
    values = {name: _plain(name, value) for name, value in outputs.items()}
    if len(values) == 1:
        (found,) = values.values()
    elif rows:
        found = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    else:
        found = values
    key = "predictions" if rows else "outputs"
    return json.dumps({key: found}, ensure_ascii=False).encode()


def _is_object(value):
    return isinstance(value, dict) and not _is_bytes(value)


def _is_bytes(value):
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _array(value, dtype):
    if dtype not in _TYPES:
        raise Refused(
            "UNIMPLEMENTED", f"Conversion of JSON Value: {_short(value)} to type: {dtype}"
        )
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > _MOST_AXES:
        raise invalid(f"JSON Value: nested {len(shape)} deep, expected at most {_MOST_AXES}")
    leaves = [value]
    for level, size in enumerate(shape):
        for item in leaves:
            if not isinstance(item, list):
                raise invalid(
                    f"JSON Value: {_short(item)} found at incorrect level: {level + 1} in the ",
                    f"JSON DOM. Expected at level: {len(shape)}",
                )
            if len(item) != size:
                raise invalid(
                    f"Encountered list at unexpected size: {len(item)} at level: {level} ",
                    f"expected size: {size}",
                )
        leaves = list(chain.from_iterable(leaves))
    if not set(map(type, leaves)) <= _TYPES[dtype]:
        raise _wrong_leaf(leaves, dtype, len(shape))
    return _convert(leaves, dtype).reshape(shape)


def _wrong_leaf(leaves, dtype, rank):
    wrong = next(leaf for leaf in leaves if type(leaf) not in _TYPES[dtype])
    if isinstance(wrong, list):
        return invalid(f"Encountered list at unexpected level: {rank} expected < {rank}")
    return invalid(
        f"JSON Value: {_short(wrong)} Type: {_JSON_NAMES[type(wrong)]} is not of expected type: ",
        _NAMES.get(dtype, dtype),
    )


def _convert(leaves, dtype):
    if dtype == "string":
        flat = np.empty(len(leaves), object)
        flat[:] = [_bytes(leaf) for leaf in leaves]
        return flat
    try:
        if dtype not in _NAMES:
            return np.array(leaves, dtype)
        values = np.array(leaves, np.float64)
    except OverflowError as error:
        raise invalid(f"JSON Value is out of the range of type: {dtype}") from error
    most = float(np.finfo(dtype).max)
    exact = 2 ** (np.finfo(dtype).nmant + 1) - 1  # Larger integers are not exact as floats.
    large = np.flatnonzero(np.isfinite(values) & (np.abs(values) > exact))
    for place in large.tolist():
        if isinstance(leaves[place], int) or abs(values[place]) > most:
            raise invalid(
                f"Cannot convert JSON value: {_short(leaves[place])} to {_NAMES[dtype]} without ",
                "loss of precision.",
            )
    return values.astype(dtype)


def _bytes(leaf):
    if isinstance(leaf, str):
        try:
            return leaf.encode()
        except UnicodeEncodeError as error:
            raise invalid("JSON Parse error: ", error) from error
    if not _is_bytes(leaf):
        raise invalid("JSON Value: ", _short(leaf), " not formatted correctly for base64 data")
    text = "".join(leaf["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise invalid("Unable to base64 decode") from error


def _plain(name, value):
    if value.dtype != object:
        return value.tolist()
    if name.endswith("_bytes"):
        flat = [{"b64": base64.b64encode(item).decode()} for item in value.ravel()]
    else:
        try:
            flat = [item.decode() for item in value.ravel()]
        except UnicodeDecodeError as error:
            raise invalid(
                f"Tensor name: {name} has bytes that are no UTF-8; those go into an output whose "
                "name ends in _bytes"
            ) from error
    shaped = np.empty(len(flat), object)
    shaped[:] = flat
    return shaped.reshape(value.shape).tolist()


def _short(value):
    text = json.dumps(value, default=str) if _is_shallow(value) else type(value).__name__
    return text if len(text) <= 200 else text[:200] + "..."


def _is_shallow(value):
    """Returns whether writing the value is cheap and cannot exceed Python's recursion limit."""
    if isinstance(value, (list, dict)):
        items = value.values() if isinstance(value, dict) else value
        return len(value) <= 8 and not any(isinstance(item, (list, dict)) for item in items)
    return not isinstance(value, int) or value.bit_length() < 2000
