"""The pages' pure modules, asked in the browser that runs them."""

import pytest
from playwright.async_api import Page

from tests.browser.pages.pages_support import ask, blank

pytestmark = pytest.mark.asyncio(loop_scope="session")


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


async def test_what_is_told_often_is_told_at_a_pace(page: Page) -> None:
    told = "(() => { const isTime = m.paced(500); return given.map((now) => isTime(now)); })()"
    assert await ask(page, "rates", told, [0, 300, 499, 700, 900, 1200]) == [True, False, False, True, False, True]


async def test_no_two_moments_in_a_list_read_the_same(page: Page) -> None:
    times = ["2026-11-20T19:30:05", "2026-11-20T19:30:41", "2026-11-20T19:41:00"]
    moments = await ask(
        page,
        "format",
        "m.formatMoments(given, Date.parse('2026-11-21')).map((each) => each.replaceAll('\u202f', ' '))",
        times,
    )
    assert moments == ["Nov 20, 7:30:05 PM", "Nov 20, 7:30:41 PM", "Nov 20, 7:41 PM"]


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


async def test_a_match_that_one_side_let_stand_is_not_blamed_on_both(page: Page) -> None:
    end = "m.overWords({winner: 'bob', reason: 'afk_timeout'}, [{id: 'bob', displayName: 'Bob'}], given)"
    lost = await ask(page, "arena/words", end, "ann")
    assert lost == {"title": "You lost", "text": "Bob won because no move came in time."}
    assert (await ask(page, "arena/words", end, "bob"))["text"] == "Because no move came in time."


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
    await blank(page)
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


async def test_sound_is_behind_when_it_is_held_much_longer_than_the_network_asks_for(page: Page) -> None:
    def heard(samples: int, held_s: float, wanted_s: float | None) -> dict[str, float | None]:
        return {"samples": samples, "heldSeconds": samples * held_s, "wantedSeconds": wanted_s and samples * wanted_s}

    nothing = heard(0, 0, 0.08)
    later = [
        heard(48_000, 0.9, 0.1),
        heard(48_000, 0.28, 0.1),
        heard(48_000, 0.4, 0.3),
        nothing,
        heard(48_000, 0.9, None),
    ]
    pairs = [[nothing, each] for each in later]
    expression = "given.map(([before, after]) => m.behindMs(before, after))"
    assert await ask(page, "soundbehind", expression, pairs) == [800, None, None, None, None]
