"""How log records are written: as lines for people, or as JSON; a record's `fields` are part of both."""

from __future__ import annotations

import json
import logging
import re
import time
from datetime import UTC, datetime

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_json = json.JSONEncoder().encode


def set_up(level: str, form: str) -> None:
    """Log to standard error from this level on; `form` is text or json."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    # None of it is written; without the name of its own file, logging does not look for where a record comes from.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one.formatter, JsonFormatter | TextFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # it names each part of its own at INFO


class TextFormatter(logging.Formatter):
    """One line a record, whatever clients put into it; fields as name="value". A traceback follows on its own lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._second = (0, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """As it is by default, with the text of the last second kept."""
        second, text = self._second
        if second != int(record.created):
            second = int(record.created)
            text = time.strftime(self.default_time_format, time.localtime(second))
            self._second = second, text
        return f"{text},{int(record.msecs):03d}"

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = f"{record.asctime} {record.levelname} {record.name}: {record.message}"
        shown = "".join([f" {name}={_json(value)}" for name, value in _fields(record).items()])
        return _CONTROL.sub(_escape, line + shown)


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time (UTC), level, logger, message, the fields, and what was raised."""

    def format(self, record: logging.LogRecord) -> str:
        shown = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            shown["traceback"] = self.formatException(record.exc_info)
        return json.dumps(shown, default=str)


def _escape(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, dict) else {}
