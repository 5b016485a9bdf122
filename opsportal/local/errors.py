"""The one error of the local stack."""


class StackError(Exception):
    """A refusal, said in one plain sentence that names the way out."""
