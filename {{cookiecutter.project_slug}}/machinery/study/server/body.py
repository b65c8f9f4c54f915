"""Reads what a request carries: at most so much, and each byte held once."""

from flask import abort, request

PIECE = 262_144  # bytes


def read_text(limit: int) -> str:
    """Return the body of the request, of at most so many bytes, as text.

    Aborts with 413 if it is larger, whether or not it says so, and with 400 if it is no UTF-8 or
    ends too early. What it leaves unread is the worker's to drop (waiting.py).
    """
    announced, body = request.content_length, bytearray()
    if (announced or 0) > limit:
        abort(413)
    # Not request.get_data: of a body without a length it returns what the limit has room for.
    read = request.environ["wsgi.input"].read
    try:
        while piece := read(PIECE):
            body += piece
            if len(body) > limit:
                abort(413)
        if announced in (None, len(body)):
            return body.decode()
    except (OSError, UnicodeDecodeError):  # OSError: the client has hung up
        pass
    body.clear()  # an exception keeps what its functions hold until garbage is collected
    abort(400)
