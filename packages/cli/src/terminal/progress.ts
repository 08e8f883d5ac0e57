import { sanitizeLine } from './sanitize.ts';
import { formatBytes } from './table.ts';
import type { Streams } from './streams.ts';

/** What a transfer tells of one blob; the shape of the client's progress events. */
export interface TransferEvent {
  readonly descriptor: {
    readonly digest: string;
    readonly size: number;
    readonly annotations?: Record<string, string>;
  };
  readonly phase: 'start' | 'bytes' | 'skipped' | 'mounted' | 'done';
  /** Bytes so far. */
  readonly bytes: number;
}

/** Shows transfers on stderr. */
export interface ProgressDisplay {
  readonly onProgress: (event: TransferEvent) => void;
  /** Removes what is still shown. */
  close(): void;
}

/** What the display says of a blob: while it goes, and when it is done. */
export interface ProgressWords {
  readonly doing: string;
  readonly done: string;
}

/** Milliseconds between two frames on a terminal: five a second. */
const FRAME_MS = 200;
/** Milliseconds after which a slow blob says that it is still going where there is no terminal. */
const HEARTBEAT_MS = 15_000;
/** Characters of a title that are shown; titles come from the package. */
const MAX_TITLE = 80;

/** A display with one live line on a terminal; elsewhere one line for each blob that is done, and a heartbeat for slow ones. */
export function createProgress(
  streams: Streams,
  options: { interactive: boolean; quiet: boolean; words: ProgressWords },
): ProgressDisplay {
  const active = new Map<string, { done: number; size: number; name: string }>();
  const write = (text: string): void => void streams.stderr.write(text);
  const draw = (): void => {
    const line = [...active.values()].map(({ name, done, size }) => `${name} ${percent(done, size)}`).join('  ');
    write(`\r\u001b[K${line.slice(0, (streams.stderr.columns ?? 80) - 1)}`);
  };
  const beat = (): void => {
    for (const { name, done, size } of active.values()) {
      write(`${options.words.doing} ${name}: ${formatBytes(done)} of ${formatBytes(size)}\n`);
    }
  };
  const timer = options.quiet
    ? undefined
    : setInterval(options.interactive ? draw : beat, options.interactive ? FRAME_MS : HEARTBEAT_MS);
  timer?.unref();
  return {
    onProgress({ descriptor, phase, bytes }) {
      const name = nameOf(descriptor);
      if (phase === 'start' || phase === 'bytes') {
        active.set(descriptor.digest, { name, done: bytes, size: descriptor.size });
        return;
      }
      active.delete(descriptor.digest);
      if (options.quiet) return;
      const word = phase === 'done' ? options.words.done : phase === 'mounted' ? 'Mounted' : 'Exists';
      write(`${options.interactive ? '\r\u001b[K' : ''}${word.padEnd(8)} ${name} (${formatBytes(descriptor.size)})\n`);
    },
    close() {
      clearInterval(timer);
      if (options.interactive && active.size > 0) write('\r\u001b[K');
    },
  };
}

function percent(done: number, size: number): string {
  return size === 0 ? '100%' : `${Math.min(100, Math.floor((done / size) * 100))}%`;
}

function nameOf(descriptor: TransferEvent['descriptor']): string {
  const short = descriptor.digest.split(':')[1]?.slice(0, 12) ?? '';
  const title = descriptor.annotations?.['org.opencontainers.image.title'];
  return sanitizeLine(title ? `${short} ${title.slice(0, MAX_TITLE)}` : short);
}
