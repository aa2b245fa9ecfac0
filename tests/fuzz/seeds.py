"""Where fuzzing begins: small inputs that are right, and the words of each language, among them those that hurt."""

import base64
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Final

from PIL import Image

from tests.packing import Packed, folder, hard_link, launcher, renpy_distribution, symlink, tar, tar_gz

_RAW, _AS_IT_IS = b"\x00", b"\xff"  # of archives: packed by the target, or taken as they are


def found(name: str) -> list[bytes]:
    """What was found once in this target: it stays mended."""
    return [file.read_bytes() for file in sorted((Path(__file__).parent / "found").glob(f"{name}-*"))]


def _json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


CHANNEL_MESSAGES: Final = [
    *_json(
        {"type": "key", "code": "KeyA", "down": True},
        {"type": "button", "button": 0, "down": True, "x": 0.5, "y": 2},
        {"type": "button", "button": 0, "down": True, "moved": [7, -640, 64]},
        {"type": "wheel", "dx": 0, "dy": -120},
        {"type": "text", "text": "é\n"},
        {"type": "held", "codes": ["KeyA"], "buttons": [0]},
        {"type": "ping", "t": 123.4},
        {"type": "quality", "bitrate": 8_000_000, "height": 720, "fps": 60},
        {"type": "gamepad", "bindings": {"south": "KeyW", "up": ""}},
        {"type": "paste", "text": "half \ud83d"},
        {"type": "controls", "to": None},
        {"type": "locks", "caps": True, "num": False},
        {"type": "shown", "frames": 60},
    ),
    b"\x01\x01\x00\x00\x00\x00\x80\xff\xff",
    b"\x02\x01\x00\x00\x00" + bytes(8),
    b"\x03\x01\x00\x00\x00\x00" + bytes(14),
]
SDPS: Final = [Path(__file__).with_name("offer.sdp").read_bytes().replace(b"\n", b"\r\n"), b"v=0\r\n", b""]
OFFERS: Final = [
    *SDPS,
    *_json({"token": "x.y.z", "offer": {"type": "offer", "sdp": "v=0\r\n"}, "page": "p", "again": True}),
]
PROXIED: Final = [
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"answer": 1}',
    b'HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n',
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    + gzip.compress(bytes(512 * 1024), mtime=0),
    b"HTTP/1.1 307 Elsewhere\r\nLocation: http://169.254.169.254/\r\nSet-Cookie: a=b; Path=/\r\n\r\n",
    b"HTTP/1.0 999 So\r\n\r\n",
    b"",
]
GAMES: Final = [
    _RAW + tar(renpy_distribution()),
    _RAW + tar(renpy_distribution(), is_pax=True),
    _RAW + tar([*renpy_distribution(), symlink("garden/a", "b/../c"), hard_link("garden/d", "garden/a")]),
    _RAW + tar([launcher(), Packed("garden/" + "long/" * 60 + "name", b"x")]),
    _AS_IT_IS + tar_gz(renpy_distribution()),
    _AS_IT_IS + tar_gz([launcher()]) * 2 + bytes(9),
]


def _saves() -> list[bytes]:
    members = [folder("saves"), Packed("saves/one", b"a save"), Packed("saves/" + "n" * 200, b"another")]
    found = [_RAW + tar(members)]
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        member = tarfile.TarInfo("a/b/c")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    return [*found, _RAW + raw.getvalue(), _AS_IT_IS + b"\x28\xb5\x2f\xfd\x00\x00"]


SAVES: Final = _saves()
SOCKET_MESSAGES: Final = [
    b'0{"token":"x"}',
    b'40/chess,{"token":"x.y.z"}',
    b'42/chess,["game:move",{"roomId":"mat1","move":"e4"}]',
    b'451-/chess,["game:move",{"_placeholder":true,"num":0}]\x1ebAAEC',
    b'42/tictactoe,7["afk:check"]',
    *_json(
        {"move": "e4", "playerId": "ann", "sessionId": "s", "username": "Ann", "position": "e2", "wantsBot": True},
        {"move": {"from": "e2", "to": "e4", "promotion": "q"}},
        {"column": 3, "position": 4},
        {"move": {"from": 40, "to": 33, "captures": [1, 2]}},
        [40, 33],
        {"token": "x"},
    ),
]
_HEADER = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"k1","typ":"JWT"}').rstrip(b"=")
_NONE = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=")
_HS256 = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=")
_CLAIMS = base64.urlsafe_b64encode(
    b'{"iss":"ins1","aud":["host:hst1","web","arena"],"exp":4000000000,"iat":1,"sub":"a","jti":"b","session":"ses1",'
    b'"role":"player","epoch":0,"sessionId":"s"}'
).rstrip(b"=")
TOKENS: Final = [
    _HEADER + b"." + _CLAIMS + b"." + b"A" * 86,
    _NONE + b"." + _CLAIMS + b".",
    _HS256 + b"." + _CLAIMS + b"." + b"A" * 43,
]
ADDRESSES: Final = [b"css/base.css", b"../settings.py", b"/games/moss?tag=x", b"https://play.example/a", b"2001:db8::1"]
URLS: Final = [
    b"https://hooks.example/path?x=1",
    b"https://203.0.113.9:8443/",
    b"https://[2606:4700::1111]/hook",
    b"https://0x7f.1/",
    b"https://2130706433/",
    b"https://[::ffff:127.0.0.1]/",
    b"http://user:pass@127.0.0.1:80/#x",
    "https://bücher.example/".encode(),
]
UPLOAD_HEADERS: Final = [
    b"filename Z2FyZGVu,is_confidential",
    b"sha-256=:" + base64.b64encode(bytes(32)) + b":",
    b"0" * 64,
    b"version MS4w, filetype " + "é".encode("latin-1"),
]


def _pictures() -> list[bytes]:
    found = list[bytes]()
    for kind in ("JPEG", "PNG", "WEBP"):
        raw = io.BytesIO()
        Image.new("RGB", (24, 16), (200, 30, 60)).save(raw, kind)
        found.append(raw.getvalue())
    return found


PICTURES: Final = _pictures()
JSON_WORDS: Final = [
    *(b"null", b"true", b"1e999", b"-0", b"NaN", b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b'"\\ud800"', b'"\\u0000"'),
    *(b"\xff\xfe", b"\xed\xa0\x80", b'"type":', b"\x1e", b"42/chess,", b'"__proto__"', "\u0661".encode(), b"[0]"),
]
SDP_WORDS: Final = [
    *(b"a=candidate:", b"a=extmap:", b"a=rtpmap:", b"a=fmtp:", b"a=ssrc:", b"a=ssrc-group:FID ", b"a=group:BUNDLE "),
    *(
        b"m=video 9 x 96\r\n",
        b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
        b"a=sctp-port:x\r\n",
        b"c=IN IP6 ",
    ),
    *(b"a=fingerprint:sha-256 ", b"a=setup:", b"a=mid:", b"a=rtcp-fb:", b"\r\n", b"-1", b"99999999999999999999", b"/"),
    *(b"a=simulcast:send 1;2", b"a=msid:", b"b=AS:", b"a=ice-options:trickle", b"a=end-of-candidates", b"\x00"),
]
HTTP_WORDS: Final = [
    *(
        b"HTTP/1.1 ",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"\r\n\r\n",
        b" 204 ",
        b" 600 ",
    ),
    *(b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(
        b"Content-Encoding: deflate\r\n",
        b"Content-Encoding: br\r\n",
        b"Content-Encoding: zstd\r\n",
        b"Upgrade: websocket\r\n",
    ),
    *(
        b"Content-Type: ;;=\r\n",
        b"Set-Cookie: =;\x00\r\n",
        b"fffffffff\r\n",
        b"0\r\n\r\n",
        b"\xff",
        b"\x00",
        b"x" * 9000,
    ),
]
TAR_WORDS: Final = [
    *(
        b"../",
        b"/",
        b"..",
        b"./././",
        b"garden/",
        b"garden/../../etc/passwd",
        b"ustar  \x00",
        b"ustar\x0000",
        b"\x80" * 12,
    ),
    *(
        b"\xff" * 12,
        b"00000000000\x00",
        b"77777777777\x00",
        b"30 path=garden/../../etc/x\n",
        b"20 size=-1\n",
        b"5",
        b"2",
    ),
    *(
        b"22 GNU.sparse.major=1\n",
        b"L",
        b"K",
        b"x",
        b"g",
        b"S",
        b"27 size=99999999999999999\n",
        b"./@LongLink",
        bytes(512),
    ),
]
TOKEN_WORDS: Final = [b".", b"eyJ", b"=", b"-", _HEADER, _NONE, _HS256, _CLAIMS, b"\xff", b"\x00"]
ADDRESS_WORDS: Final = [
    *(
        b"../",
        b"%2e%2e/",
        b"//",
        b"\\",
        b"\x00",
        b".",
        b"@",
        b"#",
        b"?",
        b":",
        b"[",
        b"]",
        b"%",
        b"x" * 300,
        b"x/" * 3000,
    ),
    *(
        b"127.0.0.1",
        b"0177.0.0.1",
        b"0x7f000001",
        b"localhost",
        b"::1",
        b"::ffff:10.0.0.1",
        b"169.254.169.254",
        b"https:",
    ),
    *(
        "。".encode(),
        "①".encode(),
        "ﬀ".encode(),
        "\u200b".encode(),
        "\u0661".encode(),
        b"\xff",
        b"xn--",
        b":443",
        b"64:ff9b::",
    ),
]
HEADER_WORDS: Final = [b"sha-256=:", b":", b",", b" ", b"=", b"==", b"\xe9", b"\x00", b"0" * 64, b"Zg=="]
