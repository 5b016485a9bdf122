"""The audit trail: append-only, hash-chained, ids only. One chain for each platform, one (0) for the portal.

The app role may read these tables and nothing else: rows come into being through `audit_append()`, which runs with
the owner's rights, locks the chain's head and seals the row there.
"""

from typing import ClassVar, Final

from django.db import models

PORTAL_CHAIN: Final = 0


class AuditEntry(models.Model):
    """One act. `at` is business time, `recorded_at` real time; `data` holds ids, codes and salted hashes.

    The chain covers every column except `ip` and `ip_salt`, of which it covers the digest: blanking the two
    (erasure) leaves the chain whole.
    """

    app_role_rights: ClassVar[tuple[str, ...]] = ("SELECT",)

    chain = models.BigIntegerField(help_text="platform id, or 0 for the portal")
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    verb = models.CharField(max_length=120)
    obj_kind = models.CharField(max_length=60)
    obj_id = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=10)
    actor_user_id = models.BigIntegerField(null=True)
    actor_token_id = models.BigIntegerField(null=True)
    actor_system = models.CharField(max_length=80, blank=True, help_text="the loop or command, for the portal itself")
    request_id = models.CharField(max_length=64, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    ip_salt = models.BinaryField(max_length=16)
    ip_digest = models.BinaryField(max_length=32)
    data = models.JSONField(default=dict)
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "seq"], name="audit_chain_seq_unique")]
        indexes = [
            models.Index(fields=["chain", "-at"], name="audit_chain_at"),
            models.Index(fields=["-at", "-id"], name="audit_latest"),  # for readers of several chains
            models.Index(fields=["obj_kind", "obj_id"], name="audit_object"),
            models.Index(fields=["actor_user_id", "-at"], name="audit_actor"),
            models.Index(fields=["verb"], opclasses=["varchar_pattern_ops"], name="audit_verb"),  # acts that begin so
        ]

    def __str__(self) -> str:
        return f"{self.chain}:{self.seq} {self.verb}"


class AuditHead(models.Model):
    """The end of a chain; its row lock puts the writers of one platform in line, and of that platform only."""

    app_role_rights: ClassVar[tuple[str, ...]] = ("SELECT",)

    chain = models.BigIntegerField(primary_key=True)
    seq = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32)


class AuditCheckpoint(models.Model):
    """How far a chain was written to AUDIT_ANCHOR; the anchor, not this row, is the witness."""

    app_role_rights: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT")

    chain = models.BigIntegerField()
    seq = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["chain", "-seq"], name="audit_checkpoint_last")]
