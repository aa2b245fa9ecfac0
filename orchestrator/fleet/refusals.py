"""Why hosts cannot take a game, for people. Pure."""

from collections.abc import Mapping

from scheduler.values import Refusal, Request


def why_nowhere(refusal: Refusal, request: Request) -> str:
    """One sentence; `refusal` is what the last hosts lack."""
    match refusal:
        case Refusal.NOT_READY:
            return "No game server is ready at the moment."
        case Refusal.LABELS:
            asked = ", ".join(f"{key}={value}" for key, value in sorted(request.required_labels.items()))
            return f"No game server here has what this game asks for: {asked}."
        case Refusal.CPU:
            return f"No game server here is large enough: this game takes {request.resources.cpu_cores:.1f} cores."
        case Refusal.MEMORY:
            memory_gib = request.resources.memory_bytes / 2**30
            return f"No game server here is large enough: this game takes {memory_gib:.1f} GiB of memory."
        case Refusal.IMAGE:
            return "No game server here has the image of this game, and no registry does."
        case _:
            return "No game server can take this game at the moment."


def told(refusals: Mapping[Refusal, int]) -> str:
    """How many hosts could not take it, and why: `cpu 2, disk 1`."""
    return ", ".join(f"{refusal} {count}" for refusal, count in sorted(refusals.items()))
