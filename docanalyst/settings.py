"""All settings, read from the environment; nonsense is refused with a sentence.

Every variable read here has a line in README.md (tests/ground/test_settings.py notices a missing one).
Run without any variable this is an installation for one machine, reachable from that machine alone.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from apps.common.addresses import is_loopback
from docanalyst.redis_server import broker_url, default_redis_url
from docanalyst.secrets import ensure_secrets

BASE_DIR = Path(__file__).resolve().parent.parent


def env_text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool) -> bool:
    value = env_text(name)
    if not value:
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write 1 or 0.")


def env_int(name: str, default: int, *, least: int = 0) -> int:
    value = env_text(name)
    if not value:
        return default
    try:
        number = int(value.replace("_", ""))
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number.") from None
    if number < least:
        raise ImproperlyConfigured(f"{name} is {number}; the least is {least}.")
    return number


def env_decimal(name: str, default: str) -> Decimal:
    value = env_text(name, default)
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ImproperlyConfigured(f"{name} is {value!r}; write an amount such as 25.00.") from None
    if not number.is_finite() or number < 0:
        raise ImproperlyConfigured(f"{name} is {value!r}; write an amount of 0 or more.")
    return number


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = env_text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; write one of {', '.join(choices)}.")
    return value


def env_url(name: str, default: str) -> str:
    value = env_text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise ImproperlyConfigured(f"{name} is {value!r}; write an address such as https://docs.example.org")
    return value


# The installation ------------------------------------------------------------------------------

DATA_DIR = Path(env_text("DOCANALYST_DATA_DIR", str(BASE_DIR / "data"))).expanduser().resolve()
CACHE_DIR = Path(env_text("DOCANALYST_CACHE_DIR", str(DATA_DIR / "cache"))).expanduser().resolve()
"""What is computed anew when it is gone: the rules by which secrets are found, compiled."""
DEBUG = env_bool("DOCANALYST_DEBUG", False)
HOST = env_text("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000, least=1)
PUBLIC_URL = env_url("DOCANALYST_URL", f"http://localhost:{PORT}")
_public = urlsplit(PUBLIC_URL)
IS_LOCAL = is_loopback(_public.hostname or "")
if _public.scheme == "http" and not IS_LOCAL:
    raise ImproperlyConfigured(
        f"DOCANALYST_URL is {PUBLIC_URL}: plain http is for this machine alone. "
        "Put a TLS proxy in front and write its https address."
    )
if DEBUG and not IS_LOCAL:
    raise ImproperlyConfigured(
        "DOCANALYST_DEBUG is for this machine alone; unset it, or unset DOCANALYST_URL."
    )

_secrets = ensure_secrets(DATA_DIR)
SECRET_KEY = env_text("DOCANALYST_SECRET_KEY", _secrets["secret_key"])
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10:
    raise ImproperlyConfigured("DOCANALYST_SECRET_KEY needs at least 50 characters, chosen at random.")
FIELD_KEYS = env_text("DOCANALYST_FIELD_KEYS", _secrets["field_key"]).split(",")
"""Fernet keys for what is encrypted at rest, newest first; older ones still decrypt."""

ALLOWED_HOSTS = [_public.hostname or "localhost"]
if IS_LOCAL:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "apps.common",
    "apps.accounts",
    "apps.workspaces",
    "apps.connections",
    "apps.usage",
    "apps.library",
    "apps.conversations",
    "apps.api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.common.middleware.SecurityHeadersMiddleware",
    "docanalyst.static_files.StaticFilesMiddleware",
    # Pads at random, so that a page's length tells nothing of the tokens in it.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "apps.common.middleware.RefuseCrossSiteMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
]

ROOT_URLCONF = "docanalyst.urls"
ASGI_APPLICATION = "docanalyst.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["apps.common.templatetags.words"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Database --------------------------------------------------------------------------------------

DATABASES = {
    "default": dj_database_url.parse(
        env_text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'docanalyst.sqlite3'}"), conn_max_age=60
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE, because a transaction that reads first and writes later fails at once with
    # “database is locked” when another one writes between, whatever the timeout says.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
            "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=27103364;"
        ),
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis and Celery ------------------------------------------------------------------------------

REDIS_URL = env_text("REDIS_URL", default_redis_url(DATA_DIR))
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}
LONGEST_TASK_SECONDS = 45 * 60
CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the longest task, or a message would be handed out twice while its task still runs.
    "visibility_timeout": LONGEST_TASK_SECONDS + 15 * 60,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 15,
    "health_check_interval": 10,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0}
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "ingest"
CELERY_TIMEZONE = "UTC"

# Storage ---------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": env_text("DOCANALYST_STORAGE", "django.core.files.storage.FileSystemStorage"),
        "OPTIONS": {"location": str(DATA_DIR / "files"), "file_permissions_mode": 0o600}
        if not env_text("DOCANALYST_STORAGE")
        else {},
    },
    "staticfiles": {"BACKEND": "docanalyst.static_files.HashedStaticFiles"},
}
# There is no public media address: pictures and originals go through views behind the door.
MEDIA_ROOT = DATA_DIR / "files"
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
FILE_UPLOAD_HANDLERS = ["apps.library.uploads.MeasuredUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 100
MAX_UPLOAD_BYTES = env_int("DOCANALYST_MAX_UPLOAD_MB", 200, least=1) * 1024 * 1024
WORKSPACE_QUOTA_BYTES = env_int("DOCANALYST_WORKSPACE_QUOTA_MB", 51_200, least=1) * 1024 * 1024
MEMBER_QUOTA_BYTES = env_int("DOCANALYST_MEMBER_QUOTA_MB", 20_480, least=1) * 1024 * 1024
"""Originals that one person may have brought to one workspace."""
UPLOADS_PER_MEMBER = env_int("DOCANALYST_UPLOADS_PER_MEMBER", 20, least=1)
"""How many unfinished uploads one person may have."""
RECOGNISE_SCANS = env_bool("DOCANALYST_OCR", True)
"""Whether pages without text are read by text recognition as soon as a document is ready."""

GIT_HOSTS = frozenset(env_text("DOCANALYST_GIT_HOSTS").lower().replace(",", " ").split())
"""Hosts that repositories are fetched from; empty for every public one."""
GIT_PRIVATE_HOSTS = frozenset(env_text("DOCANALYST_GIT_PRIVATE_HOSTS").lower().replace(",", " ").split())
"""Hosts inside a network, perhaps with a port, that are fetched from as well: whoever adds one trusts its name server."""
GIT_CA_FILE = env_text("DOCANALYST_GIT_CA_FILE")
"""Certificates (PEM) that the private hosts are checked with, instead of the system's."""

# Sign-in ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 8},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
# Ours count wrong passwords alone (apps/common/limits.py): a whole office signs in from one address.
ACCOUNT_RATE_LIMITS = {"login": "", "login_failed": ""}
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "apps.common.views.csrf_failure"
EMAIL_BACKEND = env_text("DOCANALYST_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")

# Browser ---------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if not IS_LOCAL:
    SESSION_COOKIE_NAME = "__Host-session"
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-csrf"
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = env_bool("DOCANALYST_TLS_REDIRECT", True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
PROXY_COUNT = env_int("DOCANALYST_PROXY_COUNT", 0)
"""How many proxies of ours stand in front; forwarding headers are believed from that many, 0 from none."""
if PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ALLAUTH_TRUSTED_PROXY_COUNT = PROXY_COUNT
METRICS_TOKEN = env_text("DOCANALYST_METRICS_TOKEN")

# Asking ----------------------------------------------------------------------------------------

MAVERICK_UP_TO_TOKENS = env_int("MAVERICK_UP_TO_TOKENS", 128_000, least=1)
MONTHLY_BUDGET_USD = env_decimal("DOCANALYST_MONTHLY_BUDGET_USD", "0")
"""What a workspace may spend in a calendar month unless it has a budget of its own; 0 is no limit."""
CONCURRENT_ANSWERS_PER_MEMBER = env_int("DOCANALYST_ANSWERS_PER_MEMBER", 10, least=1)
ASKS_PER_MEMBER_PER_MINUTE = env_int("DOCANALYST_ASKS_PER_MINUTE", 30, least=1)
WORKSPACES_PER_MEMBER_PER_DAY = env_int("DOCANALYST_WORKSPACES_PER_DAY", 20, least=1)
"""Each workspace has a budget of its own, so making them must not be free of limits."""
STREAMS_PER_MEMBER = env_int("DOCANALYST_STREAMS_PER_MEMBER", 10, least=1)
STREAMS_PER_PROCESS = env_int("DOCANALYST_STREAMS_PER_PROCESS", 2_000, least=1)
STREAM_KEEPALIVE_SECONDS = env_int("DOCANALYST_STREAM_KEEPALIVE_SECONDS", 10, least=1)
ANSWER_CLAIM_SECONDS = env_int("DOCANALYST_ANSWER_CLAIM_SECONDS", 60, least=5)
"""A running answer renews its claim; one not renewed for this long belongs to a worker that died."""
INGEST_CLAIM_SECONDS = env_int("DOCANALYST_INGEST_CLAIM_SECONDS", 30, least=5)
"""As above, for documents; a worker that dies on this machine is noticed at once (apps/library/holds.py)."""

# Words and logs --------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
LOG_LEVEL = env_choice("DOCANALYST_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "httpx2": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        "security": {"level": "INFO"},
    },
}
