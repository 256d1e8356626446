"""Browsers as they name themselves, in words."""

from flask_babel import gettext

from scim_server.web.console.visits import blueprint

# Each names itself after those that it is like: the most particular mark comes first.
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


@blueprint.app_template_filter()
def browser_name(agent: str | None) -> str:
    """Return what browser a session was opened in, as far as it tells."""
    agent = agent or ""
    browser = next((name for mark, name in _BROWSERS.items() if f"{mark}/" in agent), None)
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), None)
    if browser and system:
        return gettext("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or agent[:60] or gettext("Unknown browser")
