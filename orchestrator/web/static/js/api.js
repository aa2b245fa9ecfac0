/** Every call that the pages make to Playhouse's own API, and the one kind of failure they meet. */

/** A call that was refused or could not be made. `code` is the API's, or `offline`; `details` is the whole body of the refusal. */
export class ApiFailure extends Error {
  constructor(status, code, message, { details = {}, retryAfterS = null } = {}) {
    super(message);
    this.name = "ApiFailure";
    this.status = status;
    this.code = code;
    this.details = details;
    this.retryAfterS = retryAfterS;
  }
}

/** What the server's clock says, as of its newest answer: a device's own clock may be wrong by hours. */
export const serverNowMs = () => Date.now() + clockOffsetMs;
let clockOffsetMs = 0;

/** `body` is sent as JSON; as a form when it is `URLSearchParams`, as it is when it is a `Blob`. */
async function call(method, path, { body, headers = {}, signal } = {}) {
  const isJson = body !== undefined && !(body instanceof URLSearchParams || body instanceof Blob);
  let response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(isJson ? { "content-type": "application/json" } : {}), ...headers },
      body: isJson ? JSON.stringify(body) : body,
      cache: "no-store",
      signal,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiFailure(0, "offline", "The network could not be reached.");
  }
  const toldMs = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(toldMs)) clockOffsetMs = toldMs - Date.now();
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const retryAfterS = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  throw new ApiFailure(response.status, answer.error ?? "internal_error", answer.message ?? "", {
    details: { ...answer, ...(answer.details ?? {}) },
    retryAfterS: Number.isNaN(retryAfterS) ? null : retryAfterS,
  });
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined && value !== null)).toString();

export const readGame = (slug) => call("GET", `/api/games/${encodeURIComponent(slug)}`);
export const setFavorite = (slug, isFavorite) => call(isFavorite ? "PUT" : "DELETE", `/api/games/${encodeURIComponent(slug)}/favorite`);
export const redeemCode = (code) => call("POST", "/api/library/redeem", { body: { code } });
export const listSaves = (gameSlug) => call("GET", `/api/saves?${query({ gameSlug })}`);
export const listProbes = () => call("GET", "/api/game/probes");
export const listSessions = () => call("GET", "/api/game/sessions");
export const stopSession = (sessionId) => call("POST", "/api/game/stop", { body: { sessionId } });
export const keepAlive = (sessionId, framesDecoded) => call("POST", "/api/game/keepalive", { body: { sessionId, framesDecoded } });
export const makeInvite = (sessionId) => call("POST", "/api/game/invites", { body: { sessionId } });
export const revokeInvites = (sessionId) => call("POST", "/api/game/invites/revoke", { body: { sessionId } });
export const watchSession = (invitation) => call("POST", "/api/game/watch", { body: invitation });
export const listHistory = ({ page, limit }) => call("GET", `/api/game/history?${query({ page, limit })}`);
export const listVersions = (slotId) => call("GET", `/api/saves/${encodeURIComponent(slotId)}/versions`);
export const restoreVersion = (slotId, versionId) => call("POST", `/api/saves/${encodeURIComponent(slotId)}/restore`, { body: { versionId } });
export const labelSlot = (slotId, label) => call("PATCH", `/api/saves/${encodeURIComponent(slotId)}`, { body: { label } });
export const deleteSlot = (slotId) => call("DELETE", `/api/saves/${encodeURIComponent(slotId)}`);
export const undeleteSlot = (slotId) => call("POST", `/api/saves/${encodeURIComponent(slotId)}/undelete`);
export const uploadSave = (slotId, file) => call("PUT", `/api/saves/${encodeURIComponent(slotId)}/upload`, { body: file, headers: { "content-type": "application/zstd" } });
export const downloadPath = (slotId, versionId) => `/api/saves/${encodeURIComponent(slotId)}/download${versionId ? `?${query({ versionId })}` : ""}`;
export const signIn = (form) => call("POST", "/api/auth/callback/credentials", { body: new URLSearchParams(form) });
export const register = (form) => call("POST", "/api/auth/register", { body: form });
export const changeAccount = (changes) => call("PATCH", "/api/account", { body: changes });
export const changePassword = (change) => call("POST", "/api/account/password", { body: change });
export const changeEmail = (change) => call("POST", "/api/account/email", { body: change });
export const deleteAccount = (password) => call("POST", "/api/account/delete", { body: { password } });
export const askForConfirmation = () => call("POST", "/api/account/confirmation");
export const forgotPassword = (email) => call("POST", "/api/auth/forgot-password", { body: { email } });
export const resetPassword = (reset) => call("POST", "/api/auth/reset-password", { body: reset });
export const confirmEmail = (token) => call("POST", "/api/auth/confirm-email", { body: { token } });
export const listDevices = () => call("GET", "/api/account/devices");
export const signOutDevice = (deviceId) => call("DELETE", `/api/account/devices/${encodeURIComponent(deviceId)}`);
export const signOutOtherDevices = () => call("DELETE", "/api/account/devices");

/** With `waitS` the server holds its answer until something changes. */
export const readStatus = (sessionId, { waitS, after, signal } = {}) => call("GET", `/api/game/session-status?${query({ sessionId, wait: waitS, after })}`, { signal });

/** Repeating a launch with the same key gives the same session: a lost answer starts nothing twice. */
export const launch = (order, idempotencyKey) => call("POST", "/api/game/launch", { body: order, headers: { "idempotency-key": idempotencyKey } });

/** An id for one order, unique enough for the server's memory of orders; works on plain HTTP as well. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends a person whose sign-in has ended to the door and back; true when it did. */
export function wentToSignIn(failure) {
  if (failure.status !== 401) return false;
  location.assign(`/signin?${query({ callbackUrl: location.pathname + location.search })}`);
  return true;
}

/** The same calls with a publisher's key in place of who is signed in. */
export const callAs = (key) => (method, path, options = {}) => call(method, path, { ...options, headers: { ...options.headers, authorization: `Bearer ${key}` } });

/** What operators and members of a tenant change, and are answered with. */
export const callAdmin = (method, path, body) => call(method, path, body === undefined ? {} : { body });
