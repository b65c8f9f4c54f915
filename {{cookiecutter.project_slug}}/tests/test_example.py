"""What holds for the example that the study was made with."""

import html

from study import config


def test_every_page_names_the_study(participant):
    title = config.load().study.title
    for path in ("/pub", "/consent", "/exp"):
        page = participant.visit(path)
        assert page.status_code == 200
        assert title in html.unescape(page.text), path


def test_the_invitation_leads_to_the_consent_page_and_that_to_the_experiment(participant):
    assert "/consent?" in participant.visit("/pub").text
    assert "/exp?" in participant.visit("/consent").text
