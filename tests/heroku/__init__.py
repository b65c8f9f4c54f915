"""A local double of Heroku, driven by the real Heroku CLI, real git and real HTTP clients.

    def test_a_study_goes_live(platform, machine, study):          # fixtures: fixtures.py
        machine.heroku("create", "my-study", cwd=study)            # the real CLI
        platform.fail("PATCH /apps/*/config-vars", times=1)        # what shall go wrong: faults.py
        machine.git("push", "heroku", "main", cwd=study)           # builds, releases, starts
        app = platform.apps["my-study"]                            # what is true: app.py
        app.wait_until_up()
        machine.open(app.web_url)                                  # https, under its real address
        assert len(platform.calls("POST /apps")) == 1              # what was asked
        assert machine.calls[0] == ["create", "my-study"]          # what was run

Where is ...?

    platform, app, addons     state and its rules        catalogue   plans, sizes, name rules
    faults, refusals          failures to order          machine     the researcher's computer
    routes, api, api_*        the Platform API           schema      state as the API writes it
    server                    the one port, TLS, proxy   certificate its throw-away authority
    git, build                pushes                     dynos       processes
    router, streams           pages, logs, backups       postgres    real databases
    cli, toolchain            programs and their caches  orphans     what must end with the tests

What differs from the real Heroku

- Time. An add-on is ready at once unless the test says otherwise (`platform.slow_addons()`);
  Heroku takes from seconds to minutes. Dynos, builds and DNS are as fast as this computer.
- Build. The buildpack's rules are followed, its code is not run: no base image, no slug
  compression, no limit of size or time, no bytecode compilation, no cache; a virtual environment
  in place of Heroku's own Python, at a path of its own in place of /app; the patch version is
  whatever is installed. A push without Procfile is refused here (Heroku accepts it and starts
  nothing).
- Dynos. No memory limit (R14, R15), no sleeping Eco dynos, no daily restart, no second start of a
  crashed dyno. A release makes its dynos start while the old ones end; the order is not promised.
- Router. No WebSockets, no H11, H15, H18 and the like, no limit of connections, HTTP/1.1 only.
- Data. PostgreSQL is the version installed here, without Heroku's extensions; limits of rows and
  size are shown, not enforced; connection limits are. No followers, forks, credentials, restore.
- API. What a study needs: no pipelines, spaces, rollback, attached one-off dynos (`heroku run`),
  two-factor prompts, OAuth or pagination beyond releases. Calls without an answer are in
  `platform.gaps`. Wordings marked "guess" in refusals.py are not Heroku's.
- Setting config vars to the values they have makes no release.
"""
