"""One settings file, driven by the environment (docs/operations.md lists every name)."""

import logging
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from opsportal.core.compiled import kept_bytecode
from opsportal.env import env, is_network, refuse
from opsportal.routes import ROUTE_ACTIONS as _ROUTE_ACTIONS

BASE_DIR = Path(__file__).resolve().parent.parent

# --- mode -----------------------------------------------------------------------------------------------
LOCAL: bool = env.bool("OPSPORTAL_LOCAL", False)  # set by `manage.py up` and `test`: loopback, plain HTTP
DEMO: bool = env.bool("OPSPORTAL_DEMO", False)
TESTING: bool = "pytest" in sys.modules
DEBUG = False

SECRET_KEY: str = env.str("SECRET_KEY", "")
refuse(when=len(SECRET_KEY) < 50, why="SECRET_KEY is missing or shorter than 50 characters: set a long random one.")
refuse(when=DEMO and not LOCAL, why="OPSPORTAL_DEMO is for `manage.py up` only: unset it in production.")
refuse(
    when=bool(env.str("OPSPORTAL_CLOCK", "")) and not LOCAL,
    why="OPSPORTAL_CLOCK bends time and is refused in production: unset it.",
)

PUBLIC_URL: str = env.str("PUBLIC_URL", "http://127.0.0.1:8000" if LOCAL else "").rstrip("/")
TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXY_COUNT", 0)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost"] if LOCAL else [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
refuse(
    when=LOCAL and not {*ALLOWED_HOSTS} <= {"127.0.0.1", "localhost", "[::1]"},
    why="OPSPORTAL_LOCAL speaks plain HTTP, so ALLOWED_HOSTS may name the loopback only.",
)
if not LOCAL:
    refuse(when=not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS, why="ALLOWED_HOSTS must name this portal's host names.")
    refuse(
        when=urlsplit(PUBLIC_URL).scheme != "https",
        why="PUBLIC_URL must be https://…: links in mails begin with it. A proxy of yours may end TLS.",
    )

# --- database, broker, cache ----------------------------------------------------------------------------
_ENGINE = "opsportal.core.postgresql"  # never waits long for a server that is away
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.dj_db_url("DATABASE_URL", engine=_ENGINE, conn_max_age=60, conn_health_checks=True),
}
OWNER_URL: str = env.str("DATABASE_OWNER_URL", "")
if OWNER_URL:
    DATABASES["owner"] = env.dj_db_url("DATABASE_OWNER_URL", engine=_ENGINE, conn_max_age=0)
for _database in DATABASES.values():
    _database.setdefault("OPTIONS", {}).update({"application_name": "opsportal", "connect_timeout": 2})
    _database["DISABLE_SERVER_SIDE_CURSORS"] = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = env.str("REDIS_URL", "")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "opsportal.core.cache.FailSilentRedisCache"
        if REDIS_URL
        else "django.core.cache.backends.dummy.DummyCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 0.1, "socket_connect_timeout": 0.1} if REDIS_URL else {},
    },
}
if TESTING:  # a shared Redis would mix the tests of two databases
    CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- apps -----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "opsportal.core",
    "opsportal.audit",
    "opsportal.schedule",
    "opsportal.accounts",
    "opsportal.platforms",
    "opsportal.notifications",
    "opsportal.knowledge",
    "opsportal.plans",
    "monitoring",
    "incidents",
    "maintenance",
    "opsportal.packs",
    "opsportal.dashboard",
    "opsportal.reports",
    "opsportal.search",
    "opsportal.live",
    "opsportal.health",
    *(["opsportal.local"] if DEMO or TESTING else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",  # its widget templates, found by FORM_RENDERER
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_standardized_errors",
    "rest_framework",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "opsportal.core.middleware.ErrorPagesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "opsportal.accounts.middleware.ActorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "opsportal.urls"
ASGI_APPLICATION = "opsportal.asgi.application"
WSGI_APPLICATION = "opsportal.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "NAME": "jinja2",
        # Compiling all of them costs a process 1 to 2 s; kept beside the data, a start finds them compiled.
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "environment": "opsportal.core.jinja.environment",
            "bytecode_cache": kept_bytecode(env.str("TEMPLATE_CACHE", "")),
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "opsportal.core.shell.shell_context",
            ],
        },
    },
    {
        # The admin, allauth's and DRF's own pages; ours override them by name above.
        "NAME": "django",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- people ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = [  # the first is memory-hard, and its third less CPU time shows when a busy portal is signed in to
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # people come by invitation; sign-in never waits for a mail
ACCOUNT_ADAPTER = "opsportal.notifications.adapters.AccountAdapter"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
# By address only: a limit by e-mail alone would let a stranger lock the owner out; axes counts the pair.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ADAPTER = "opsportal.accounts.mfa.MfaAdapter"
MFA_FORMS = {
    "authenticate": "opsportal.accounts.mfa.AuthenticateForm",
    "reauthenticate": "opsportal.accounts.mfa.ReauthenticateForm",
}
ROUTE_ACTIONS = _ROUTE_ACTIONS
CSRF_FAILURE_VIEW = "opsportal.core.views.errors.csrf_failure"
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line a request, when it is answered
DJANGO_STRUCTLOG_USER_ID_FIELD = None  # asking for the person would cost /healthz a query
MFA_TOTP_ISSUER = "opsportal"
MFA_TOTP_TOLERANCE = 1  # the code before still counts, once: a tired hand is slower than 30 s (RFC 6238 §5.2)
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXY_COUNT
AXES_USERNAME_CALLABLE = "opsportal.accounts.throttle.username"
AXES_LOCKOUT_CALLABLE = "opsportal.accounts.throttle.locked_out"
SESSION_COOKIE_AGE = 12 * 3600

# --- mail -----------------------------------------------------------------------------------------------
EMAIL_CONFIGURED: bool = bool(env.str("EMAIL_URL", ""))
vars().update(env.dj_email_url("EMAIL_URL", "consolemail://"))
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", "opsportal@localhost")

# --- time and language ----------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- static files ---------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        # Compressing takes twenty seconds of a first start, and loopback has nothing to gain.
        else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        if LOCAL
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = TESTING  # no collected files in tests

# --- security headers (UI: strict, no nonces, since a 304 would pair an old body with a new nonce) --------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_USE_SESSIONS = False
if not LOCAL:
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz"]
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", True)
    SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", True)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    if TRUSTED_PROXY_COUNT:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # without its files: a form over 1 MiB is a mistake
UPLOAD_MAX_SIZE = 5 * 1_048_576 + 65_536  # a file of 5 MB and the form around it
FILE_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_MAX_SIZE  # never on disk: it goes into the database

# --- AWS ------------------------------------------------------------------------------------------------
AWS_ENDPOINT_URL: str | None = env.str("AWS_ENDPOINT_URL", "") or None  # set = simulated, and the bar says so
AUDIT_ANCHOR: str = env.str("AUDIT_ANCHOR", "")
HEARTBEAT_URL: str = env.str("HEARTBEAT_URL", "")
METRICS_TOKEN: str = env.str("METRICS_TOKEN", "")

# --- outbound connections: public addresses only; each purpose opens further networks and sockets by itself ------
_PURPOSES = ("database", "heartbeat", "probe", "sns", "webhook")
TARGET_NETWORKS: dict[str, list[str]] = {
    purpose: env.list(f"TARGET_NETWORKS_{purpose.upper()}", []) for purpose in _PURPOSES
}
for _purpose, _networks in TARGET_NETWORKS.items():
    for _network in _networks:
        refuse(
            when=not is_network(_network),
            why=f"TARGET_NETWORKS_{_purpose.upper()} holds {_network!r}, which is no network such as 10.1.0.0/16.",
        )
TARGET_SOCKETS: dict[str, list[str]] = {
    purpose: env.list(f"TARGET_SOCKETS_{purpose.upper()}", []) for purpose in _PURPOSES
}
if DEMO and str(DATABASES["default"].get("HOST", "")).startswith("/"):
    TARGET_SOCKETS["database"].append(DATABASES["default"]["HOST"])  # the demo's own `shop` database
OPSPORTAL_HOME = Path(env.str("OPSPORTAL_HOME", str(BASE_DIR / ".data")))

# --- API ------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["opsportal.accounts.api.authentication.ActorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["opsportal.accounts.api.permissions.ActionPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["opsportal.core.strict_json.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "opsportal.core.api.problem_handler",
    "DEFAULT_PAGINATION_CLASS": None,
    "DEFAULT_VERSIONING_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "opsportal API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {  # fields of one name, or one choice under two names, get a schema name of their own
        "AlarmStateEnum": "monitoring.models.alarms.AlarmState",
        "IncidentStateEnum": "incidents.choices.StateChoice",
        "ChecklistRunStateEnum": "maintenance.models.checklists.RunState",
        "ChecklistItemStateEnum": "maintenance.models.checklists.ItemState",
        "WindowStateEnum": "maintenance.models.windows.OccurrenceState",
    },
}

# --- background work ------------------------------------------------------------------------------------
CELERY = {
    "broker_url": REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host="),
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_ignore_result": True,
    "task_time_limit": 240,
    "task_soft_time_limit": 210,
    "task_publish_retry": False,
    "task_serializer": "json",
    "accept_content": ["json"],
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_soft_shutdown_timeout": 3 if LOCAL else 10,
    "worker_max_tasks_per_child": 500,
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {
        "visibility_timeout": 600,  # longer than any task may run
        "socket_keepalive": True,
        "health_check_interval": 30,
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
    },
    "timezone": "UTC",
}

# --- logs -----------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "opsportal.core.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING" if TESTING else "INFO")},
    "loggers": {
        "axes": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
