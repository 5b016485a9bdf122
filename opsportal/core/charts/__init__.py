"""Charts as SVG drawn on the server: coloured by CSS classes only, they follow the theme and need no client code.

Axis labels keep their size at any width: positions are percentages, only the curve itself is stretched.
"""

from opsportal.core.charts.line import line_chart
from opsportal.core.charts.model import Annotation, Band, Series, Threshold
from opsportal.core.charts.small import bar, day_strip, heat_map, spark
from opsportal.core.charts.special import NO_DRAWING, STYLE_SOURCE, burn_down, standalone

__all__ = (
    "NO_DRAWING",
    "STYLE_SOURCE",
    "Annotation",
    "Band",
    "Series",
    "Threshold",
    "bar",
    "burn_down",
    "day_strip",
    "heat_map",
    "line_chart",
    "spark",
    "standalone",
)
