"""The Content-Security-Policy: from where a page may load what."""

from study.config import StudySettings


def make_policy(settings: StudySettings) -> dict[str, list[str]]:
    """Return the sources that each directive allows.

    Inline styles are allowed: jsPsych's plugins and many tasks write them, and they cannot
    send anything away where images and requests may go nowhere else.
    """
    origins = list(filter(None, [settings.recruiter.frame_origin]))
    scripts, media = settings.script_sources, settings.media_sources
    hosts = [source for source in scripts if not source.startswith("'")]
    files = ["'self'", "data:", "blob:", *media]
    return {
        "default-src": ["'self'"],
        "script-src": ["'self'", *scripts],
        "style-src": ["'self'", "'unsafe-inline'", *hosts],
        "font-src": ["'self'", "data:", *hosts, *media],
        **dict.fromkeys(("img-src", "media-src", "connect-src"), files),
        "worker-src": ["'self'", "blob:"],
        "frame-src": ["'self'", *media],
        "frame-ancestors": ["'self'", *origins],
        "form-action": ["'self'", *origins],
        "object-src": ["'self'", *media],  # a consent form as PDF
        "base-uri": ["'none'"],
    }
