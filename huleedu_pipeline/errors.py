"""The root of this project's own errors.

Every error that a user can cause or mend derives from :class:`HuleeduError` and carries one message that names the thing,
the place and the remedy; the command line prints it without a traceback. Errors of one subject live beside that subject.
"""


class HuleeduError(Exception):
    """An error whose message is written for the user who can mend it."""
