import type { AttachedLink } from '../kernel.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { keepPerfEvents } from './keep-perf-events.ts';
import { openPerfEvent, probeKind } from './open-perf-event.ts';
import { functionsIn, type UserTarget, userTarget } from './user-binary.ts';

/** Attaches to a function of an executable or library: `uprobe/PATH:FUNCTION+OFFSET`, `uretprobe/…`. */
export function attachUprobe(request: AttachRequest): AttachedLink {
  const target = userTarget(request);
  const place = placeOf(request.program, target);
  return keepPerfEvents(
    request,
    openUprobes(request, target.path, [place]),
    `${target.path}:${target.symbol ?? place}`,
  );
}

/** The place of a function in its file: of several with one name, that which others can see. */
function placeOf(program: string, { path, symbol, offset }: UserTarget): bigint {
  if (symbol === undefined) return offset;
  const bare = symbol.replace(/@.*$/, '');
  const functions = functionsIn(program, path, (name) => name === symbol || name.replace(/@.*$/, '') === bare, symbol);
  return ((functions.find(({ global }) => global) ?? functions[0])?.offset ?? 0n) + offset;
}

/** Opens a probe at each place of a file. @throws {KernelError} where the kernel refuses one. */
export function openUprobes(request: AttachRequest, path: string, places: readonly bigint[]): number[] {
  const { bpf, section, options } = request;
  const kind = probeKind('uprobe');
  if (kind === undefined) {
    throw refuse(
      `program "${request.program}" needs uprobes, which this kernel has not`,
      'It is built without CONFIG_UPROBES or CONFIG_PERF_EVENTS, or /sys is not mounted.',
      'EOPNOTSUPP',
    );
  }
  const config = section.startsWith('uret') ? kind.returnBit : 0n;
  const pid = options.pid === undefined ? {} : { pid: options.pid };
  const events: number[] = [];
  for (const offset of places) {
    const event = openPerfEvent(bpf, { type: kind.type, config, text: path, offset, ...pid });
    if (event < 0) {
      for (const fd of events) bpf.native.close(fd);
      throw attachError(request, `${path}+0x${offset.toString(16)}`, event, {
        EINVAL: 'The place is none in the file’s code, or the file system has no such files.',
        ESRCH: `There is no process ${options.pid ?? ''}.`,
        EIO: 'The file cannot be mapped.',
      });
    }
    events.push(event);
  }
  return events;
}
