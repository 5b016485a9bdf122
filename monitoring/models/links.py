"""A secret link that a machine sends to: the address itself is the proof."""

from django.db import models


class SecretLink(models.Model):
    """The key of a link, kept as an HMAC only; the key before it works for a while after a change."""

    key_hash = models.BinaryField(max_length=32, unique=True)
    old_key_hash = models.BinaryField(max_length=32, null=True, db_index=True)
    old_key_until = models.DateTimeField(null=True, help_text="real time; until then the link before this one works")

    class Meta:
        abstract = True
