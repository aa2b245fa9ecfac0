"""The `orchestrator` command: it reads the operator's words, calls a service, and prints a line.

Every command works beside a running replica. What the operator can mend is one line on standard error and exit code 1.
"""

import logging

import click

from orchestrator.cli.backups import backup, restore
from orchestrator.cli.codes import codes
from orchestrator.cli.doctor import doctor
from orchestrator.cli.games import games
from orchestrator.cli.hosts import hosts
from orchestrator.cli.keys import keys
from orchestrator.cli.partners import partners
from orchestrator.cli.serving import migrate, serve, up
from orchestrator.cli.tenants import tenants
from orchestrator.cli.users import users
from orchestrator.logging import configure_logging


@click.group()
def main() -> None:
    """A cloud game service from your own machines. Settings come from ORCHESTRATOR_* in the environment."""
    configure_logging(logging.WARNING)


for command in (serve, up, migrate, backup, restore, doctor, users, games, codes, partners, tenants, hosts, keys):
    main.add_command(command)
