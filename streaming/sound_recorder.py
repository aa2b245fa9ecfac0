"""Reads what a PulseAudio source plays, by libpulse in this process: no program between, one wake-up for each fragment.

It decides nothing about sound. Names with `pa_` are libpulse's (https://www.freedesktop.org/software/pulseaudio/doxygen/).
"""

import ctypes
import threading

S16LE = 3
NO_AUTOSPAWN, ADJUST_LATENCY, LETS_SUSPEND = 0x0001, 0x2000, 0x8000
CONTEXT_READY, STREAM_READY = 4, 2
CONTEXT_OVER, STREAM_OVER = (5, 6), (3, 4)
SERVER_CHOOSES = 0xFFFFFFFF
CONNECT_TIMEOUT_US, FOR_EVER, AT_ONCE = 5_000_000, -1, 0


class SampleSpec(ctypes.Structure):
    _fields_ = [("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8)]


class BufferAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")]


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libpulse.so.0")
    library.pa_mainloop_new.restype = ctypes.c_void_p
    library.pa_mainloop_get_api.restype = ctypes.c_void_p
    library.pa_context_new.restype = ctypes.c_void_p
    library.pa_stream_new.restype = ctypes.c_void_p
    library.pa_stream_set_buffer_attr.restype = ctypes.c_void_p
    library.pa_stream_readable_size.restype = ctypes.c_size_t
    return library


class SoundRecorder:
    """Raises OSError when the server cannot be reached. Belongs to the thread that made it, save for `interrupt`."""

    def __init__(self, server: str, source: str, rate: int, channels: int, fragment_bytes: int) -> None:
        self._pulse = _library()
        self._fragment_bytes = fragment_bytes
        self._mainloop = ctypes.c_void_p(self._pulse.pa_mainloop_new())
        api = ctypes.c_void_p(self._pulse.pa_mainloop_get_api(self._mainloop))
        self._context = ctypes.c_void_p(self._pulse.pa_context_new(api, b"seat"))
        self._stream = ctypes.c_void_p()
        self._lock = threading.Lock()
        self._is_over = False
        try:
            self._connect(server, source, SampleSpec(S16LE, rate, channels))
        except OSError:
            self.close()
            raise

    def read(self) -> bytes:
        """All that is there, waiting for something; nothing once the server is gone or `interrupt` was called."""
        while self._turn(FOR_EVER):
            while self._turn(AT_ONCE):
                pass
            if samples := self._take():
                return samples
        return b""

    def set_fragment(self, fragment_bytes: int) -> None:
        """How much the server collects before it sends, from about now on."""
        if fragment_bytes != self._fragment_bytes:
            self._fragment_bytes = fragment_bytes
            attributes = ctypes.byref(self._attributes())
            operation = self._pulse.pa_stream_set_buffer_attr(self._stream, attributes, None, None)
            if operation:
                self._pulse.pa_operation_unref(ctypes.c_void_p(operation))

    def interrupt(self) -> None:
        """Makes `read` answer with nothing, now and always; any thread may call it."""
        with self._lock:
            self._is_over = True
            if self._mainloop:
                self._pulse.pa_mainloop_wakeup(self._mainloop)

    def close(self) -> None:
        """Harmless when repeated."""
        with self._lock:
            self._is_over = True
            if not self._mainloop:
                return
            if self._stream:
                self._pulse.pa_stream_disconnect(self._stream)
                self._pulse.pa_stream_unref(self._stream)
            self._pulse.pa_context_disconnect(self._context)
            self._pulse.pa_context_unref(self._context)
            self._pulse.pa_mainloop_free(self._mainloop)
            self._mainloop = ctypes.c_void_p()

    def _connect(self, server: str, source: str, specification: SampleSpec) -> None:
        pulse = self._pulse
        if pulse.pa_context_connect(self._context, server.encode(), NO_AUTOSPAWN, None) < 0:
            raise OSError("the sound server does not answer")
        while pulse.pa_context_get_state(self._context) != CONTEXT_READY:
            self._turn_or_fail()
        self._stream = ctypes.c_void_p(pulse.pa_stream_new(self._context, b"seat", ctypes.byref(specification), None))
        attributes = ctypes.byref(self._attributes())
        if pulse.pa_stream_connect_record(self._stream, source.encode(), attributes, ADJUST_LATENCY | LETS_SUSPEND) < 0:
            raise OSError("the sound server has no such source")
        while pulse.pa_stream_get_state(self._stream) != STREAM_READY:
            self._turn_or_fail()

    def _attributes(self) -> BufferAttributes:
        chosen = SERVER_CHOOSES
        return BufferAttributes(chosen, chosen, chosen, chosen, self._fragment_bytes)

    def _turn_or_fail(self) -> None:
        if not self._turn(CONNECT_TIMEOUT_US):
            raise OSError("the sound server went away, or does not say anything")

    def _turn(self, timeout_us: int) -> bool:
        """One round of the main loop; whether something happened and more may."""
        pulse, mainloop = self._pulse, self._mainloop
        pulse.pa_mainloop_prepare(mainloop, timeout_us)
        pulse.pa_mainloop_poll(mainloop)
        events = pulse.pa_mainloop_dispatch(mainloop)
        return not self._is_over and (events > 0 or timeout_us == FOR_EVER) and self._is_connected()

    def _is_connected(self) -> bool:
        if self._pulse.pa_context_get_state(self._context) in CONTEXT_OVER:
            return False
        return not self._stream or self._pulse.pa_stream_get_state(self._stream) not in STREAM_OVER

    def _take(self) -> bytes:
        parts: list[bytes] = []
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        while self._pulse.pa_stream_readable_size(self._stream) not in (0, ctypes.c_size_t(-1).value):
            self._pulse.pa_stream_peek(self._stream, ctypes.byref(data), ctypes.byref(size))
            parts.append(ctypes.string_at(data, size.value) if data else bytes(size.value))  # without data: a hole
            self._pulse.pa_stream_drop(self._stream)
        return b"".join(parts)
