"""What Schemathesis is told about HTTP."""

import schemathesis


@schemathesis.hook
def filter_headers(context, headers):
    """Only headers that HTTP allows (RFC 9110, section 5.5): the others are refused before the service sees them."""
    return all(is_sendable(value) for value in (headers or {}).values())


def is_sendable(value):
    return not any(char != "\t" and (ord(char) < 32 or ord(char) == 127) for char in str(value))
