"""What the auditor found wrong at its last look."""

from django.db import models


class Finding(models.Model):
    """One broken invariant, in one plain sentence; the whole table is replaced at each look."""

    invariant = models.CharField(max_length=80)
    text = models.CharField(max_length=300)
    found_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"
