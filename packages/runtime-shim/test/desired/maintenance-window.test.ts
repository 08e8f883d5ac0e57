import { describe, expect, it } from 'vitest';
import { isInWindow } from '../../src/desired/maintenance-window.ts';

describe('maintenance windows', () => {
  // 2026-11-30 is a Monday.
  it.each([
    ['2026-11-30T02:00:00Z', true],
    ['2026-11-30T03:59:59Z', true],
    ['2026-11-30T04:00:00Z', false],
    ['2026-11-30T01:59:59Z', false],
    ['2026-12-01T02:30:00Z', false],
  ])('on a day: %s', (now, expected) => {
    expect(isInWindow([{ days: ['mon'], start: '02:00', end: '04:00' }], new Date(now))).toBe(expected);
  });

  it.each([
    ['2026-11-30T23:30:00Z', true],
    ['2026-12-01T00:30:00Z', true],
    ['2026-12-01T01:00:00Z', false],
    ['2026-12-01T23:30:00Z', false],
    ['2026-11-30T00:30:00Z', false],
  ])('over midnight: %s', (now, expected) => {
    expect(isInWindow([{ days: ['mon'], start: '23:00', end: '01:00' }], new Date(now))).toBe(expected);
  });

  it('in a time zone, with its summer time', () => {
    const window = [{ start: '02:00', end: '03:00', timeZone: 'Europe/Berlin' }];
    expect(isInWindow(window, new Date('2026-07-01T00:30:00Z'))).toBe(true);
    expect(isInWindow(window, new Date('2026-12-01T00:30:00Z'))).toBe(false);
    expect(isInWindow(window, new Date('2026-12-01T01:30:00Z'))).toBe(true);
  });

  it('always without one, and all day with equal times', () => {
    expect(isInWindow([], new Date())).toBe(true);
    expect(isInWindow([{ start: '05:00', end: '05:00' }], new Date('2026-12-01T04:00:00Z'))).toBe(true);
  });
});
