"""What a game tells of the run that it was started for, as it writes it to `result.json`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from agent_protocol.model import WireModel

Count = Annotated[int, Field(ge=0, lt=2**53)]


class RunResult(WireModel):
    """`distance` is in metres, `duration` in seconds of play. `reason` is `crashed` when the run was over by itself,
    and else how it stood when the game was last heard: a game's own words, within these bounds.
    """

    model_config = ConfigDict(strict=True)

    score: Count
    distance: Count
    coins: Count = 0
    duration: Annotated[float, Field(ge=0, le=86_400)]
    reason: Literal["playing", "crashed", "stopped"]
