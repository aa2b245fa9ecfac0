"""Every span of an agent, and of the seats that it asks. Pure. docs/traces.md says the same for people."""

from tracing import SpanName

SESSION, GENERATION, HOST, BUILD = "playhouse.session", "playhouse.generation", "playhouse.host", "playhouse.build"
START, IS_ADOPTED, IS_IMAGE_THERE, BYTES = (
    "playhouse.start",
    "playhouse.adopted",
    "playhouse.image_there",
    "playhouse.bytes",
)
IS_WARM, HAS_SAVE = "playhouse.warm_seat", "playhouse.has_save"
_SEAT = "playhouse-seat"

ON_HOST = SpanName(
    "host.launch",
    "From the order, as the agent took it, to the first picture; or to the end of a session that never ran. `start` is"
    " what it began with, `adopted` says that an earlier agent of this host had begun.",
    (SESSION, GENERATION, HOST, BUILD, START, IS_ADOPTED),
)
TITLE = SpanName("title.take", "A game that waited at its title becomes this session's, with its save.", (HAS_SAVE,))
PULL = SpanName(
    "image.pull",
    "Until the engine holds the image; the bytes that came, where it had to be fetched.",
    (IS_IMAGE_THERE, BYTES),
)
RESTORE = SpanName("save.restore", "A fresh home, and the archive of the save in it.", (HAS_SAVE, BYTES))
CLAIM = SpanName("seat.claim", "A seat that waits, or a folder and a uid for a new one.", (IS_WARM,))
RAISE = SpanName("seat.start", "A new seat, until it answers.")
CREATE = SpanName("container.create", "The game's container, made and not yet started.")
START_GAME = SpanName("container.start", "The engine starts it.")
BOOT = SpanName("game.boot", "From the game's start to its first picture, as the agent heard of it.")
CONNECT = SpanName("stream.connect", "An offer of the player's page, until its answer; the first that is answered.")

DISPLAY = SpanName("seat.display", "The seat's process, until display and sound are up.", service=_SEAT)
MEDIA = SpanName("seat.media", "The media libraries, loaded beside that.", service=_SEAT)
ANSWER = SpanName("seat.answer", "The answer to the offer, with its candidates.", service=_SEAT)
FIRST_FRAME = SpanName(
    "seat.first_frame", "From when the seat is the session's to a picture of more than one colour.", service=_SEAT
)

TABLE = tuple(value for value in list(vars().values()) if isinstance(value, SpanName))
OF_SEATS = {span.name: span for span in TABLE if span.service == _SEAT}
"""All that a seat may say: whatever else one names is left out."""
