// Tenants' pages with the stock client, written from the public samples and from what shipping clients do. Reads
// `{url, ways: [{key, origin, path, transports}]}` and writes, for each way and scene, what its pages heard.
import { io } from "socket.io-client";

const SCHOLARS_MATE = ["e4", "e5", "Qh5", "Nc6", "Bc4", "Nf6", "Qxf7#"];
const AS_OBJECTS = [
  { from: "e2", to: "e4" },
  { from: "e7", to: "e5" },
  { from: "d1", to: "h5" },
  { from: "b8", to: "c6" },
  { from: "f1", to: "c4" },
  { from: "g8", to: "f6" },
  { from: "h5", to: "f7" },
];
const PROMOTING = ["h4", "g5", "hxg5", "h6", "g6", "Bg7", "gxf7", "Kf8"];
// Twenty-three turns: two men are crowned, and four jumps of a king end where they began: [from, to, captured].
const CHECKERS = [
  [42, 33], [17, 26], [44, 37], [23, 30], [37, 23, 30], [19, 28], [33, 19, 26], [12, 26, 19], [51, 42], [3, 12], [46, 39], [21, 30],
  [39, 3, 30, 12], [5, 12], [3, 3, 12, 28, 26, 10], [1, 10], [3, 17, 10], [8, 26, 17], [23, 5, 14], [26, 33], [40, 26, 33], [7, 14],
  [5, 23, 14],
]; // prettier-ignore
const CONNECT4 = [3, 3, 2, 4, 1, 5, 0];
const TICTACTOE = [0, 3, 1, 4, 2];

const { url, ways } = JSON.parse(await text(process.stdin));

/** One page: a socket, and what it heard. */
class Page {
  constructor(way, game, { token, headers } = {}) {
    this.heard = [];
    this.waiting = [];
    this.socket = io(`${url}/${game}`, {
      path: way.path,
      transports: way.transports,
      forceNew: true, // each page has its own connection
      ...(token && { auth: { token } }),
      ...(headers && { extraHeaders: headers }),
    });
    this.socket.onAny((event, payload) => {
      this.heard.push([event, payload]);
      this.waiting.forEach((look) => look());
    });
    this.socket.on("connect", () => (this.transport = this.socket.io.engine.transport.name));
  }

  /** Emits when it is connected, else on the first `connect`. */
  emit(event, payload) {
    const emit = () => this.socket.emit(event, payload);
    if (this.socket.connected) emit();
    else this.socket.once("connect", emit);
  }

  /** The next event of this name that nobody took. */
  async next(event) {
    return await new Promise((resolve, reject) => {
      const look = () => {
        const place = this.heard.findIndex(([name]) => name === event || name === "error");
        if (place < 0) return;
        this.waiting.splice(this.waiting.indexOf(look), 1);
        const [[name, payload]] = this.heard.splice(place, 1);
        if (name === event) resolve(payload);
        else reject(new Error(`${payload.code} instead of ${event}`));
      };
      this.waiting.push(look);
      look();
    });
  }

  /** How many events of this name wait to be taken. */
  count(event) {
    return this.heard.filter(([name]) => name === event).length;
  }

  /** As the provider does: joins, and learns from `game:started` who it is. */
  async join(fields) {
    this.emit("matchmaking:join", fields);
    return await this.started();
  }

  async started() {
    this.match = await this.next("game:started");
    this.me = this.match.playerId;
    return this.match;
  }

  move(fields) {
    this.emit("game:move", { roomId: this.match.roomId, playerId: this.me, ...fields });
  }

  close() {
    this.socket.close();
  }
}

async function session(way, fields) {
  const answer = await fetch(`${url}/v1/sessions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${way.key}`, "Content-Type": "application/json" },
    body: JSON.stringify(fields),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return await answer.json();
}

function joining({ players, sessionId }, place = 0) {
  return { username: players[place].displayName, playerId: players[place].id, sessionId };
}

const people = ["ann", "bob"].map((id) => ({ id, displayName: id.toUpperCase() }));

/** Two sessions of one player each, paired from the queue; the one on the move comes first. */
async function matched(way, game) {
  const pages = [];
  for (const person of people) {
    const made = await session(way, { game, matchType: "matchmaking", players: [person] });
    const page = new Page(way, game, { token: made.sessionToken });
    pages.push(page);
    page.emit("matchmaking:join", joining(made));
    if (pages.length === 1) await page.next("matchmaking:waiting");
  }
  return await seated(pages);
}

/** One session of two players who share its token; these connect without it. */
async function together(way, game) {
  const made = await session(way, { game, matchType: "private", players: people });
  const pages = people.map(() => new Page(way, game));
  pages.forEach((page, place) => page.emit("matchmaking:join", joining(made, place)));
  return { ...(await seated(pages)), made };
}

async function seated(pages) {
  const [match] = await Promise.all(pages.map((page) => page.started()));
  const onTheMove = match.players[match.currentTurn].id; // the test of chess, connect four and tic-tac-toe
  return { pages: pages[0].me === onTheMove ? pages : pages.toReversed(), match };
}

/** The line, turn about; every page hears every move. */
async function play({ pages }, line, fieldsOf, watchers = []) {
  const made = [];
  for (const [turn, move] of line.entries()) {
    pages[turn % 2].move(await fieldsOf(move, pages[turn % 2], turn));
    const told = await Promise.all([...pages, ...watchers].map((page) => page.next("game:move:made")));
    if (told.some((each) => each.moveHistory && each.moveHistory.length !== turn + 1)) throw new Error("a move too few or too many");
    made.push(told[0]);
  }
  return made;
}

async function ended(pages) {
  const over = await Promise.all(pages.map((page) => page.next("game:over")));
  pages.forEach((page) => page.close());
  return { overs: over, over: over[0], transports: pages.map((page) => page.transport) };
}

async function validated({ sessionToken }) {
  return await (await fetch(`${url}/v1/sessions/validate?token=${sessionToken}`)).json();
}

const scenes = {
  /** White sends objects, black SAN; a page without a token watches, as the samples of spectating do. */
  async chess(way) {
    const pair = await matched(way, "chess");
    const headers = { Origin: way.origin };
    const { rooms } = await (await fetch(`${url}/v1/rooms?game=chess`, { headers })).json();
    const watcher = new Page(way, "chess", { headers });
    watcher.emit("game:spectate", { roomId: rooms[0].roomId, username: "Viewer" });
    const watched = await watcher.next("game:spectate:joined");
    const made = await play(
      pair,
      SCHOLARS_MATE,
      (san, _page, turn) => ({ move: turn % 2 === 0 ? AS_OBJECTS[turn] : san }),
      [watcher],
    );
    return { rooms, watched, match: pair.match, last: made.at(-1), ...(await ended([...pair.pages, watcher])) };
  },

  /** A pawn becomes a knight; a draw is offered, declined, offered by the other and agreed. */
  async chessDraw(way) {
    const { pages, match, made } = await together(way, "chess");
    const [white, black] = pages;
    await play({ pages }, PROMOTING, (move) => ({ move }));
    white.move({ move: { from: "f7", to: "g8", promotion: "n" } });
    const [promoted] = await Promise.all(pages.map((page) => page.next("game:move:made")));
    const room = { roomId: match.roomId };
    white.emit("game:draw:offer", { ...room, playerId: white.me });
    await black.next("game:draw:offered");
    black.emit("game:draw:decline", room);
    await white.next("game:draw:declined");
    black.emit("game:draw:offer", { ...room, playerId: black.me });
    await white.next("game:draw:offered");
    white.emit("game:draw:accept", room); // no playerId, as documented
    const end = await ended(pages);
    return { promoted, timers: white.count("timer:update"), validated: await validated(made), ...end };
  },

  /** `game:get_moves`, then one of `game:valid_moves` sent back as it came. */
  async checkers(way) {
    const pair = await matched(way, "checkers");
    const made = await play(pair, CHECKERS, async ([from, to, ...captures], page) => {
      page.emit("game:get_moves", { roomId: page.match.roomId, position: from, playerId: page.me });
      const { position, moves } = await page.next("game:valid_moves");
      const wanted = moves.filter((each) => each.to === to && [...(each.captures ?? [])].sort().join() === captures.sort().join());
      if (position !== from || wanted.length !== 1) throw new Error(`${wanted.length} moves of ${moves.length} lead from ${from} to ${to}`);
      return { move: wanted[0] };
    });
    const crowned = made.map((each, turn) => (each.becameKing ? turn : null)).filter((turn) => turn !== null);
    return { match: pair.match, colours: pair.pages.map((page) => page.match.color), crowned, last: made.at(-1), ...(await ended(pair.pages)) };
  },

  async connect4(way) {
    const pair = await matched(way, "connect4");
    const made = await play(pair, CONNECT4, (column) => ({ column }));
    return { match: pair.match, last: made.at(-1), ...(await ended(pair.pages)) };
  },

  /** Joins as shipping clients do. Four in one column, beside which a bot that plays at random seldom comes. */
  async connect4Bot(way) {
    const made = await session(way, { game: "connect4", matchType: "bot", botDifficulty: "easy", players: [people[0]] });
    const page = new Page(way, "connect4", { token: made.sessionToken });
    let { board, currentTurn, players } = await page.join({ username: "ANN", playerId: "ann", wantsBot: true, botDifficulty: "easy" });
    let moves = 0;
    while (!page.count("game:over")) {
      if (players[currentTurn].id === page.me) page.move({ column: columnFor(board) });
      ({ board, currentTurn } = await page.next("game:move:made"));
      moves += 1;
      if (isFull(board) || hasFour(board)) break;
    }
    return { players, moves, ...(await ended([page])), validated: await validated(made) };
  },

  /** O's connection breaks and comes back by `game:reconnect {playerId}`. */
  async tictactoe(way) {
    const pair = await matched(way, "tictactoe");
    await play(pair, TICTACTOE.slice(0, 3), (position) => ({ position }));
    const [x, o] = pair.pages;
    o.close();
    const disconnected = await x.next("player:disconnected");
    const again = new Page(way, "tictactoe", { token: o.socket.auth.token });
    again.emit("game:reconnect", { playerId: o.me });
    const [back] = await Promise.all([again.next("game:reconnected"), x.next("game:reconnected"), x.next("player:reconnected")]);
    Object.assign(again, { match: back, me: o.me });
    again.emit("afk:check", { roomId: back.roomId });
    const afk = await again.next("afk:status");
    for (const [page, position] of [[again, 4], [x, 2]]) {
      page.move({ position });
      await Promise.all([x, again].map((each) => each.next("game:move:made")));
    }
    return { match: pair.match, symbols: [x, o].map((page) => page.match.symbol), disconnected, back, afk, ...(await ended([x, again])) };
  },

  async tictactoeResigned(way) {
    const { pages, match } = await together(way, "tictactoe");
    pages[0].emit("game:resign", { roomId: match.roomId, playerId: pages[0].me });
    return { resigned: pages[0].me, ...(await ended(pages)) };
  },
};

function columnFor(board) {
  const open = [3, 2, 4, 1, 5, 0, 6].filter((column) => board[column] === null);
  const height = (column) => [0, 1, 2, 3, 4, 5].filter((row) => board[row * 7 + column] !== null).length;
  const onTop = (column) => board[(6 - height(column)) * 7 + column];
  return open.find((column) => height(column) === 0 || onTop(column) === "red") ?? open[0];
}

function isFull(board) {
  return board.every((cell) => cell !== null);
}

function hasFour(board) {
  const at = (row, column) => (row >= 0 && row < 6 && column >= 0 && column < 7 ? board[row * 7 + column] : null);
  const ways = [[0, 1], [1, 0], [1, 1], [1, -1]]; // prettier-ignore
  return board.some(
    (cell, index) =>
      cell !== null &&
      ways.some(([down, right]) =>
        [1, 2, 3].every((step) => at(Math.floor(index / 7) + step * down, (index % 7) + step * right) === cell),
      ),
  );
}

async function text(stream) {
  let whole = "";
  for await (const piece of stream) whole += piece;
  return whole;
}

const all = ways.map(async (way) => {
  const heard = await Promise.all(
    Object.entries(scenes).map(async ([name, scene]) => [name, await scene(way).catch((error) => ({ error: String(error) }))]),
  );
  return Object.fromEntries(heard);
});
process.stdout.write(JSON.stringify(await Promise.all(all)), () => process.exit(0)); // a pipe takes 64 KiB at once
