"""Fixtures that several files here share."""

import re

import pytest
from holdings import ADA, BOB, MARKER, Archive, somebody
from saving import begin


@pytest.fixture
def participant(server, request):
    return begin(server, re.sub(r"\W+", "-", request.node.name)[:100])


@pytest.fixture
def two(lab) -> Archive:
    """Ada, who came twice, and Bob; with files of a download."""
    archive = Archive(lab.folder, lab.python, lab.url, None)
    archive.fill(
        somebody(1, ADA, "first-visit", MARKER),
        somebody(2, ADA, "second-visit", MARKER),
        somebody(3, BOB, "only-visit", "fine"),
        commands=(["data"],),
    )
    return archive
