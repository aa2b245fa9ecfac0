"""Tenants on the command line."""

import re

from click.testing import CliRunner

from orchestrator import cli
from orchestrator.settings import Settings


def test_an_operator_makes_changes_and_rotates_on_the_command_line(settings: Settings) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(cli.main, ["tenants", *words])
        assert result.exit_code == 0, result.output
        return result.output

    def refused(*words: str) -> str:
        result = CliRunner().invoke(cli.main, ["tenants", *words])
        assert result.exit_code == 1
        return result.output

    assert "no tenants yet" in run("list")
    tenant_id, live, test = run("create", "Acme", "--origin", "https://Games.example/").strip().split("\t")
    assert re.fullmatch(r"bg_live_\w{48}", live)
    assert re.fullmatch(r"bg_test_\w{48}", test)
    assert refused("create", "Acme") == "Error: A tenant of this name exists already.\n"
    assert "not an origin" in refused("create", "Other", "--origin", "games.example")
    fresh = run("rotate", "Acme", "live").strip()
    rows = [re.split(" {2,}", line) for line in run("keys", tenant_id).splitlines()[1:]]
    states = {row[1]: row[2] for row in rows}
    assert states[f"{fresh[:12]}…"] == states[f"{test[:12]}…"] == "good"
    assert states[f"{live[:12]}…"].startswith("good until 2")
    run("revoke", "Acme", rows[0][0])
    assert "revoked" in run("keys", "Acme")
    assert refused("revoke", "Acme", "nothing").startswith("Error: This tenant has no key")
    run("change", "Acme", "--plan", "pro", "--inactive", "--origin", "*")
    assert run("list").splitlines()[1].split() == [tenant_id, "Acme", "pro", "inactive"]
    assert refused("keys", "Nobody") == "Error: There is no tenant 'Nobody'.\n"
