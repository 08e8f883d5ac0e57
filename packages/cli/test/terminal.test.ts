import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { formatEvent } from '../src/terminal/format-event.ts';
import { createPrinter } from '../src/terminal/printer.ts';
import { createProgress, type TransferEvent } from '../src/terminal/progress.ts';
import { sanitize, sanitizeLine, toJson } from '../src/terminal/sanitize.ts';
import type { Streams } from '../src/terminal/streams.ts';
import { formatBytes, table } from '../src/terminal/table.ts';

const HOSTILE = 'a\u001b[2Jb\u009b31mc\u202ed\u2028e\u0007f\rg';

/** Streams that remember; stdout takes `room` bytes before it is full. */
function fakeStreams(room = 16_384): { streams: Streams; out: string[]; err: string[]; release: () => void } {
  const [out, err]: string[][] = [[], []];
  const held: (() => void)[] = [];
  const stdout = new Writable({
    highWaterMark: room,
    write: (chunk: Buffer, _, done) => {
      out?.push(chunk.toString('utf8'));
      if (room < 16_384) held.push(done);
      else done();
    },
  });
  const stderr = new Writable({ write: (chunk: Buffer, _, done) => (err?.push(chunk.toString('utf8')), done()) });
  return {
    streams: { stdin: process.stdin, stdout, stderr, env: {}, cwd: '/' },
    out: out ?? [],
    err: err ?? [],
    release: () => held.splice(0).forEach((done) => done()),
  };
}

describe('text from outside', () => {
  it('never reaches the terminal with control characters', () => {
    expect(sanitize(HOSTILE)).toBe(String.raw`a\u001b[2Jb\u009b31mc\u202ed\u2028e\u0007f\u000dg`);
    expect(sanitize('a\nb\tc')).toBe('a\nb\tc');
    expect(sanitizeLine('a\nWarning: b')).toBe(String.raw`a\u000aWarning: b`);
    expect(sanitize('日本語 ü 🐝')).toBe('日本語 ü 🐝');
  });

  it('is whole in JSON, and safe to print', () => {
    const text = toJson({ [HOSTILE]: HOSTILE, big: 2n ** 64n, bytes: new Uint8Array([1, 2]) });
    expect(text).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
    expect(JSON.parse(text)).toEqual({ [HOSTILE]: HOSTILE, big: '18446744073709551616', bytes: 'AQI=' });
  });

  it('as an event is one line', () => {
    const event = {
      comm: 'a b\nc',
      empty: '',
      args: 'ls\0-l\0',
      nested: { x: [1, 'y="z"'] },
      hash: new Uint8Array([0xab]),
    };
    expect(formatEvent(event)).toBe(String.raw`comm="a b\nc" empty="" args="ls -l" nested={x=[1 "y=\"z\""]} hash=ab`);
    const { streams, out } = fakeStreams();
    const printer = createPrinter(
      streams,
      { format: 'text', quiet: false, debug: false, tty: false },
      new AbortController().signal,
    );
    void printer.item({ text: formatEvent({ comm: 'x\u001b[31m' }), data: {} });
    expect(out).toEqual([`comm=x${String.raw`\u001b`}[31m\n`]);
  });
});

describe('printer', () => {
  const options = { format: 'text', quiet: false, debug: false, tty: false } as const;

  it('waits for a slow reader, and no longer than until the signal', async () => {
    const { streams, release } = fakeStreams(8);
    const abort = new AbortController();
    const printer = createPrinter(streams, options, abort.signal);
    let written = false;
    const first = printer.item({ text: 'longer than eight bytes', data: {} }).then(() => (written = true));
    await new Promise(setImmediate);
    expect(written).toBe(false);
    release();
    await first;
    const second = printer.item({ text: 'longer than eight bytes', data: {} });
    abort.abort();
    await second;
  });

  it('prints nothing, not an empty line, where the brief is empty', () => {
    const { streams, out } = fakeStreams();
    createPrinter(streams, { ...options, quiet: true }, new AbortController().signal).result({
      text: 'No service',
      data: [],
      brief: '',
    });
    expect(out).toEqual([]);
  });
});

const event = (phase: TransferEvent['phase'], title?: string): TransferEvent => ({
  descriptor: {
    digest: `sha256:${'ab'.repeat(32)}`,
    size: 2048,
    ...(title === undefined ? {} : { annotations: { 'org.opencontainers.image.title': title } }),
  },
  phase,
  bytes: 1024,
});

describe('progress', () => {
  const words = { doing: 'Copying', done: 'Copied' };

  it('without a terminal is one line for each blob that is done', () => {
    const { streams, err } = fakeStreams();
    const progress = createProgress(streams, { interactive: false, quiet: false, words });
    for (const phase of ['start', 'bytes', 'done', 'mounted', 'skipped'] as const) progress.onProgress(event(phase));
    progress.close();
    expect(err).toEqual(['Copied', 'Mounted', 'Exists'].map((word) => `${word.padEnd(8)} abababababab (2.0 KiB)\n`));
  });

  it('is silent in quiet mode', () => {
    const { streams, err } = fakeStreams();
    const progress = createProgress(streams, { interactive: false, quiet: true, words });
    progress.onProgress(event('done'));
    progress.close();
    expect(err).toEqual([]);
  });

  it('shows titles without their control characters, and cut', () => {
    const { streams, err } = fakeStreams();
    const progress = createProgress(streams, { interactive: false, quiet: false, words });
    progress.onProgress(event('done', `\u001b[2J\n${'x'.repeat(500)}`));
    progress.close();
    expect(err[0]).toMatch(/^Copied {3}abababababab \\u001b\[2J\\u000ax{75} \(2\.0 KiB\)\n$/);
  });
});

describe('tables and sizes', () => {
  it('line up, also with wide characters', () => {
    expect(
      table([
        ['A', 'B'],
        ['日本', 'x'],
        ['abcd', ''],
      ]),
    ).toBe('A     B\n日本  x\nabcd');
  });

  it('give the last column lines of its own where it would be narrow', () => {
    const rows = [
      ['PROGRAM', 'LOADS', 'REASON'],
      ['n'.repeat(40), 'no', 'one two three four five six seven eight nine ten eleven twelve'],
      ['', '', 'and another'],
    ];
    expect(table(rows, 70)).toBe(
      [
        `PROGRAM${' '.repeat(35)}LOADS`,
        '  REASON',
        `${'n'.repeat(40)}  no`,
        '  one two three four five six seven eight nine ten eleven twelve',
        '  and another',
      ].join('\n'),
    );
    // Forty columns are enough.
    expect(table(rows, 40 + 2 + 5 + 2 + 40).split('\n')[0]).toMatch(/^PROGRAM +LOADS {2}REASON$/);
  });

  it('are for people', () => {
    expect([0, 1023, 1024, 1_572_864].map(formatBytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 MiB']);
  });
});
