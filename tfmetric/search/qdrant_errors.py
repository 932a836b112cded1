"""Converts the many errors of Qdrant's client to a single one."""

from contextlib import contextmanager

from tfmetric._errors import expected


@contextmanager
def reported(location: str):
    """Raises ConnectionError with the location for errors caused by the server or its absence."""
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    try:
        yield
    except (ResponseHandlingException, OSError) as error:
        if "://" not in location:
            raise
        raise ConnectionError(
            expected(
                "a Qdrant server that answers at the location",
                location=location,
                error=str(error) or type(error).__name__,
            )
        ) from error
    except UnexpectedResponse as error:
        raise ConnectionError(
            expected(
                "a Qdrant server that accepts the request: check the key and the collection",
                location=location,
                status=error.status_code,
                reason=error.reason_phrase,
            )
        ) from error
