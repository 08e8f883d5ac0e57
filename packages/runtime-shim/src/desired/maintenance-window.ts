/** When a service may be changed: on these days from `start` to `end`, in a time zone. One that ends before it starts goes over midnight. */
export interface MaintenanceWindow {
  /** The days on which it starts. Default: every day. */
  days?: Day[];
  /** `HH:MM`. */
  start: string;
  /** `HH:MM`; equal to `start`: 24 hours. */
  end: string;
  /** Name in the IANA database. Default `UTC`. */
  timeZone?: string;
}

/** Days of the week, as {@link MaintenanceWindow} has them. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

const MINUTES_OF_A_DAY = 24 * 60;
/** Formatters are dear to make. */
const formatters = new Map<string, Intl.DateTimeFormat>();

/** Whether a moment is in one of the windows; without windows it always is. By the wall clock, which may jump: it is asked anew each time. */
export function isInWindow(windows: readonly MaintenanceWindow[], now: Date): boolean {
  return windows.length === 0 || windows.some((window) => isIn(window, now));
}

/** Whether a time zone is known here. */
export function isTimeZone(name: string): boolean {
  try {
    formatterFor(name);
    return true;
  } catch {
    return false;
  }
}

function isIn({ days = [...DAYS], start, end, timeZone = 'UTC' }: MaintenanceWindow, now: Date): boolean {
  const { day, minute } = localTime(now, timeZone);
  const [from, to] = [minuteOf(start), minuteOf(end)];
  const yesterday = DAYS[(DAYS.indexOf(day) + DAYS.length - 1) % DAYS.length] ?? day;
  if (from < to) return days.includes(day) && minute >= from && minute < to;
  return (days.includes(day) && minute >= from) || (days.includes(yesterday) && minute < to);
}

function localTime(now: Date, timeZone: string): { day: Day; minute: number } {
  const parts = new Map(
    formatterFor(timeZone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  );
  const day = DAYS.find((name) => name === parts.get('weekday')?.toLowerCase()) ?? 'mon';
  const minute = (Number(parts.get('hour')) % 24) * 60 + Number(parts.get('minute'));
  return { day, minute: minute % MINUTES_OF_A_DAY };
}

function formatterFor(timeZone: string): Intl.DateTimeFormat {
  let found = formatters.get(timeZone);
  if (found === undefined) {
    found = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formatters.set(timeZone, found);
  }
  return found;
}

function minuteOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return hours * 60 + minutes;
}
