"""Keeps secrets out of the store: by the name of a variable, by the look of a value, by the name of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

MASK = "<redacted>"

_SECRET_NAME = re.compile(r"key|token|secret|passw|passphrase|cred|auth|cookie|private|dsn|_pat$|webhook", re.I)
_KEPT_NAME = re.compile(
    r"^(OMP|MKL|OPENBLAS|GOTO|BLIS|VECLIB|NUMEXPR|KMP|GOMP|CUDA|CUBLAS|CUDNN|NVIDIA|NCCL|HIP|ROCR|TORCH|PYTORCH|ATEN|"
    r"ONEDNN|DNNL|XLA|JAX|TF|KERAS|PYTHON|LIGHTGBM|XGBOOST|TOKENIZERS|HF|TRANSFORMERS|SKLEARN|SCIPY|LOKY|JOBLIB|RAY|"
    r"MPL|SLURM|WORLD|RANK|LOCAL_RANK|MASTER|MALLOC|LC|POLARS|NUMBA|DASK)(_|$|[A-Z]*$)"
)
_KEPT = {"LANG", "LANGUAGE", "TZ", "SEED", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "SOURCE_DATE_EPOCH"}
# Only shapes that are hardly ever anything else: a mask on a wrong value would be a change of the record. Each begins
# with a word of its own, which is looked for first: an alternation of them all costs 100 times as much on plain text.
_SHAPES = [
    (start, re.compile(pattern, re.S))
    for start, pattern in [
        ("AKIA", r"AKIA[0-9A-Z]{16}\b"),
        ("ASIA", r"ASIA[0-9A-Z]{16}\b"),
        ("sk-", r"sk-[A-Za-z0-9_-]{20,}"),
        *((f"gh{kind}_", rf"gh{kind}_[A-Za-z0-9]{{30,}}") for kind in "pousr"),
        ("github_pat_", r"github_pat_[A-Za-z0-9_]{30,}"),
        ("glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
        ("hf_", r"hf_[A-Za-z0-9]{30,}"),
        ("xox", r"xox[abprs]-[A-Za-z0-9-]{10,}"),
        ("AIza", r"AIza[A-Za-z0-9_-]{35}"),
        ("npm_", r"npm_[A-Za-z0-9]{36}"),
        ("pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
        ("eyJ", r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
        ("hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{10,}"),
        ("-----BEGIN", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    ]
]
# `API_KEY = "…"`, `"password": "…"`: a quoted value of letters and digits, under a name that says what it is. PWD is
# also the shell's variable for the working folder.
_ASSIGNED = re.compile(
    r"""(?i:(?<=api_key)|(?<=apikey)|(?<=api-key)|(?<=secret)|(?<=secret_key)|(?<=access_key)|(?<=password)|(?<=passwd)|"""
    r"""(?<=pwd)(?!(?-i:(?<=PWD))["']?\s?[:=]\s?["']/)|"""
    r"""(?<=auth_token)|(?<=access_token))(["']?\s?[:=]\s?)(["'])(?=[^"']*\d)(?=[^"']*[A-Za-z])[^"'\s<>{}$]{8,}\2"""
)
# `?api_key=…`, `&sig=…` in an address; `PGPASSWORD=…` before a command; `passwd = …` alone on a line of settings.
_UNQUOTED = re.compile(
    r"(?i:(?<=[?&]api_key=)|(?<=[?&]apikey=)|(?<=[?&]key=)|(?<=[?&]token=)|(?<=[?&]access_token=)|(?<=[?&]sig=)|"
    r"(?<=[?&]signature=)|(?<=[?&]password=)|(?<=[?&]secret=))(?=[^\s&'\"<>]*[\dA-Z])[^\s&'\"<>{}]{8,}"
    r"|(?<=PASSWORD=)(?=[^\s'\"$<>]*\d)[^\s'\"$<>]{6,}"
    r"|(?m:(?<=^passwd = )|(?<=^password = )|(?<=^passwd=)|(?<=^password=)|(?<=^pwd: )|(?<=^password: )|(?<=^passwd: ))"
    r"(?=\S*\d)(?=\S*[A-Za-z])[^\s'\"()<>{}\[\]$]{8,}$"
)
_ASSIGNED_WORDS = ("key", "KEY", "Key", "assw", "ASSW", "pwd", "PWD", "ecret", "ECRET", "oken", "OKEN", "sig=")
_TOKEN_VALUE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.+/=:-]{8,}|[\w.+/=:-]{20,}")
_URL_LOGIN = re.compile(r"(?<=://)[^/\s:@'\"]*:[^/\s@'\"]+(?=@)|(?<=://)[^/\s:@'\"]{20,}(?=@)")
_SECRET_FILE = re.compile(
    r"^(\.env(\..*)?|\.netrc|\.pgpass|\.pypirc|\.npmrc|\.htpasswd|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|jks|kdbx)|"
    r"credentials(\.json)?|secrets?\.(ya?ml|json|toml|ini|env)|kaggle\.json|service[-_]account.*\.json)$",
    re.I,
)


class Redactor:
    """Masks secrets in texts, by their general shapes, and by the values that this run is known to be given.

    Those are in the secret variables of `environ`, behind the secret options of `argv`, and in the `.env` files of
    `folders`.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, argv: Sequence[str] = (), folders: Iterable[Path] = ()
    ) -> None:
        environ = os.environ if environ is None else environ
        values = {value for name, value in environ.items() if _is_secret(name)}
        values |= {value for _, value in _secret_options(argv)}
        for folder in folders:
            values |= {value for name, value in _dotenv(folder / ".env") if _is_secret(name)}
        values = {value for value in values if len(value) >= 8 and not value.isdigit() and not os.path.isabs(value)}
        self._known = sorted(values, key=len, reverse=True)

    def text(self, text: str) -> str:
        """`text` with every secret replaced by the mask."""
        for value in self._known:
            if value in text:
                text = text.replace(value, MASK)
        if "://" in text:
            text = _URL_LOGIN.sub(MASK, text)
        for start, shape in _SHAPES:
            if start in text:
                text = shape.sub(_mask_whole_word, text)
        if any(word in text for word in _ASSIGNED_WORDS):
            text = _ASSIGNED.sub(self._mask_assigned, text)
            text = _UNQUOTED.sub(MASK, text)
        return text

    def _mask_assigned(self, match: re.Match[str]) -> str:
        """Mask the value, and whatever prints it later."""
        quote, value = match[2], match[0][len(match[1]) + 1 : -1]
        if value not in self._known:
            self._known = sorted([*self._known, value], key=len, reverse=True)
        return f"{match[1]}{quote}{MASK}{quote}"

    def data(self, data: bytes) -> bytes:
        """The same for bytes of any encoding that holds ASCII."""
        text = data.decode("utf-8", "surrogateescape")
        masked = self.text(text)
        return data if masked is text or masked == text else masked.encode("utf-8", "surrogateescape")

    def argv(self, argv: Iterable[str]) -> list[str]:
        """A command line: also what follows an option with a secret's name."""
        words = list(argv)
        out = [self.text(word) for word in words]
        for at, value in _secret_options(words):
            out[at] = words[at].removesuffix(value) + MASK
        return out

    def value(self, name: str, value: object) -> object:
        """A configuration value, by its name and by its look; folders of values in depth."""
        if isinstance(value, Mapping):
            return {str(key): self.value(str(key), item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(name, item) for item in value]
        if not isinstance(value, str):
            return value
        return MASK if value and _is_option_secret(name, value) else self.text(value)

    def is_secret(self, name: str) -> bool:
        """Whether a variable of this name holds a secret."""
        return _is_secret(name)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that bear on a result; anything with a secret's name or look is left out."""
        kept = {}
        for name, value in environ.items():
            if (name in _KEPT or _KEPT_NAME.match(name)) and not _is_secret(name):
                kept[name] = self.text(value)
        return kept


def _mask_whole_word(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()]
    return match[0] if before.isalnum() or before == "_" else MASK


def is_secret_file(name: str) -> bool:
    """Whether a file of this name holds secrets by convention; such a file is never stored."""
    return bool(_SECRET_FILE.match(name))


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name))


def _is_option_secret(name: str, value: str) -> bool:
    words = re.split(r"[-_./+~]+", name.strip("-").lower())
    if words[-1] in ("length", "len", "size", "count", "id", "ids", "type", "dim", "max", "min", "limit", "name"):
        return False
    if {"token", "auth"} & set(words):
        # Also a word of language models (`--pad-token "[PAD]"`, `--num-token 512`): the value has to look like one.
        return bool(_TOKEN_VALUE.fullmatch(value))
    if {"password", "passwd", "passphrase", "pwd", "secret", "apikey", "credential", "credentials"} & set(words):
        return True
    return "key" in words and bool({"api", "access", "secret", "private", "wandb", "openai", "hf"} & set(words))


def _secret_options(argv: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Position and value of each word that is, or ends in, the value of an option with a secret's name."""
    for at, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if equals and value and _is_option_secret(name, value):
            yield at, value
        elif at and not word.startswith("-") and _names_secret(argv[at - 1], word):
            yield at, word


def _names_secret(option: str, value: str) -> bool:
    return option.startswith("-") and "=" not in option and _is_option_secret(option, value)


def _dotenv(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_text(errors="surrogateescape").splitlines()[:1000]
    except OSError:
        return
    for line in lines:
        name, equals, value = line.removeprefix("export ").partition("=")
        if equals:
            yield name.strip(), value.strip().strip("'\"")
