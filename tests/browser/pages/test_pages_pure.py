"""The pages' pure modules, asked in the browser that runs them."""

from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(page: Page, module: str, expression: str, argument: Any = None) -> Any:
    await page.goto("/static/img/favicon.svg")
    return await page.evaluate(
        f"async (given) => {{ const m = await import('/static/js/{module}.js'); return {expression}; }}", argument
    )


async def test_bytes_and_times_read_as_people_say_them(page: Page) -> None:
    sizes = await ask(page, "format", "given.map(m.formatBytes)", [0, 999, 1500, 245_000_000, 9_960_000_000])
    assert sizes == ["0 B", "999 B", "1.5 kB", "245 MB", "10 GB"]
    times = await ask(page, "format", "given.map(m.formatDuration)", [0, 59.4, 60, 754, 3600, 3754])
    assert times == ["0 s", "59 s", "1 min", "12 min 34 s", "1 h", "1 h 2 min"]
    now = 1_700_000_000_000
    ago = await ask(
        page,
        "format",
        f"[5, 300, 7200, 86400].map((s) => m.formatAgo(new Date({now} - s * 1000).toISOString(), {now}))",
    )
    assert ago == ["just now", "5 minutes ago", "2 hours ago", "yesterday"]


@pytest.mark.parametrize(
    ("key", "route"),
    [
        ({"code": "KeyA", "key": "a"}, "game"),
        ({"code": "Tab", "key": "Tab"}, "game"),
        ({"code": "Escape", "key": "Escape"}, "game"),
        ({"code": "F5", "key": "F5"}, "game"),
        ({"code": "KeyS", "key": "s", "ctrlKey": True}, "game"),
        ({"code": "F11", "key": "F11"}, "browser"),
        ({"code": "KeyR", "key": "r", "ctrlKey": True}, "browser"),
        ({"code": "KeyC", "key": "c", "metaKey": True}, "browser"),
        ({"code": "Enter", "key": "Enter", "ctrlKey": True, "altKey": True}, "toolbar"),
        ({"code": "", "key": "é"}, "text"),
        ({"code": "", "key": "Unidentified"}, "ignore"),
        ({"code": "KeyA", "key": "Process"}, "ignore"),
        ({"code": "KeyM", "key": "m", "ctrlKey": True, "altKey": True}, "capture"),
        ({"code": "KeyV", "key": "v", "ctrlKey": True}, "paste"),
        ({"code": "KeyV", "key": "v", "ctrlKey": True, "shiftKey": True}, "game"),
    ],
)
async def test_keys_go_to_the_game_save_those_that_a_browser_needs(page: Page, key: dict[str, Any], route: str) -> None:
    assert await ask(page, "keys", "m.routeKey(given)", key) == route


async def test_a_locked_keyboard_leaves_only_the_way_out(page: Page) -> None:
    assert await ask(page, "keys", "m.routeKey({code: 'F11', key: 'F11'}, true)") == "game"
    assert await ask(page, "keys", "m.routeKey({code: 'Enter', ctrlKey: true, altKey: true}, true)") == "toolbar"


async def test_a_point_is_a_fraction_of_the_letterboxed_picture(page: Page) -> None:
    box = {"left": 0, "top": 0, "width": 1280, "height": 800}
    at = "((p) => m.fractionsOf(p[0], p[1], m.letterbox(given, 16 / 9)))"
    assert await ask(page, "picture", f"[[640, 400], [0, 0], [1280, 760], [1280, 800]].map({at})", box) == [
        {"x": 0.5, "y": 0.5},
        {"x": 0, "y": 0},
        {"x": 1, "y": 1},
        {"x": 1, "y": 1},
    ]


async def test_a_pointer_message_is_nine_little_endian_bytes(page: Page) -> None:
    assert await ask(page, "picture", "[...new Uint8Array(m.encodePointer(0x01020304, 0, 1))]") == [
        1,
        4,
        3,
        2,
        1,
        0,
        0,
        255,
        255,
    ]


async def test_an_empty_display_is_one_colour_and_a_title_screen_is_not(page: Page) -> None:
    colours = "[Array(64).fill(3), Array.from({length: 64}, (_, i) => i * 4)].map((c) => m.isOneColour(c))"
    assert await ask(page, "picture", colours) == [True, False]


async def test_lamps_follow_the_phase(page: Page) -> None:
    states = "given.map((phase) => m.stepsFor(phase).map((step) => step.state[0]).join(''))"
    phases = ["placing", "pulling", "restoring", "booting", "ready"]
    assert await ask(page, "phases", states, phases) == ["cwww", "dcww", "ddcw", "dddc", "dddd"]


async def test_the_documented_states_alone_move_the_page(page: Page) -> None:
    answers = [{"status": name} for name in ("starting", "running", "stopping", "stopped", "error")]
    assert await ask(page, "phases", "given.map(m.phaseOf)", answers) == [
        "placing",
        "ready",
        "stopping",
        "stopped",
        "error",
    ]
    assert await ask(page, "phases", "given.map(m.sceneOf)", answers) == [
        "starting",
        "playing",
        "stopping",
        "stopped",
        "error",
    ]


async def test_the_page_may_connect_while_the_game_boots(page: Page) -> None:
    seated = {"status": "starting", "phase": "booting", "containerUrl": "http://h/session/s/", "streamToken": "t"}
    cases = [
        seated,
        {**seated, "streamToken": None},
        {**seated, "containerUrl": None},
        {**seated, "status": "stopping"},
    ]
    assert await ask(page, "phases", "given.map(m.canConnect)", cases) == [True, False, False, False]


async def test_tries_come_slower_up_to_two_seconds(page: Page) -> None:
    waits = await ask(page, "backoff", "[0, 1, 2, 3, 4, 20].map((n) => m.backoffMs(n, 1))")
    assert waits == [250, 500, 1000, 2000, 2000, 2000]


async def test_rates_are_differences_of_two_samples(page: Page) -> None:
    zero = {
        "framesDecoded": 0,
        "decodeSeconds": 0,
        "jitterBufferSeconds": 0,
        "jitterBufferFrames": 0,
        "bytes": 0,
        "packets": 0,
        "packetsLost": 0,
    }
    before = {**zero, "atMs": 1000}
    after = {
        **zero,
        "atMs": 3000,
        "framesDecoded": 120,
        "decodeSeconds": 0.36,
        "bytes": 2_000_000,
        "packets": 99,
        "packetsLost": 1,
    }
    rates = await ask(page, "rates", "m.ratesBetween(given[0], given[1])", [before, after])
    assert rates["framesPerSecond"] == 60
    assert rates["bitrateBps"] == 8_000_000
    assert rates["decodeMs"] == pytest.approx(3)
    assert rates["lossShare"] == pytest.approx(0.01)
    assert (await ask(page, "rates", "m.ratesBetween(given, given)", before))["framesPerSecond"] is None


async def test_a_cursor_message_is_a_css_cursor_and_nothing_else(page: Page) -> None:
    style = "given.map(m.cursorStyle)"
    messages = [
        {"visible": True, "png": "aGk=", "hot_x": 3, "hot_y": 4, "width": 16, "height": 16},
        {"visible": False},
        {"visible": True, "png": 'x"); background: url(evil', "width": 16, "height": 16},
        {"visible": True, "png": "aGk=", "width": 256, "height": 256},
    ]
    assert await ask(page, "cursor", style, messages) == [
        'url("data:image/png;base64,aGk=") 3 4, default',
        "none",
        "default",
        "default",
    ]


async def test_every_failure_has_words(page: Page) -> None:
    codes = ["session_active", "slots_full", "rate_limited", "no_servers", "forbidden", "offline", "never_heard_of"]
    words = await ask(page, "messages", "given.map((code) => m.describeFailure({code}))", codes)
    assert all(each["title"] and each["text"] for each in words)
    assert [each["canRetry"] for each in words] == [False, False, True, True, False, True, True]


async def test_a_second_in_figures_keeps_what_it_cannot_know_unknown(page: Page) -> None:
    host = {"capture_ms": 1, "encode_ms": 2.5, "queue_ms": 0.5}
    rates = {"framesPerSecond": 60, "bitrateBps": 8e6, "decodeMs": 2, "bufferMs": 5, "lossShare": 0.01}
    known = {"host": host, "rates": rates, "roundTripMs": 9, "seen": {"frames": 60, "presentMs": 3}}
    cases = [known, {**known, "seen": {"frames": 0, "presentMs": None}}, {}]
    figures = await ask(page, "rates", "given.map(m.figuresOf)", cases)
    assert figures[0] == {
        "hostMs": 4,
        "networkMs": 4.5,
        "decodeMs": 3,
        "framesPerSecond": 60,
        "bitrateBps": 8e6,
        "lossShare": 0.01,
    }
    assert figures[1]["decodeMs"] == 7, "what the statistics say, where no frame was measured"
    assert set(figures[2].values()) == {None}
    words = "m.FIGURES.map((figure) => m.wordsFor(figure, given[figure.key]))"
    assert await ask(page, "rates", words, figures[0]) == ["4.0 ms", "4.5 ms", "3.0 ms", "60 /s", "8.0 Mbit/s", "1.0 %"]
    assert await ask(page, "rates", words, figures[2]) == ["\N{EN DASH}"] * 6


async def test_a_minute_keeps_sixty_seconds_and_draws_gaps_where_nothing_is_known(page: Page) -> None:
    keep = "(() => { const it = new m.Minute(); for (let i = 0; i < 75; i += 1) it.push({x: i}); return it; })()"
    assert await ask(page, "minute", f"{keep}.valuesOf('x')") == list(range(15, 75))
    path = await ask(page, "minute", "m.pathOf([0, 10, null, 40], 20, 20)")
    assert path == "M55.6 20.0L56 20.0L57 15.0M58.6 0.0L59 0.0"
    assert await ask(page, "minute", "[m.peakOf([null, 3, 1]), m.peakOf([null]), m.pathOf([], 20, 20)]") == [
        3,
        None,
        "",
    ]


async def test_frames_are_counted_and_measured_since_one_last_looked(page: Page) -> None:
    frames = [
        {"receiveTime": 10, "presentationTime": 14},
        {"presentationTime": 20},
        {"receiveTime": 30, "presentationTime": 36},
    ]
    turns = (
        "(() => { const it = new m.ShownFrames(); given.forEach((f) => it.take(f)); return [it.turn(), it.turn()]; })()"
    )
    assert await ask(page, "shownframes", turns, frames) == [
        {"frames": 3, "presentMs": 5},
        {"frames": 0, "presentMs": None},
    ]


async def test_the_seat_is_told_what_was_seen_only_when_there_is_something_to_compare_with(page: Page) -> None:
    before = {"atMs": 1000, "framesDecoded": 10}
    sample = {"atMs": 2000, "framesDecoded": 70}
    seen = {"frames": 58, "presentMs": 3}
    cases = [
        {"before": before, "sample": sample, "seen": seen},
        {"before": None, "sample": sample, "seen": seen},
        {"before": before, "sample": None, "seen": seen},
        {"before": sample, "sample": sample, "seen": seen},
    ]
    assert await ask(page, "rates", "given.map(m.reportOf)", cases) == [
        {"type": "shown", "seconds": 1, "frames": 58, "decoded": 60},
        None,
        None,
        None,
    ]


async def test_the_picture_can_be_chosen_as_far_as_the_game_has_it(page: Page) -> None:
    displays = [
        {"height": 1080, "fps": 60},
        {"height": 720, "fps": 60},
        {"height": 720, "fps": 30},
        {"height": 480, "fps": 25},
    ]
    values = "given.map((display) => m.picturesFor(display).map(({value}) => value))"
    assert await ask(page, "quality", values, displays) == [
        ["", "1080p60", "1080p30", "720p60", "720p30"],
        ["", "720p60", "720p30"],
        ["", "720p30"],
        ["", "480p25"],
    ]
    assert (await ask(page, "quality", "m.ceilings().map(({label}) => label)"))[2] == "4 Mbit/s, at most 1.8 GB an hour"


async def test_a_remembered_wish_is_read_whatever_is_there(page: Page) -> None:
    automatic = {"height": None, "fps": None, "bitrateBps": None}
    texts = [
        None,
        "",
        "{",
        "null",
        "[]",
        '{"height":"720","fps":-1,"bitrateBps":1.5}',
        '{"height":720,"fps":30,"bitrateBps":2000000}',
    ]
    wishes = await ask(page, "quality", "given.map(m.wishFrom)", texts)
    assert wishes[:-1] == [automatic] * 6
    assert await ask(page, "quality", "given.map(m.messageFor)", wishes[-2:]) == [
        {"type": "quality", "height": None, "fps": None, "bitrate_bps": None},
        {"type": "quality", "height": 720, "fps": 30, "bitrate_bps": 2_000_000},
    ]
    assert await ask(page, "quality", "given.map(m.isAutomatic)", wishes[-2:]) == [True, False]


async def test_a_screenshot_is_named_after_the_game_and_the_moment(page: Page) -> None:
    names = "given.map((title) => m.screenshotName(title, new Date(2026, 10, 9, 7, 5, 3)))"
    assert await ask(page, "screenshot", names, ["The Question", "A/B: \\ C?", " "]) == [
        "The Question 2026-11-09 07.05.03.png",
        "A B C 2026-11-09 07.05.03.png",
        "Game 2026-11-09 07.05.03.png",
    ]


async def test_a_remembered_volume_is_a_percentage_or_the_whole(page: Page) -> None:
    assert await ask(page, "sound", "given.map(m.volumeFrom)", ["0", "35", "100", "101", "-1", "loud", None]) == [
        0,
        35,
        100,
        100,
        100,
        100,
        100,
    ]


async def test_what_windows_makes_of_altgr_is_neither_ours_nor_a_held_control(page: Page) -> None:
    altgr = "{code: 'KeyM', key: 'µ', ctrlKey: true, altKey: true, getModifierState: (name) => name === 'AltGraph'}"
    assert await ask(page, "keys", f"m.routeKey({altgr})") == "game"
    stale = "m.staleModifiers(new Set(['ControlLeft', 'KeyA']), {code: 'AltRight', key: 'AltGraph', ctrlKey: true})"
    assert await ask(page, "keys", stale) == ["ControlLeft"]


async def test_a_modifier_that_the_system_kept_the_release_of_is_let_go(page: Page) -> None:
    event = {"code": "KeyA", "key": "a", "shiftKey": False, "ctrlKey": True, "altKey": False, "metaKey": False}
    stale = "m.staleModifiers(new Set(['ShiftLeft', 'ShiftRight', 'ControlLeft', 'KeyW']), given)"
    assert await ask(page, "keys", stale, event) == ["ShiftLeft", "ShiftRight"]


async def test_lock_keys_are_told_and_a_mac_types_digits_on_its_keypad(page: Page) -> None:
    event = "{getModifierState: (name) => name === 'CapsLock'}"
    assert await ask(page, "keys", f"[m.lockStates({event}, false), m.lockStates({event}, true)]") == [
        {"caps": True, "num": False},
        {"caps": True, "num": True},
    ]


async def test_a_notch_of_any_browser_is_a_notch_and_a_touchpad_is_itself(page: Page) -> None:
    wheels = [
        {"deltaX": 0, "deltaY": 53, "deltaMode": 0, "wheelDeltaY": -120},
        {"deltaX": 0, "deltaY": -3, "deltaMode": 1, "wheelDeltaY": 240},
        {"deltaX": 1.5, "deltaY": 7, "deltaMode": 0, "wheelDeltaX": -3, "wheelDeltaY": -21},
        {"deltaX": 0, "deltaY": 2, "deltaMode": 1},
    ]
    turned = await ask(page, "wheel", "given.map(m.wheelPixels).map(({dx, dy}) => [dx, dy])", wheels)
    assert turned == [[0, 100], [0, -200], [1.5, 7], [0, 80]]


async def test_a_button_that_is_up_is_known_to_be_up(page: Page) -> None:
    lost = "[0, 1, 2, 4, 8, 16, 31].map((bits) => m.lostReleases(new Set([0, 1, 2, 3, 4]), bits).join(''))"
    assert await ask(page, "mouse", lost) == ["01234", "1234", "0134", "0234", "0124", "0123", ""]


async def test_what_was_typed_is_a_change_of_a_field_however_it_came(page: Page) -> None:
    changes = [["", "a"], ["hel", "help"], ["helo", "hello"], ["teh ", "the "], ["か", "香"], ["x😀", "x"]]
    said = await ask(
        page, "typed", "given.map(([a, b]) => m.textChange(a, b)).map((c) => [c.backspaces, c.text])", changes
    )
    assert said == [[0, "a"], [0, "p"], [1, "lo"], [3, "he "], [1, "香"], [1, ""]]


async def test_motion_and_pads_are_whole_states_in_bytes(page: Page) -> None:
    motion = "[...new Uint8Array(m.encodeMotion(1, -64, 2 ** 31 + 1))]"
    assert await ask(page, "picture", motion) == [2, 1, 0, 0, 0, 192, 255, 255, 255, 1, 0, 0, 128]
    pad = """{axes: [-1, 0, 1, 0], buttons: Array.from({length: 17}, (_, i) =>
        ({pressed: i === 0 || i === 16, value: i === 6 ? 1 : 0}))}"""
    expected = [3, 5, 0, 0, 0, 2, 1, 0, 1, 0, 1, 128, 0, 0, 255, 127, 0, 0, 255, 0]
    assert await ask(page, "padstate", f"[...new Uint8Array(m.encodePad(5, 2, {pad}))]") == expected
    assert await ask(page, "padstate", f"[...m.pressedControls({pad})]") == [
        "south",
        "home",
        "left_stick_left",
        "right_stick_right",
    ]
    assert await ask(page, "padstate", "m.encodePad(5, 2, null).byteLength") == 20


async def test_a_players_changes_lie_over_the_games_map(page: Page) -> None:
    maps = "m.withChanges({south: 'Enter', east: 'Escape'}, {south: 'KeyX', east: '', elbow: 'KeyA'})"
    assert await ask(page, "padmap", maps) == {"south": "KeyX"}
    codes = ["KeyW", "Digit7", "ArrowUp", "ShiftLeft", "F5", "Enter"]
    assert await ask(page, "padmap", "given.map(m.keyName)", codes) == ["W", "7", "Arrow Up", "Shift", "F5", "Enter"]


async def test_text_is_cut_by_whole_characters_to_what_a_message_holds(page: Page) -> None:
    assert await ask(page, "cuttext", "m.cutToBytes('short', 100)") == "short"
    assert await ask(page, "cuttext", "m.cutToBytes('ééé', 6)") == "éé"
    assert await ask(page, "cuttext", "m.cutToBytes('a😀😀', 8)") == "a😀"
    assert await ask(page, "cuttext", "m.cutToBytes('\\n'.repeat(50), 12).length") == 5


async def test_a_captured_cursor_stays_on_the_display(page: Page) -> None:
    at = "m.moved({x: 5, y: 5}, given[0], given[1], {width: 100, height: 50})"
    assert await ask(page, "capture", at, [-10, 100]) == {"x": 0, "y": 49}
    assert await ask(page, "capture", "['2', '99', 'x', null].map(m.sensitivityOf)") == [2, 4, 1, 1]


FAILING_STREAM = """async (states) => {
    const { Stream } = await import("/static/js/stream.js");
    let peer;
    class Peer extends EventTarget {
        iceConnectionState = "new"; connectionState = "new";
        iceGatheringState = "complete"; localDescription = {sdp: ""};
        constructor() { super(); peer = this; }
        createDataChannel() { return Object.assign(new EventTarget(), {readyState: "connecting", bufferedAmount: 0}); }
        addTransceiver() { return {receiver: {}}; }
        createOffer() { return Promise.resolve({}); }
        setLocalDescription() { return Promise.resolve(); }
        setRemoteDescription() {
            for (const state of states) {
                peer.iceConnectionState = state;
                peer.dispatchEvent(new Event("iceconnectionstatechange"));
            }
            peer.connectionState = "failed";
            peer.dispatchEvent(new Event("connectionstatechange"));
            return Promise.resolve();
        }
        getStats() { return Promise.resolve(new Map()); }
        close() {}
    }
    window.RTCPeerConnection = Peer;
    window.fetch = () => Promise.resolve(new Response(JSON.stringify({answer: {}})));
    const stream = new Stream(async () => ({containerUrl: "/", streamToken: "t"}));
    const failed = new Promise((resolve) => stream.addEventListener("failed", ({detail}) => resolve(detail.message)));
    stream.open();
    const message = await failed;
    stream.close();
    return message;
}"""


async def test_a_seat_that_was_reached_and_then_died_is_no_network_without_a_way(page: Page) -> None:
    await page.goto("/static/img/favicon.svg")
    assert await page.evaluate(FAILING_STREAM, ["checking", "failed"]) == "no way to the seat"
    assert await page.evaluate(FAILING_STREAM, ["checking", "connected", "closed"]) == "the connection failed"


async def test_a_game_that_moved_says_what_it_cost(page: Page) -> None:
    now_ms = 1_795_255_200_000  # 2026-11-21T10:00:00Z
    moves = [
        {"leftAt": "2026-11-21T09:59:00Z", "resumedFromAt": "2026-11-21T09:58:56Z", "lostSeconds": 4.2},
        {"leftAt": "2026-11-21T09:59:00Z", "resumedFromAt": "2026-11-21T09:59:00Z", "lostSeconds": 0},
        {"leftAt": "2026-11-21T09:59:00Z", "resumedFromAt": "2026-11-21T09:49:00Z", "lostSeconds": 600},
        {"leftAt": "2026-11-21T09:59:00Z", "resumedFromAt": None, "lostSeconds": None},
        {"leftAt": "2026-11-21T09:40:00Z", "resumedFromAt": None, "lostSeconds": None},
        None,
    ]
    calm = {"status": "running", "endsAt": "2036-11-21T18:00:00Z", "expiresAt": "2036-11-21T10:30:00Z"}
    notes = f"given.map((answer) => m.warningsFor(answer, {now_ms}).map((note) => note.text))"
    texts = await ask(page, "notes", notes, [{**calm, "relocation": moved} for moved in moves])
    assert texts == [
        ["Your game moved to another machine. You are at your last checkpoint, 4 seconds before."],
        ["Your game moved to another machine. Nothing was lost."],
        ["Your game moved to another machine. You are at your last checkpoint, 10 minutes before."],
        ["Your game moved to another machine. It had not been saved yet, so it begins anew."],
        [],
        [],
    ]
