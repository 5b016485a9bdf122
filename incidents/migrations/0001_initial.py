import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from opsportal.core.new_tables import NewTables


class Migration(NewTables):
    initial = True

    dependencies = [
        ("accounts", "__first__"),
        ("monitoring", "0001_initial"),
        ("platforms", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("number", models.PositiveBigIntegerField(editable=False, unique=True)),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="incidents", to="platforms.platform"
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incidents",
                        to="platforms.service",
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("summary", models.TextField(blank=True)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("outage", "Outage"),
                            ("degradation", "Degradation"),
                            ("security", "Security"),
                            ("data_corruption", "Data corruption"),
                            ("data_breach", "Personal-data breach"),
                            ("planned_work", "Planned work gone wrong"),
                        ],
                        default="degradation",
                        max_length=16,
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="incidents", to="platforms.severity"
                    ),
                ),
                ("rank", models.PositiveSmallIntegerField(help_text="the severity's rank, 1 is worst")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("resolved", "Resolved"), ("closed", "Closed")],
                        default="open",
                        max_length=8,
                    ),
                ),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("detect", "Detect"),
                            ("assess", "Assess"),
                            ("respond", "Respond"),
                            ("communicate", "Communicate"),
                            ("resolve", "Resolve"),
                            ("document", "Document"),
                        ],
                        default="detect",
                        max_length=11,
                    ),
                ),
                ("stage_times", models.JSONField(default=dict, help_text="stage -> ISO instant it was last entered")),
                (
                    "detection_source",
                    models.CharField(
                        choices=[
                            ("automated_alert", "Automated alert"),
                            ("user_report", "User report"),
                            ("team_observation", "Team observation"),
                            ("external_monitor", "External monitor"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "signal",
                    models.CharField(
                        blank=True, help_text="what an alarm watches; a second source attaches", max_length=200
                    ),
                ),
                ("declare_key", models.CharField(editable=False, max_length=64, null=True, unique=True)),
                ("impact_started_at", models.DateTimeField()),
                ("detected_at", models.DateTimeField()),
                ("declared_at", models.DateTimeField()),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("mitigated_at", models.DateTimeField(null=True)),
                ("resolved_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("is_restricted", models.BooleanField(default=False)),
                (
                    "commander",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "declared_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("triage", models.JSONField(default=dict, help_text="question -> {answer, note}")),
                (
                    "users_affected",
                    models.CharField(blank=True, help_text="figure or range, with its source", max_length=120),
                ),
                ("impact_business", models.TextField(blank=True)),
                ("impact_technical", models.TextField(blank=True)),
                ("cause", models.TextField(blank=True)),
                ("resolution", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["rank", "number"], name="incident_open"
                    ),
                    models.Index(fields=["platform", "-number"], name="incident_platform_number"),
                    models.Index(fields=["service", "-number"], name="incident_service_number"),
                    models.Index(fields=["declared_at"], name="incident_declared_at"),
                    models.Index(fields=["commander", "-number"], name="incident_commander_number"),
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.search.SearchVector("title", "summary", config="simple"),
                        name="incident_words",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("rank__gte", 1), ("rank__lte", 5)), name="incident_rank_1_to_5"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("resolved_at__isnull", True), ("state", "open")),
                            models.Q(models.Q(("state", "open"), _negated=True), ("resolved_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="incident_resolved_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("resolved_at__isnull", True),
                            ("resolved_at__gte", models.F("impact_started_at")),
                            _connector="OR",
                        ),
                        name="incident_not_resolved_before_impact",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open"), models.Q(("signal", ""), _negated=True)),
                        fields=("platform", "service", "signal"),
                        name="incident_open_signal_unique",
                        nulls_distinct=False,
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IncidentAccess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="access", to="incidents.incident"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "named_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("named_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("incident", "user"), name="access_unique")],
            },
        ),
        migrations.CreateModel(
            name="RoleAssignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="roles", to="incidents.incident"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("commander", "Commander"),
                            ("communications", "Communications"),
                            ("scribe", "Scribe"),
                            ("liaison", "Liaison"),
                            ("expert", "Subject expert"),
                        ],
                        max_length=14,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("assumed_at", models.DateTimeField()),
                ("renounced_at", models.DateTimeField(null=True)),
                ("note", models.TextField(blank=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("renounced_at__isnull", True),
                            ("role__in", ("commander", "communications", "scribe", "liaison")),
                        ),
                        fields=("incident", "role"),
                        name="role_one_holder",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("renounced_at__isnull", True)),
                        fields=("incident", "role", "user"),
                        name="role_held_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ClockPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="clock_policies",
                        to="platforms.platform",
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="clock_policies",
                        to="platforms.severity",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("acknowledge", "Acknowledge"),
                            ("respond", "Respond"),
                            ("escalate", "Escalate"),
                            ("update", "Status update"),
                            ("resolve", "Resolve"),
                            ("review", "Review published"),
                        ],
                        max_length=12,
                    ),
                ),
                ("minutes", models.PositiveIntegerField(null=True)),
                (
                    "calendar",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="clock_policies",
                        to="platforms.businesscalendar",
                    ),
                ),
                ("text", models.CharField(blank=True, max_length=160)),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("guide", "guide"),
                            ("portal_default", "portal default"),
                            ("not_in_guide", "not in guide"),
                            ("edited", "edited here"),
                        ],
                        default="guide",
                        max_length=16,
                    ),
                ),
                ("source_text", models.CharField(blank=True, max_length=160)),
                ("note", models.TextField(blank=True)),
                (
                    "conflicts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=4), blank=True, default=list, size=None
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("severity", "kind"), name="clock_policy_unique")],
            },
        ),
        migrations.CreateModel(
            name="IncidentClock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="clocks", to="incidents.incident"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("acknowledge", "Acknowledge"),
                            ("respond", "Respond"),
                            ("escalate", "Escalate"),
                            ("update", "Status update"),
                            ("resolve", "Resolve"),
                            ("review", "Review published"),
                        ],
                        max_length=12,
                    ),
                ),
                ("round", models.PositiveIntegerField(default=1, help_text="a clock that repeats starts a new round")),
                (
                    "policy",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="incidents.clockpolicy",
                    ),
                ),
                ("policy_version", models.PositiveIntegerField(null=True)),
                ("rule_text", models.CharField(blank=True, max_length=200)),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("guide", "guide"),
                            ("portal_default", "portal default"),
                            ("not_in_guide", "not in guide"),
                            ("edited", "edited here"),
                        ],
                        max_length=16,
                    ),
                ),
                ("source_text", models.CharField(blank=True, max_length=160)),
                ("started_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(help_text="None: the guide gives no number", null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("running", "running"), ("met", "met"), ("missed", "missed"), ("stopped", "stopped")],
                        default="running",
                        max_length=8,
                    ),
                ),
                (
                    "fired_at",
                    models.DateTimeField(help_text="when the miss was recorded and people were told", null=True),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("fired_at__isnull", True), ("stopped_at__isnull", True)),
                        fields=["due_at"],
                        name="clock_to_fire",
                    ),
                    models.Index(
                        condition=models.Q(("stopped_at__isnull", True)),
                        fields=["kind", "due_at"],
                        name="clock_running",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "kind", "round"), name="clock_round_unique"),
                    models.UniqueConstraint(
                        condition=models.Q(("stopped_at__isnull", True)),
                        fields=("incident", "kind"),
                        name="clock_one_running",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("stopped_at__isnull", True), ("stopped_at__gte", models.F("started_at")), _connector="OR"
                        ),
                        name="clock_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="review", to="incidents.incident"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("draft", "Draft"), ("in_review", "In review"), ("published", "Published")],
                        default="draft",
                        max_length=9,
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("drafted_at", models.DateTimeField()),
                ("submitted_at", models.DateTimeField(null=True)),
                ("published_at", models.DateTimeField(null=True)),
                (
                    "published_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "published"), _negated=True),
                        fields=["incident"],
                        name="review_unpublished",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "published"), _negated=True),
                            ("published_at__isnull", False),
                            _connector="OR",
                        ),
                        name="review_published_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("published_by__isnull", True),
                            models.Q(("published_by", models.F("author")), _negated=True),
                            _connector="OR",
                        ),
                        name="review_published_by_another",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewSection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sections", to="incidents.review"
                    ),
                ),
                ("key", models.SlugField(max_length=30)),
                ("title", models.CharField(max_length=80)),
                ("position", models.PositiveSmallIntegerField()),
                ("body", models.TextField(blank=True)),
                (
                    "edited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("edited_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("review", "key"), name="review_section_unique")],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.search.SearchVector("body", config="simple"),
                        name="review_section_words",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="approvals", to="incidents.review"
                    ),
                ),
                ("review_version", models.PositiveIntegerField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "verdict",
                    models.CharField(choices=[("agreed", "Read and agreed"), ("sent_back", "Sent back")], max_length=9),
                ),
                ("note", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ActionItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("number", models.PositiveBigIntegerField(editable=False, unique=True)),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="action_items",
                        to="platforms.platform",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="action_items",
                        to="incidents.incident",
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="action_items",
                        to="incidents.review",
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("detect", "Detect"),
                            ("prevent", "Prevent"),
                            ("mitigate", "Mitigate"),
                            ("process", "Process"),
                        ],
                        default="prevent",
                        max_length=8,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("due_date", models.DateField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("started", "Started"), ("done", "Done"), ("dropped", "Dropped")],
                        default="open",
                        max_length=7,
                    ),
                ),
                ("evidence", models.TextField(blank=True, help_text="what shows that it is done")),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["open", "started"])),
                        fields=["due_date"],
                        name="action_unfinished",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at__isnull", True), ("state__in", ["open", "started"])),
                            models.Q(("finished_at__isnull", False), ("state__in", ["done", "dropped"])),
                            _connector="OR",
                        ),
                        name="action_finished_has_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TimelineHead",
            fields=[
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="head",
                        serialize=False,
                        to="incidents.incident",
                    ),
                ),
                ("last_number", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="TimelineEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="incidents.incident"
                    ),
                ),
                ("number", models.PositiveIntegerField(help_text="1, 2, 3 … without a gap, in the order of recording")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("log", "Log"),
                            ("decision", "Decision"),
                            ("alarm", "Alarm"),
                            ("metric", "Metric"),
                            ("state", "State"),
                            ("stage", "Stage"),
                            ("severity", "Severity"),
                            ("role", "Role"),
                            ("update", "Update"),
                            ("clock", "Clock"),
                            ("triage", "Triage"),
                            ("access", "Access"),
                            ("review", "Review"),
                        ],
                        max_length=10,
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "source",
                    models.CharField(blank=True, help_text="the part of the portal that wrote it", max_length=60),
                ),
                ("body", models.TextField()),
                ("data", models.JSONField(default=dict)),
                ("client_key", models.CharField(help_text="a resent line is stored once", max_length=64, null=True)),
                (
                    "supersedes",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="superseded_by",
                        to="incidents.timelineentry",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "number"), name="entry_number_unique"),
                    models.UniqueConstraint(
                        condition=models.Q(("client_key__isnull", False)),
                        fields=("incident", "client_key"),
                        name="entry_client_key_unique",
                    ),
                ],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.search.SearchVector("body", config="simple"), name="entry_words"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StatusUpdate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="updates", to="incidents.incident"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("investigating", "Investigating"),
                            ("identified", "Identified"),
                            ("monitoring", "Monitoring"),
                            ("resolved", "Resolved"),
                        ],
                        max_length=14,
                    ),
                ),
                ("audience", models.CharField(choices=[("public", "Public"), ("internal", "Internal")], max_length=8)),
                ("body", models.TextField()),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("published_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["incident", "-published_at"], name="update_newest")],
            },
        ),
        migrations.CreateModel(
            name="AlarmClaim",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "transition",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incident_claim",
                        to="monitoring.alarmtransition",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="claims",
                        to="incidents.incident",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("opened", "Opened an incident"),
                            ("attached", "Attached to the open incident"),
                            ("recovered", "Noted that the metric is back"),
                            ("ignored", "Not an incident"),
                        ],
                        max_length=9,
                    ),
                ),
                ("claimed_at", models.DateTimeField()),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="real time; business time may run faster",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ClaimCursor",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("transition_id", models.BigIntegerField(default=0)),
            ],
        ),
    ]
