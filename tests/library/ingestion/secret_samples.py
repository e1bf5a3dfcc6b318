"""A hundred secrets and a hundred decoys, made by code: none of them stands in this file as it would be found.

The secrets have the form of real ones (prefixes, lengths, alphabets, checksums) and are random. The decoys are
what source code is full of: hashes, identifiers, public keys, placeholders, references to variables.
"""

from __future__ import annotations

import base64
import binascii
import json
import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass

UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
WORD = UPPER + LOWER + DIGITS
HEX = DIGITS + "abcdef"
URL_SAFE = WORD + "-_"


@dataclass(frozen=True, slots=True)
class Sample:
    """kind: what it is, for people. text: a piece of a file. secret: the part that must not be sent, or ""."""

    kind: str
    text: str
    secret: str = ""


def _random(seed: int) -> random.Random:
    return random.Random(f"samples {seed}")


class _Maker:
    """Random values in the forms of one file; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = _random(seed)

    def some(self, alphabet: str, count: int) -> str:
        """Never a run of one sign, and of each kind of sign that the alphabet has."""
        while True:
            value = "".join(self.random.choices(alphabet, k=count))
            kinds = (UPPER, LOWER, DIGITS)
            if count < 12 or all(set(value) & set(kind) for kind in kinds if set(alphabet) & set(kind)):
                return value

    def checked(self, prefix: str, count: int = 30) -> str:
        """GitHub's and npm's form: the last six signs are a checksum of those before."""
        body = self.some(WORD, count)
        number, digits = binascii.crc32(body.encode()), ""
        while number:
            number, rest = divmod(number, 62)
            digits = (DIGITS + UPPER + LOWER)[rest] + digits
        return prefix + body + digits.rjust(6, "0")

    def base64(self, count: int) -> str:
        return base64.b64encode(self.random.randbytes(count)).decode()

    def jwt(self) -> str:
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": self.some(DIGITS, 10), "iat": 1_700_000_000}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, self.some(URL_SAFE, 43)])

    def pem(self, kind: str, lines: int = 24) -> str:
        dashes = "-" * 5
        body = "\n".join(self.base64(48) for _ in range(lines))
        return f"{dashes}BEGIN {kind}{dashes}\n{body}\n{dashes}END {kind}{dashes}"


_Form = Callable[[_Maker], str]

_TOKENS: dict[str, _Form] = {
    "GitHub personal token": lambda make: make.checked("gh" + "p_"),
    "GitHub OAuth token": lambda make: make.checked("gh" + "o_"),
    "GitHub app token": lambda make: make.checked("gh" + "s_"),
    "GitHub fine-grained token": lambda make: (
        f"github_{'pat'}_" + make.some(WORD, 22) + "_" + make.some(WORD, 59)
    ),
    "GitLab personal token": lambda make: "gl" + "pat-" + make.some(WORD, 20),
    "Slack bot token": lambda make: (
        "xo" + "xb-" + make.some(DIGITS, 12) + "-" + make.some(DIGITS, 12) + "-" + make.some(WORD, 24)
    ),
    "Slack user token": lambda make: (
        "xo" + "xp-" + "-".join(make.some(DIGITS, 12) for _ in range(3)) + "-" + make.some(HEX, 32)
    ),
    "Slack webhook": lambda make: (
        "https://hooks."
        + "slack.com/services/T"
        + make.some(UPPER + DIGITS, 8)
        + "/B"
        + make.some(UPPER + DIGITS, 8)
        + "/"
        + make.some(WORD, 24)
    ),
    "Stripe key": lambda make: "sk_" + "live_" + make.some(WORD, 24),
    "Stripe restricted key": lambda make: "rk_" + "live_" + make.some(WORD, 24),
    "Google API key": lambda make: "AI" + "za" + make.some(URL_SAFE, 35),
    "npm token": lambda make: make.checked("np" + "m_"),
    "PyPI token": lambda make: "pypi-" + "AgEIcHlwaS5vcmc" + make.some(URL_SAFE, 120),
    "SendGrid key": lambda make: "SG" + "." + make.some(URL_SAFE, 22) + "." + make.some(URL_SAFE, 43),
    "Twilio key": lambda make: "S" + "K" + make.some(HEX, 32),
    "Mailchimp key": lambda make: make.some(HEX, 32) + "-us" + "12",
    "DigitalOcean token": lambda make: "dop_" + "v1_" + make.some(HEX, 64),
    "Hugging Face token": lambda make: "h" + "f_" + make.some(UPPER + LOWER, 34),
    "OpenAI key": lambda make: (
        "sk-" + "proj-" + make.some(URL_SAFE, 74) + "T3Blbk" + "FJ" + make.some(URL_SAFE, 74)
    ),
    "Anthropic key": lambda make: "sk-" + "ant-api03-" + make.some(URL_SAFE, 93) + "AA",
    "Shopify token": lambda make: "shp" + "at_" + make.some(HEX, 32),
    "Databricks token": lambda make: "da" + "pi" + make.some(HEX, 32),
    "Docker Hub token": lambda make: "dckr_" + "pat_" + make.some(URL_SAFE, 27),
    "Terraform token": lambda make: make.some(WORD, 14) + ".atlas" + "v1." + make.some(WORD, 67),
    "Vault token": lambda make: "hv" + "s." + make.some(URL_SAFE, 95),
    "Doppler token": lambda make: "dp." + "pt." + make.some(WORD, 43),
    "Linear key": lambda make: "lin_" + "api_" + make.some(WORD, 40),
    "Telegram bot token": lambda make: make.some(DIGITS, 10) + ":" + "AA" + make.some(URL_SAFE, 33),
    "Grafana token": lambda make: "gl" + "sa_" + make.some(WORD, 32) + "_" + make.some(HEX, 8),
    "Postman key": lambda make: "PM" + "AK-" + make.some(HEX, 24) + "-" + make.some(HEX, 34),
    "RubyGems key": lambda make: "ruby" + "gems_" + make.some(HEX, 48),
    "Replicate token": lambda make: "r" + "8_" + make.some(WORD, 37),
    "Groq key": lambda make: "gs" + "k_" + make.some(WORD, 20) + "WGdyb3FY" + make.some(WORD, 24),
    "Atlassian token": lambda make: (
        "AT"
        + "ATT3xFfGF0"
        + make.some(URL_SAFE, 182)
        + "="
        + make.some(UPPER + DIGITS, 8).translate(
            str.maketrans("GHIJKLMNOPQRSTUVWXYZ", "ABCDEFABCDEFABCDEFAB")
        )
    ),
    "age key": lambda make: (
        "AGE-SECRET-" + "KEY-1" + "".join(make.random.choices("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", k=58))
    ),
    "JSON web token": lambda make: make.jwt(),
    "AWS access key": lambda make: "AK" + "IA" + make.some(UPPER + "234567", 16),
    "RSA key": lambda make: make.pem("RSA " + "PRIVATE KEY"),
    "OpenSSH key": lambda make: make.pem("OPENSSH " + "PRIVATE KEY"),
    "EC key": lambda make: make.pem("EC " + "PRIVATE KEY", 4),
    "PKCS 8 key": lambda make: make.pem("PRIVATE " + "KEY"),
    "PGP key": lambda make: make.pem("PGP PRIVATE " + "KEY BLOCK", 40),
}
_PASSWORD: _Form = lambda make: make.some(WORD, 18)  # noqa: E731
_WRAPPED: dict[str, tuple[_Form, str]] = {
    "password in a PostgreSQL address": (
        _PASSWORD,
        "DATABASE_URL = 'postgres://orders:{}@db.internal:5432/orders'",
    ),
    "password in a MySQL address": (_PASSWORD, "dsn: mysql://shop:{}@10.0.4.7/shop"),
    "password in a MongoDB address": (
        _PASSWORD,
        "MONGO=mongodb+srv://svc:{}@cluster0.ab1cd.mongodb.net/main",
    ),
    "password in a Redis address": (_PASSWORD, 'broker = "redis://:{}@cache.internal:6379/0"'),
    "password in an AMQP address": (_PASSWORD, "amqp://worker:{}@queue.internal:5672/jobs"),
    "password in a web address": (_PASSWORD, "git clone https://deploy:{}@git.internal/team/app.git"),
    "Azure storage key": (
        lambda make: make.base64(64),
        "DefaultEndpointsProtocol=https;AccountName=shopfiles;AccountKey={};EndpointSuffix=core.windows.net",
    ),
    "AWS secret key": (lambda make: make.some(WORD + "/+", 40), "aws_secret_access_key = {}"),
}
_PLACES = (
    "{name} = '{value}'\n",
    '"{name}": "{value}",\n',
    "export {name}={value}\n",
    '    client = connect(token="{value}")  # {name}\n',
)


def _placed(kind: str, value: str, maker: _Maker) -> str:
    if "\n" in value:
        return f"KEY = '''{value}'''\n" if maker.random.random() < 0.5 else f"{value}\n"
    name = maker.random.choice(["TOKEN", "api_key", "SERVICE_KEY", "credential"])
    return maker.random.choice(_PLACES).format(name=name, value=value)


def secrets() -> list[Sample]:
    """A hundred, two of each form, in code and settings of several languages."""
    samples = []
    for turn in (1, 2):
        maker = _Maker(turn)
        for kind, form in _TOKENS.items():
            value = form(maker)
            samples.append(Sample(kind, _placed(kind, value, maker), value))
        for kind, (form, place) in _WRAPPED.items():
            value = form(maker)
            samples.append(Sample(kind, place.format(value) + "\n", value))
    return samples


def _names(maker: _Maker) -> str:
    return str(uuid.UUID(bytes=maker.random.randbytes(16)))


_DECOYS: dict[str, _Form] = {
    "UUID": lambda make: f'ID = "{_names(make)}"',
    "commit": lambda make: f"commit {make.some(HEX, 40)}",
    "pinned action": lambda make: f"uses: actions/checkout@{make.some(HEX, 40)}",
    "SHA-256 of a file": lambda make: f"{make.some(HEX, 64)}  app-1.2.tar.gz",
    "hash of a package": lambda make: f"    --hash=sha256:{make.some(HEX, 64)} \\",
    "subresource integrity": lambda make: f'integrity="sha512-{make.base64(64)}"',
    "MD5": lambda make: f'assert digest == "{make.some(HEX, 32)}"',
    "public key": lambda make: make.pem("PUBLIC " + "KEY", 6),
    "certificate": lambda make: make.pem("CERTIFICATE", 20),
    "SSH public key": lambda make: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{make.some(WORD, 43)} ops@host",
    "picture in a style": lambda make: f"background: url(data:image/png;base64,{make.base64(90)});",
    "placeholder in braces": lambda make: (
        f"TOKEN = '${{{make.random.choice(['GITHUB', 'SLACK', 'NPM'])}_TOKEN}}'"
    ),
    "placeholder in angles": lambda make: (
        f"password = '<your-{make.random.choice(['password', 'token', 'api-key'])}>'"
    ),
    "from the environment": lambda make: (
        f"api_key = os.environ['{make.random.choice(['STRIPE', 'OPENAI', 'AWS'])}_API_KEY']"
    ),
    "documentation's AWS key": lambda make: "aws_access_key_id = AKIA" + "IOSFODNN7EXAMPLE",
    "documentation's AWS secret": lambda make: (
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
    ),
    "example token": lambda make: "token = 'gh" + "p_" + "x" * 36 + "'",
    "counted token": lambda make: "GITHUB_TOKEN=gh" + "p_" + "0123456789" * 3 + "012345",
    "address without password": lambda make: (
        f"postgres://{make.some(LOWER, 8)}@localhost/{make.some(LOWER, 6)}"
    ),
    "example address": lambda make: "DATABASE_URL=postgres://user:password@localhost:5432/db",
    "address with variable": lambda make: "url = f'postgres://{user}:{password}@{host}/{name}'",
    "address of a template": lambda make: "redis://:${REDIS_PASSWORD}@redis:6379/0",
    "publishable Stripe key": lambda make: f"Stripe('pk_{'test'}_{make.some(WORD, 24)}')",
    "test Stripe key": lambda make: "stripe.api_key = 'sk_test_...'",
    "password prompt": lambda make: "password = getpass.getpass('Password: ')",
    "password of a test": lambda make: "self.client.login(username='alice', password='secret')",
    "dotted name": lambda make: "com.example.service.configuration.AbstractSingletonProxyFactoryBean",
    "long identifier": lambda make: f"def test_{'_'.join(make.some(LOWER, 7) for _ in range(6))}():",
    "CSS colours": lambda make: " ".join(f"#{make.some(HEX, 6)};" for _ in range(8)),
    "numbers": lambda make: ", ".join(make.some(DIGITS, 9) for _ in range(8)),
    "session constant": lambda make: f"SESSION_COOKIE_NAME = '{make.some(LOWER, 12)}-session-id'",
    "mangled name": lambda make: "_ZN3app5Cache6insertERKSt4pairIiNS_5EntryEEb_N9__gnu_cxx13new_allocatorE",
    "locale data": lambda make: 'msgstr "Passwort: %(password)s, Schlüssel: %(key)s"',
    "regular expression": lambda make: r"TOKEN = re.compile(r'gh" + r"[pousr]_[A-Za-z0-9]{36}')",
    "URL of a release": lambda make: f"https://downloads.example.org/{make.some(HEX, 40)}/app.zip",
    "base64 of words": lambda make: base64.b64encode(
        b"the quick brown fox jumps over the lazy dog again"
    ).decode(),
    "key of a mapping": lambda make: (
        f"cache_key = 'user:{make.some(DIGITS, 6)}:profile:{make.some(LOWER, 10)}'"
    ),
    "Docker digest": lambda make: f"FROM python@sha256:{make.some(HEX, 64)}",
    "type of a secret": lambda make: "client_secret: Optional[SecretStr] = Field(default=None)",
    "nonce": lambda make: f"nonce = 0x{make.some(HEX, 16)}",
    "Git object": lambda make: f"100644 blob {make.some(HEX, 40)}\tREADME.md",
    "ticket": lambda make: f"See PROJ-{make.some(DIGITS, 5)} and build {make.some(DIGITS, 8)}",
    "masked token": lambda make: "Authorization: Bearer ********************************",
    "header in code": lambda make: "headers = {'Authorization': f'Bearer {token}'}",
    "JWT in pieces": lambda make: "header.payload.signature",
    "Kubernetes reference": lambda make: "valueFrom: {secretKeyRef: {name: db, key: password}}",
    "hash of a password": lambda make: "pbkdf2_sha256$870000$" + make.some(WORD, 22) + "$" + make.base64(32),
    "Firebase example": lambda make: 'apiKey: "YOUR_API_KEY_GOES_HERE_PLEASE",',
    "sequence": lambda make: (
        "ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "abcdefghijklmnopqrstuvwxyz0123456789+/'"
    ),
    "gene": lambda make: "".join(make.random.choices("ACGT", k=80)),
}


def decoys() -> list[Sample]:
    """A hundred, two of each form."""
    return [
        Sample(kind, form(maker) + "\n")
        for maker in (_Maker(11), _Maker(12))
        for kind, form in _DECOYS.items()
    ]
