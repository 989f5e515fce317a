"""Runs the checks of one part of the tests, which all look at the same fixture."""

import time


def run(checks, make_fixture, wanted, errors):
    """(name, failures, seconds) of each function check_NAME whose name contains `wanted`. It is given the fixture, which
    is made when it is first needed, and returns what is wrong, in lines; so does one of the exceptions `errors`."""
    fixture = None
    for check in checks:
        name = check.__name__.replace("check_", "", 1)
        if wanted not in name:
            continue
        start = time.monotonic()
        try:
            fixture = fixture or make_fixture()
            failures = check(fixture)
        except errors as error:
            failures = str(error).splitlines()
        yield name, failures, time.monotonic() - start
