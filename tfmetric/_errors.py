"""The form of every error message: the expected and the received values."""


def expected(what: str, **received) -> str:
    """Returns ``"Expected {what}. Received: name=value, ..."``.

    Args:
        what: The valid input, and what to do; no full stop at the end.
        **received: The offending values by the caller's names.
    """
    values = ", ".join(f"{name}={value!r}" for name, value in received.items())
    return f"Expected {what}. Received: {values}"
