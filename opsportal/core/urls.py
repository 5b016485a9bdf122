"""Pages that belong to no room: the style guide."""

from django.urls import URLPattern, URLResolver, path

from opsportal.core.views.help import help_page
from opsportal.core.views.styleguide import styleguide

app_name = "core"
urlpatterns: list[URLPattern | URLResolver] = [
    path("styleguide/", styleguide, name="styleguide"),
    path("help/", help_page, name="help"),
]
