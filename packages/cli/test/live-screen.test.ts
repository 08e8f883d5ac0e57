import { PassThrough, Writable } from 'node:stream';
import type { TopSample } from '@bpfship/runtime-shim';
import { describe, expect, it } from 'vitest';
import { LiveScreen } from '../src/terminal/live-screen.ts';
import { topLines } from '../src/terminal/top-table.ts';

const numbers = { runsPerSecond: 0, nanosecondsPerRun: 0, cpuPercent: 0, missedPerSecond: 0, memory: 4096 };
const SAMPLE: TopSample = {
  time: '2026-11-30T03:05:49.000Z',
  elapsed: 2000,
  services: [
    {
      service: 'quiet',
      ...numbers,
      programs: [{ program: 'p\u001b[31m', hook: 'xdp', id: 1, ...numbers }],
    },
    {
      service: 'busy',
      ...numbers,
      runsPerSecond: 1234.4,
      nanosecondsPerRun: 150,
      cpuPercent: 12.345,
      eventsPerSecond: 2.5,
      lostPerSecond: 0,
      programs: [
        { program: 'small', hook: 'kprobe:a', id: 2, ...numbers },
        {
          program: 'large',
          hook: 'kprobe:b',
          id: 3,
          ...numbers,
          runsPerSecond: 1234.4,
          nanosecondsPerRun: 150,
          cpuPercent: 12.345,
        },
      ],
    },
  ],
};

describe('top', () => {
  it('sorts services, and programs in them, and cleans their names', () => {
    expect(topLines(SAMPLE, { sort: 'cpu' })).toEqual([
      '2026-11-30T03:05:49.000Z  2 services, 3 programs, over 2.0 s, by cpu',
      'SERVICE / PROGRAM  HOOK      EVENTS/S  LOST/S  RUNS/S  NS/RUN   CPU%  MISSED/S   MEMORY',
      'busy                              2.5       0    1234     150  12.35         0  4.0 KiB',
      '  large            kprobe:b                      1234     150  12.35         0  4.0 KiB',
      '  small            kprobe:a                         0       -   0.00         0  4.0 KiB',
      'quiet                               -       -       0       -   0.00         0  4.0 KiB',
      String.raw`  p\u001b[31m      xdp                              0       -   0.00         0  4.0 KiB`,
    ]);
    expect(topLines(SAMPLE, { sort: 'name' }).map((line) => line.split(' ')[0])).toEqual([
      '2026-11-30T03:05:49.000Z',
      'SERVICE',
      'busy',
      '',
      '',
      'quiet',
      '',
    ]);
    expect(topLines({ ...SAMPLE, services: [] }, { sort: 'cpu' }).at(-1)).toBe(
      'No service has a program in the kernel.',
    );
  });
});

describe('a live screen', () => {
  it('draws over what is there, cuts what does not fit, hears keys, and gives the terminal back', () => {
    const out: string[] = [];
    const stdout = Object.assign(
      new Writable({
        write(chunk, _encoding, done) {
          out.push(String(chunk));
          done();
        },
      }),
      { isTTY: true, columns: 5, rows: 2 },
    );
    const raw: boolean[] = [];
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void raw.push(on) });
    const keys: string[] = [];
    const screen = new LiveScreen({ stdin, stdout, stderr: stdout, env: {}, cwd: '/' }, (key) => void keys.push(key));
    screen.draw(['\u001b[1m1234567', 'ab', 'not seen']);
    stdin.emit('data', Buffer.from('mq'));
    screen[Symbol.dispose]();
    stdin.emit('data', Buffer.from('x'));
    expect(keys).toEqual(['m', 'q']);
    expect(raw).toEqual([true, false]);
    expect(out).toEqual([
      '\u001b[?1049h\u001b[?25l',
      '\u001b[?2026h\u001b[H\u001b[1m12345\u001b[0m\u001b[K\r\nab\u001b[0m\u001b[K\u001b[J\u001b[?2026l',
      '\u001b[?25h\u001b[?1049l',
    ]);
  });
});
