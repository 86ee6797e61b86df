"""Passwords checked by the machine's PAM stack; needs the optional library python-pam."""

from __future__ import annotations

import logging

try:
    import pam
except ImportError:
    pam = None

log = logging.getLogger(__name__)

_AUTH_ERROR, _USER_UNKNOWN = 7, 10  # PAM_AUTH_ERR, PAM_USER_UNKNOWN


class Pam:
    """Checks passwords by a PAM service, the account's validity with them. Errors at first: ValueError."""

    def __init__(self, service: str) -> None:
        if pam is None:
            raise ValueError("authentication by PAM needs python-pam: install virtcim[pam]")
        self._service = service

    def check(self, user: str, password: str) -> bool:
        """Whether PAM lets the user in. Blocks, for seconds after a wrong password: not for the loop that serves."""
        asked = pam.PamAuthenticator()
        try:
            admitted = bool(asked.authenticate(user, password, service=self._service, resetcreds=False))
        except ValueError:  # a NUL in the name or the password
            return False
        if not admitted and asked.code not in (_AUTH_ERROR, _USER_UNKNOWN):
            log.warning("PAM service %s refuses %s: %s", self._service, user, asked.reason)
        return admitted

    def stored(self, user: str) -> str:
        """Nothing: PAM does not tell when a password changes."""
        return ""
