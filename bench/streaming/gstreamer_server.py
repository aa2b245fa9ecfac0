"""The usual GStreamer pipeline of a desktop in the browser, as a process of its own. The bindings are the system's:
`/usr/bin/python3 gstreamer_server.py FPS BITRATE_BPS` with DISPLAY and XAUTHORITY.

It writes one JSON line with its offer and candidates, reads one with the page's answer, and then streams until its
standard input ends. A press on the data channel goes into the display by XTEST, in this process, as such programs do.
"""

import ctypes
import importlib
import json
import re
import sys
import threading
from typing import Any

gi: Any = importlib.import_module("gi")
for space, version in (("Gst", "1.0"), ("GstWebRTC", "1.0"), ("GstSdp", "1.0"), ("Nice", "0.1"), ("GLib", "2.0")):
    gi.require_version(space, version)
Gst, GstWebRTC, GstSdp, GLib, Nice = (
    importlib.import_module(f"gi.repository.{space}") for space in ("Gst", "GstWebRTC", "GstSdp", "GLib", "Nice")
)

LOOPBACK = "127.0.0.1"
PIPELINE = (
    "ximagesrc use-damage=0 show-pointer=0 ! video/x-raw,framerate={fps}/1 ! videoconvert ! video/x-raw,format=I420 "
    "! x264enc tune=zerolatency speed-preset=ultrafast bitrate={kilobits} key-int-max=600 "
    "! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency "
    "! application/x-rtp,media=video,encoding-name=H264,payload=96 ! webrtcbin name=rtc bundle-policy=max-bundle"
)


class Pointer:
    """Moves and presses on the display by XTEST."""

    def __init__(self) -> None:
        self._x11, self._test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._display = ctypes.c_void_p(self._x11.XOpenDisplay(None))

    def press(self, x: int, y: int, down: bool) -> None:
        self._test.XTestFakeMotionEvent(self._display, -1, x, y, 0)
        self._test.XTestFakeButtonEvent(self._display, 1, int(down), 0)
        self._x11.XFlush(self._display)


class Server:
    def __init__(self, fps: int, bitrate_bps: int) -> None:
        self._pointer = Pointer()
        self._candidates: list[dict[str, object]] = []
        self._pipeline = Gst.parse_launch(PIPELINE.format(fps=fps, kilobits=bitrate_bps // 1000))
        self._rtc = self._pipeline.get_by_name("rtc")
        address = Nice.Address.new()
        address.set_from_string(LOOPBACK)
        # Both are kept: when the bindings let go of them, webrtcbin's own are freed.
        self._ice = self._rtc.get_property("ice-agent")
        self._agent = self._ice.get_property("agent")
        self._agent.add_local_address(address)
        self._rtc.connect("on-ice-candidate", self._candidate)
        self._rtc.connect("notify::ice-gathering-state", self._gathered)
        self._pipeline.set_state(Gst.State.READY)
        self._channel = self._rtc.emit("create-data-channel", "input", None)
        self._channel.connect("on-message-string", self._said)
        transceiver = self._rtc.emit("get-transceiver", 0)
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        self._rtc.connect("on-negotiation-needed", self._negotiate)
        self._pipeline.set_state(Gst.State.PLAYING)

    def answered(self, answer: dict[str, str]) -> None:
        _, message = GstSdp.SDPMessage.new_from_text(answer["sdp"])
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self._rtc.emit("set-remote-description", description, None)

    def _negotiate(self, _: object) -> None:
        self._rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._offered, None, None))

    def _offered(self, promise: Any, *_: object) -> None:
        promise.wait()
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self._sdp = offer.sdp.as_text()
        applied = Gst.Promise.new()
        self._rtc.emit("set-local-description", offer, applied)
        applied.interrupt()

    def _candidate(self, _: object, line: int, candidate: str) -> None:
        self._candidates.append({"sdpMLineIndex": line, "candidate": candidate})

    def _gathered(self, *_: object) -> None:
        if self._rtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            print(json.dumps({"sdp": self._sdp, "candidates": self._candidates}), flush=True)

    def _said(self, _: object, text: str) -> None:
        found = re.fullmatch(r"(down|up) (\d+) (\d+)", text)
        if found:
            self._pointer.press(int(found[2]), int(found[3]), found[1] == "down")


def main() -> None:
    Gst.init(None)
    server, loop = Server(int(sys.argv[1]), int(sys.argv[2])), GLib.MainLoop()

    def listen() -> None:
        for line in sys.stdin:
            GLib.idle_add(server.answered, json.loads(line))
        GLib.idle_add(loop.quit)

    threading.Thread(target=listen, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
