"""An old study, written for psiTurk 2 as labs have it, and a new one that adopts it.

Everything in it is invented; each oddity is one that real labs' experiments have.
"""
# ruff: noqa: E101, E501  (a lab's code has long lines, and tabs beside spaces)

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import forks
import pytest

CONFIG = """\
[HIT Configuration]
title = Words & 100%% Colours
description = Name some colours.
amt_keywords = colour, words
lifetime = 24
us_only = false
contact_email_on_error = lab@old.example.edu
ad_group = colours
psiturk_keywords = stroop
organization_name = Old University
browser_exclude_rule = MSIE, mobile
allow_repeats = false
ad_location = https://ad.psiturk.org/x

[Database Parameters]
database_url = mysql://root:hunter2secret@db.old.example.edu/turk
table_name = colours

[Server Parameters]
host = 0.0.0.0
port = 5000
cutoff_time = 45
logfile = server.log
loglevel = 2
debug = true
login_username = admin
login_pw = hunter2secret
threads = auto
upload_folder = uploads

[Task Parameters]
experiment_code_version = 3.2
num_conds = 3
num_counters = 2

[Lab]
bonus_rate = 0.02

[Shell Parameters]
launch_in_sandbox_mode = true
"""
CUSTOM = """\
# the lab's own routes
from flask import Blueprint, render_template, request, jsonify, abort, current_app
from StringIO import StringIO
from psiturk.psiturk_config import PsiturkConfig
from psiturk.experiment_errors import ExperimentError
from psiturk.experiment import COMPLETED
from psiturk.user_utils import PsiTurkAuthorization, nocache
from psiturk.db import db_session
from psiturk.models import Participant
from json import loads
import helpers

config = PsiturkConfig()
config.load_config()
myauth = PsiTurkAuthorization(config)
rate = config.getfloat('Lab', 'bonus_rate')
folder = config.get('Server Parameters', 'upload_folder')
custom_code = Blueprint('custom_code', __name__, template_folder='templates', static_folder='static')

@custom_code.route('/count')
@myauth.requires_auth
@nocache
def count():
	text = StringIO()
	text.write(u'%d in %s' % (Participant.query.count(), folder))
	return text.getvalue()

@custom_code.route('/compute_bonus', methods=['GET'])
def compute_bonus():
	if not request.args.has_key('uniqueId'):
	    raise ExperimentError('improper_inputs')
	try:
		user = Participant.query.filter(Participant.uniqueid == request.args['uniqueId']).one()
		user.bonus = helpers.bonus(loads(user.datastring), rate)
		db_session.add(user)
		db_session.commit()
		print "bonus", user.bonus
		return jsonify(bonusComputed='success')
	except KeyError, e:
		abort(404)
"""
HELPERS = """\
def bonus(record, rate):
    scores = {}
    for trial in record['data']:
        data = trial['trialdata']
        if data.has_key('hit'):
            scores[trial['current_trial']] = data['hit']
    return rate * sum(value for key, value in scores.iteritems())
"""
AD = """\
<html><head><script src="/static/lib/jquery-min.js"></script>
<script type="text/javascript">
function openwindow() {
  popup = window.open('{{ server_location }}/consent?hitId={{ hitid }}&assignmentId={{ assignmentid }}&workerId={{ workerid }}', 'Popup', 'width=900');
}
</script></head>
<body><h1>Words and colours</h1>
<button onclick="openwindow();">Begin</button>
<a id="direct" href="/consent?hitId={{ hitid }}&assignmentId={{ assignmentid }}&workerId={{ workerid }}">or here</a>
</body></html>
"""
CONSENT = """\
<html><head><link rel="stylesheet" href="http://fonts.googleapis.com/css?family=Lato"></head>
<body><h1>Do you agree?</h1>
<object data="/static/consent.pdf" width="300" height="200"></object>
<a id="agree" href="/exp?hitId={{ hitid }}&assignmentId={{ assignmentid }}&workerId={{ workerid }}">I agree</a>
</body></html>
"""
EXP = """\
<!doctype html>
<html><head><title>Words</title>
  <script src="/static/lib/jquery-min.js" type="text/javascript"> </script>
  <script src="/static/lib/underscore-min.js" type="text/javascript"> </script>
  <script src="/static/lib/backbone-min.js" type="text/javascript"> </script>
  <script src="http://d3js.org/d3.v3.min.js"></script>
  <script src="//cdnjs.cloudflare.com/ajax/libs/x/x.js"></script>
  <link rel="stylesheet" href="/static/css/lab.css">
  <script type="text/javascript">
    var uniqueId = "{{ uniqueId }}";
    var condition = "{{ condition }}";
    var counterbalance = "{{ counterbalance }}";
    var adServerLoc = "{{ adServerLoc }}";
    var mode = "{{ mode }}";
  </script>
  <script src="/static/js/utils.js" type="text/javascript"> </script>
  <script src="/static/js/psiturk.js" type="text/javascript"> </script>
  <script src="/static/js/missing.js" type="text/javascript"> </script>
  <script src="/static/js/task.js" type="text/javascript"> </script>
</head><body onload="bodyLoaded = true">
  <noscript>JavaScript, please</noscript>
</body></html>
"""
TASK = """\
// plain script, with globals by accident and pages shown in the line after they are asked for
psiTurk = PsiTurk(uniqueId, adServerLoc, mode);
pages = ["instructions/one.html", "instructions/two.html", "stage.html", "question.html", "complete.html"];
psiTurk.preloadPages(pages);
early = psiTurk.getPage("stage.html").length;
psiTurk.recordUnstructuredData('early', early);
Backbone.Notifications.on('_psiturk_finishedinstructions', function() { begun = true; });

shown = 0;
function next() {
  if (shown >= 12) return question();
  shown += 1;
  document.getElementById('word').innerHTML = 'word ' + shown;
}
function question() {
  psiTurk.showPage('question.html');
  $('#save').click(function() {
    psiTurk.recordUnstructuredData('age', $('#age').val());
    psiTurk.taskdata.set('bonus', 1);
    psiTurk.saveData({ success: function() {
      $.ajax('compute_bonus', { data: { uniqueId: uniqueId }, success: psiTurk.completeHIT, error: psiTurk.completeHIT });
    } });
  });
}
$(window).load(function() {
  window.loaded = (window.loaded || 0) + 1;
  psiTurk.doInstructions(['instructions/one.html', 'instructions/two.html'], function() {
    psiTurk.showPage('stage.html');
    $('#hit').click(function() {
      psiTurk.recordTrialData({ 'phase': 'TEST', 'word': shown, 'hit': shown % 2 == 0, 'begun': begun });
      setTimeout("next()", 5);
    });
    next();
  });
});
"""
PAGE = '<div class="instructionsnav"><p>{}</p><button class="continue">Next</button></div>'
OLD_STUDY = {
    "config.txt": CONFIG,
    "custom.py": CUSTOM,
    "helpers.py": HELPERS,
    "conditions.json.bak": "{}",
    "templates/ad.html": AD,
    "templates/consent.html": CONSENT,
    "templates/exp.html": EXP,
    "templates/stage.html": '<p id="word"></p><button id="hit">Seen</button>',
    "templates/question.html": '<p>{{ title }}</p><input id="age"><button id="save">Save</button>'
    "{% raw %}<i>{{ kept }}</i>{% endraw %}",
    "templates/instructions/one.html": PAGE.format("One"),
    "templates/instructions/two.html": PAGE.format("Two"),
    "templates/complete.html": "<h1>Thanks from the lab</h1>",
    "templates/error.html": "<h1>The lab's own error {{ errornum }}</h1>",
    "templates/list.html": "<p>a list</p>",
    "static/js/task.js": TASK,
    "static/js/utils.js": "function identity(x) { return x; }\n",
    "static/css/lab.css": "@import url('http://fonts.googleapis.com/css?family=Open+Sans');\n"
    "body { background: url(http://images.old.example.edu/paper.png); }\n",
    "static/consent.pdf": "%PDF-1.4",
    "static/.DS_Store": "x",
    "participants.db": "SQLite",
    "trialdata.csv": "w1:a1,0,1,{}",
    "Procfile": "web: python herokuapp.py",
    "herokuapp.py": "pass",
    "requirements.txt": "psiturk==2.3.12\n",
    "README.md": "How we did it",
}


def write_old_study(folder: Path, **changes: str | None) -> Path:
    """Write the old study; ``changes`` replaces files, or leaves them out, by their names."""
    for name, text in {**OLD_STUDY, **changes}.items():
        if text is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


@dataclass
class Adopter:
    """A new study, in a folder of its own, for one adoption."""

    path: Path
    python: Path

    def __call__(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        """Run `study …` there."""
        environment = os.environ | {"PYTHONPATH": ""} | environment
        return forks.run(self.python, "-m", "study", *command, cwd=self.path, env=environment)

    def adopt(self, old: Path, *options: str) -> subprocess.CompletedProcess:
        """Adopt without looking at the pages, unless the options say so."""
        done = self("adopt", str(old), *(options or ("--no-try",)))
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def git(self, *command: str) -> str:
        done = subprocess.run(["git", *command], cwd=self.path, capture_output=True, text=True)
        return done.stdout.strip()

    def text(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        """Everything that git knows or would know."""
        names = self.git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
        return {n: (self.path / n).read_bytes() for n in names if (self.path / n).exists()}


def make_adopter(study, folder: Path) -> Adopter:
    """A fresh copy of an installed study."""
    shutil.copytree(
        study.path, folder, ignore=shutil.ignore_patterns(".venv", "__pycache__", ".env")
    )
    return Adopter(folder, study.python)


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    """The old study as it is, one for each file."""
    return write_old_study(tmp_path_factory.mktemp("old") / "words")


@pytest.fixture
def adopter(studies, tmp_path) -> Adopter:
    return make_adopter(studies(project_slug="adopter", recruitment="mturk"), tmp_path / "new")
