"""What the person at the terminal reads: few lines, with the seconds since the start. No secret but the demo's."""

import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from orchestrator.embedded.people import FILE, SignIn


class Terminal:
    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Something worth knowing."""
        self.console.print(f"[dim]{self._elapsed()}[/dim] {escape(text)}", highlight=False, soft_wrap=True)

    def begin(self, text: str) -> None:
        self.say(f"{text} …")

    def done(self, text: str) -> None:
        self.console.print(
            f"[dim]{self._elapsed()}[/dim] [green]✓[/green] {escape(text)}", highlight=False, soft_wrap=True
        )

    def invite(self, url: str, sign_in: SignIn, data: str) -> None:
        """Where to go and how to get in."""
        password = sign_in.password or "the one you chose"
        kept = f"The password is kept in {data}/{FILE}, logs" if sign_in.password else "Logs"
        lines = [
            "",
            f"  Open       [bold]{escape(url)}[/bold]",
            f"  Sign in    {escape(sign_in.email)}",
            f"  Password   {escape(password)}",
            "",
            f"  [dim]{escape(kept)} are in {escape(data)}/logs.[/dim]",
            f"  [dim]More games, from another terminal: make games{_for(data)}[/dim]",
            "  [dim]Ctrl-C stops everything; saves stay.[/dim]",
            "",
        ]
        self.console.print("\n".join(lines), highlight=False, soft_wrap=True)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:5.1f} s"


def _for(data: str) -> str:
    """What names this house to `make`, where it is not the usual one."""
    return "" if Path(data) == Path("data").absolute() else f" DATA={escape(data)}"
