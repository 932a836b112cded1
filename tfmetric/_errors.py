"""The one form of every error message: what was expected, and what came instead."""


def expected(what: str, **received) -> str:
    """Returns ``"Expected {what}. Received: name=value, ..."``.

    Args:
        what: What would have been right, and what to do about it; no full stop at the end.
        **received: The offending values by the name the caller knows them under.
    """
    values = ", ".join(f"{name}={value!r}" for name, value in received.items())
    return f"Expected {what}. Received: {values}"
