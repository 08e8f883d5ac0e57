const SECOND = 1_000_000_000;
/** Seconds that Date can say. */
const MAX_SECONDS = 8_640_000_000_000;

/** `2026-11-30T03:05:49.123456789Z`. @param nanoseconds - of a clock; `offset` makes them count from 1970 on. */
export function formatUnixTime(nanoseconds: number | bigint, offset: bigint): string {
  const total = BigInt(nanoseconds) + offset;
  const seconds = Number(total / BigInt(SECOND));
  const rest = Number(total % BigInt(SECOND));
  // No clock says so; the number is then more than the wrong time would.
  if (seconds > MAX_SECONDS || total < 0n) return String(nanoseconds);
  return `${secondOf(seconds)}.${String(rest).padStart(9, '0')}Z`;
}

/** `12.345678901`: seconds. */
export function formatSinceBoot(nanoseconds: number | bigint): string {
  const total = BigInt(nanoseconds);
  return `${total / BigInt(SECOND)}.${String(total % BigInt(SECOND)).padStart(9, '0')}`;
}

let last = { seconds: -1, text: '' };

/** Events that follow one another often share their second. */
function secondOf(seconds: number): string {
  if (seconds !== last.seconds)
    last = { seconds, text: new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length) };
  return last.text;
}
