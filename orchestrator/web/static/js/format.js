/** Numbers and times as people read them. Pure. */

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `245_000_000` → `"245 MB"`; one decimal below ten of a unit. */
export function formatBytes(bytes) {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** Seconds → `"42 s"`, `"12 min 5 s"`, `"1 h 3 min"`. */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  return minutes % 60 === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Seconds of play as a person counts them: `"under a minute"`, `"12 min"`, `"1 h 3 min"`. */
export function formatPlayTime(seconds) {
  if (seconds < 60) return "under a minute";
  return formatDuration(seconds - (seconds % 60));
}

/** `450.23` → `"450.2 s"`. */
export function formatCpuSeconds(seconds) {
  return `${seconds.toFixed(1)} s`;
}

/** An instant seen from another one: `"just now"`, `"5 minutes ago"`, `"yesterday"`, or the date when it is over a month. */
export function formatAgo(iso, nowMs, locale = "en") {
  const thenMs = Date.parse(iso);
  if (Number.isNaN(thenMs)) return "";
  const seconds = Math.round((thenMs - nowMs) / 1000);
  const past = Math.abs(seconds);
  if (past < 45) return "just now";
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  if (past < 45 * 60) return relative.format(Math.round(seconds / 60), "minute");
  if (past < 22 * 3600) return relative.format(Math.round(seconds / 3600), "hour");
  if (past < 30 * 86400) return relative.format(Math.round(seconds / 86400), "day");
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(thenMs);
}

/** An instant as day and time of the reader's place: `"Nov 20, 7:30 PM"`, with the year when it is not the one of `nowMs`. */
export function formatMoment(iso, nowMs, locale = "en", second = undefined) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const year = at.getFullYear() === new Date(nowMs).getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(locale, { year, month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second }).format(at);
}

/** Several instants, each as `formatMoment` has it; those that would read the same have their seconds as well. */
export function formatMoments(isos, nowMs, locale = "en") {
  const words = isos.map((iso) => formatMoment(iso, nowMs, locale));
  return words.map((each, index) => (words.indexOf(each) === words.lastIndexOf(each) ? each : formatMoment(isos[index], nowMs, locale, "2-digit")));
}

/** An instant as a day of the reader's place: `"December 20"`. */
export function formatDay(iso, locale = "en") {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return "";
  return new Intl.DateTimeFormat(locale, { month: "long", day: "numeric" }).format(at);
}

/** `"2015-01-01"` → `"January 1, 2015"`; the text itself when it is no date. */
export function formatDate(day, locale = "en") {
  const at = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(at)) return day;
  return new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(at);
}

/** `["en", "ja"]` → `"English, Japanese"`; a code that nobody knows stays as it is. */
export function formatLanguages(codes, locale = "en") {
  const names = new Intl.DisplayNames([locale], { type: "language", fallback: "code" });
  return codes
    .map((code) => {
      try {
        return names.of(code);
      } catch {
        return code;
      }
    })
    .join(", ");
}
