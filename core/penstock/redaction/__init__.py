"""Keeping secrets out of everything a person or a log may see: URLs, messages, tracebacks."""

from __future__ import annotations

from penstock.redaction.finding import credentials_in as credentials_in
from penstock.redaction.finding import secret_parts as secret_parts
from penstock.redaction.finding import secrets_in as secrets_in
from penstock.redaction.finding import url_secrets as url_secrets
from penstock.redaction.known import Secrets as Secrets
from penstock.redaction.names import looks_secret as looks_secret
from penstock.redaction.records import RedactingFilter as RedactingFilter
from penstock.redaction.records import scrub as scrub
from penstock.redaction.redactor import Redactor as Redactor
from penstock.redaction.urls import MASK as MASK
from penstock.redaction.urls import mask_base_url as mask_base_url
from penstock.redaction.urls import mask_url as mask_url
