"""Tenants on the command line."""

import re

from click.testing import CliRunner

from orchestrator import cli
from orchestrator.settings import Settings


def test_an_operator_makes_changes_and_rotates_on_the_command_line(settings: Settings) -> None:
    told: list[str] = []

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli.main, ["tenants", *words])
        assert result.exit_code == 0, result.output
        told.append(result.stderr)
        return result.stdout

    def refused(*words: str) -> str:
        result = CliRunner().invoke(cli.main, ["tenants", *words])
        assert result.exit_code == 1
        return result.output

    assert "no tenants yet" in run("list")
    tenant_id, live, test = run("create", "Acme", "--origin", "https://Games.example/").strip().split("\t")
    assert told[-1] == "The tenant's id, its live key and its test key, shown this once:\n"
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


def test_an_operator_manages_a_tenants_webhooks_on_the_command_line(settings: Settings) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(cli.main, ["tenants", *words])
        assert result.exit_code == 0, result.output
        return result.output.strip()

    def refused(*words: str) -> str:
        result = CliRunner().invoke(cli.main, ["tenants", *words])
        assert result.exit_code == 1
        return result.output

    run("create", "Acme")
    run("create", "Other")
    assert "There are no webhook endpoints." in run("webhooks", "list")
    endpoint, secret = run("webhooks", "add", "Acme", "https://hooks.example/", "--event", "game.ended").split("\t")
    assert secret.startswith("whsec_")
    assert refused("webhooks", "add", "Acme", "https://10.0.0.1/") == "Error: Nothing is sent to private addresses.\n"
    assert endpoint in run("webhooks", "list", "Acme")
    assert "There are no" in run("webhooks", "list", "Other")
    run("webhooks", "change", endpoint, "--url", "https://hooks.example/more", "--all-events")
    assert "https://hooks.example/more" in run("webhooks", "list")
    assert run("webhooks", "rotate", endpoint, "--grace-hours", "1").startswith("whsec_")
    assert "being changed already" in refused("webhooks", "rotate", endpoint)
    event = run("webhooks", "test", endpoint).removesuffix(" is sent.")
    assert f"{event}" in run("webhooks", "log", endpoint)
    run("webhooks", "stop", endpoint)
    assert "An operator stopped it." in run("webhooks", "list")
    assert "restart it first" in refused("webhooks", "test", endpoint)
    run("webhooks", "remove", endpoint)
    assert "There are no" in run("webhooks", "list")


def test_an_operator_names_members_on_the_command_line(settings: Settings) -> None:
    def run(*words: str, status: int = 0, typed: str = "") -> str:
        result = CliRunner().invoke(cli.main, words, input=typed)
        assert result.exit_code == status, result.output
        return result.output

    run("tenants", "create", "Acme")
    run("users", "create", "dev@acme.example", "--password-stdin", typed="correct horse battery\n")
    members = ("tenants", "members")
    assert "no members" in run(*members, "list", "Acme")
    assert "may open" in run(*members, "add", "Acme", "dev@acme.example")
    run(*members, "add", "Acme", "dev@acme.example", "--unconfirmed")
    assert "dev@acme.example" in run(*members, "list", "Acme")
    run(*members, "remove", "Acme", "dev@acme.example")
    assert "no members" in run(*members, "list", "Acme")
    assert "no account" in run(*members, "add", "Acme", "nobody@acme.example", status=1)
