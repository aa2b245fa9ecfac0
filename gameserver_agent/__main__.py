"""`python -m gameserver_agent` is the `gameserver-agent` command."""

from gameserver_agent.cli import main

main()
