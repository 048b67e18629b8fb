"""What Schemathesis is told about HTTP."""

import re

import schemathesis

# A header's name is a token (RFC 9110, section 5.6.2).
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@schemathesis.hook
def filter_case(context, case):
    """Only headers that HTTP allows (RFC 9110, section 5.5): the others are refused before the service sees them."""
    return all(TOKEN.fullmatch(str(name)) and is_sendable(value) for name, value in (case.headers or {}).items())


def is_sendable(value):
    return not any(char != "\t" and (ord(char) < 32 or ord(char) == 127) for char in str(value))
