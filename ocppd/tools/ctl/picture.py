"""The limits over time as a picture: SVG, for each EVSE a curve and a band for each profile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _LEFT, _RIGHT = 1000, 60, 20
_CURVE, _BAND, _GAP, _TITLE, _AXIS = 180, 22, 30, 28, 26
_PLOT = _WIDTH - _LEFT - _RIGHT
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
_TICKS = 6


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn of one EVSE.

    `steps` are the limits: from second, to second, limit. Each band is a profile: its name, from
    when to when it gives the limit, and its own periods (start_period, end_period, limit).
    """

    title: str
    unit: str
    start: str
    duration_s: int
    steps: Sequence[tuple[int, int, float]]
    bands: Sequence[tuple[str, Sequence[tuple[int, int]], Sequence[dict[str, Any]]]]

    @property
    def height(self) -> int:
        """How many pixels it takes."""
        return _TITLE + _CURVE + _BAND * len(self.bands) + _AXIS + _GAP


def svg(panels: Sequence[Panel]) -> str:
    """Return a picture of the panels, one below the other."""
    height = sum(panel.height for panel in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    top = 0
    for panel in panels:
        parts.append(f'<g transform="translate(0 {top})">')
        parts += _drawn(panel)
        parts.append("</g>")
        top += panel.height
    return "\n".join([*parts, "</svg>", ""])


def _drawn(panel: Panel) -> Iterator[str]:
    def x(second: float) -> float:
        return round(_LEFT + second / max(panel.duration_s, 1) * _PLOT, 2)

    highest = max([limit for _, _, limit in panel.steps] + _own_limits(panel)) or 1.0

    def y(limit: float) -> float:
        return round(_TITLE + _CURVE - max(limit, 0) / highest * _CURVE, 2)

    bottom = _TITLE + _CURVE
    foot = bottom + _BAND * len(panel.bands)
    yield _text(_LEFT, 18, panel.title, "start", 14)
    for part in (0.0, 0.5, 1.0):
        level = y(highest * part)
        yield f'<path d="M{_LEFT} {level}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>'
        yield _text(_LEFT - 6, level + 4, f"{highest * part:g} {panel.unit}", "end")
    for tick in range(_TICKS + 1):
        second = panel.duration_s * tick // _TICKS
        anchor = "start" if tick == 0 else "end" if tick == _TICKS else "middle"
        yield f'<path d="M{x(second)} {_TITLE}V{foot}" stroke="#eeeeee"/>'
        yield _text(x(second), foot + 16, _clock(panel.start, second), anchor)
    for index, (name, given, periods) in enumerate(panel.bands):
        colour = _COLOURS[index % len(_COLOURS)]
        line = bottom + _BAND * index
        for one in periods:
            begin, end, limit = one["start_period"], one["end_period"], one.get("limit")
            yield _box(x(begin), line + 4, x(end), line + _BAND, colour, 0.25)
            if limit is not None:
                yield (
                    f'<path d="M{x(begin)} {y(limit)}H{x(end)}" stroke="{colour}"'
                    ' stroke-dasharray="4 3"/>'
                )
        for begin, end in given:
            yield _box(x(begin), line + 4, x(end), line + _BAND, colour, 0.8)
        yield _text(_LEFT + 4, line + 17, name, "start")
    path = "".join(f"M{x(b)} {y(v)}H{x(e)}" if at == 0 else f"V{y(v)}H{x(e)}"
                   for at, (b, e, v) in enumerate(panel.steps))  # fmt: skip
    yield f'<path d="{path}" fill="none" stroke="black" stroke-width="2"/>'


def _own_limits(panel: Panel) -> list[float]:
    return [
        float(one["limit"]) for _, _, periods in panel.bands for one in periods if "limit" in one
    ]


def _box(left: float, top: float, right: float, bottom: float, colour: str, opacity: float) -> str:
    return (
        f'<rect x="{left}" y="{top}" width="{round(right - left, 2)}" height="{bottom - top}"'
        f' fill="{colour}" fill-opacity="{opacity}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _clock(start: str, second: int) -> str:
    """Return the time of day, in UTC as on the bus."""
    try:
        at = datetime.fromisoformat(start) + timedelta(seconds=second)
    except ValueError:
        return f"+{second} s"
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
