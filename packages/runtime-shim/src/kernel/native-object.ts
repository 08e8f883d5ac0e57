import { rmSync } from 'node:fs';
import koffi from 'koffi';
import { readSectionName } from '@bpfship/bpf-object';
import { attachProgram } from './attach/attach-program.ts';
import { attachStructOps, type StructOps, switchStructOps } from './attach/attach-struct-ops.ts';
import { switchAttachment } from './attach/switch-attachment.ts';
import { setAttachTargets } from './attach/load-targets.ts';
import { attachTracepoint } from './attach-tracepoint.ts';
import type { AttachedLink, AttachOptions, LoadedObject, LoadOptions } from './kernel.ts';
import { KernelError } from './kernel-error.ts';
import { Arena } from './native/arena.ts';
import type { Bpf } from './native/bpf.ts';
import { mapTypeName } from './native/map-types.ts';
import { holdSignals } from './native/hold-signals.ts';
import { callError, errnoName } from './native/errno.ts';
import type { Native, Pointer } from './native/library.ts';
import { PROGRAM_TYPES } from './native/names.ts';
import { avoidMissingLinks } from './attach/avoid-missing-links.ts';
import { nameProgram } from './name-program.ts';
import { reuseMap } from './reuse-map.ts';
import { permissionHint } from './permission-hint.ts';
import { setVariables } from './set-variables.ts';
import { fillSizes } from './fill-sizes.ts';
import type { DispatcherBtf } from '../xdp-dispatcher/dispatcher-btf.ts';
import { makeComponent, prepareTwin } from '../xdp-dispatcher/load-component.ts';
import { withTrialDispatcher } from '../xdp-dispatcher/load-dispatcher.ts';

/** include/uapi/asm-generic/fcntl.h; the same on every machine that Node knows. */
const O_CLOEXEC = 0o2000000;
/** BPF_F_LINK (include/uapi/linux/bpf.h): what `SEC(".struct_ops.link")` sets. */
const F_LINK = 1 << 13;
/** Bytes of verifier log that are kept of a rejected program. */
const LOG_SIZE = 1024 * 1024;
/** Size of `struct bpf_object_open_opts` as libbpf 1.0 has it; newer versions accept it. */
const OPEN_OPTIONS_SIZE = 80;

/** An object that libbpf has loaded. */
export class NativeObject {
  readonly #bpf: Bpf;
  readonly #native: Native;
  readonly #object: Pointer;
  readonly #programs = new Map<string, Pointer>();
  readonly #maps = new Map<string, Pointer>();
  /** Names of maps as the object has them: a reused map takes the kernel's name for it, which may be cut or empty (libbpf, bpf_map__reuse_fd). */
  readonly #mapNames = new Map<Pointer, string>();

  private constructor(bpf: Bpf, object: Pointer) {
    this.#bpf = bpf;
    this.#native = bpf.native;
    this.#object = object;
  }

  /** Opens, relocates and loads. @throws {KernelError}. */
  static load(bpf: Bpf, options: LoadOptions, dispatcher?: DispatcherBtf): NativeObject {
    const { native } = bpf;
    using arena = new Arena();
    const log = arena.allocate(LOG_SIZE);
    const settings = Buffer.alloc(OPEN_OPTIONS_SIZE);
    settings.writeBigUInt64LE(BigInt(OPEN_OPTIONS_SIZE), 0);
    settings.writeBigUInt64LE(arena.string(options.name), 8);
    if (options.customBtfPath !== undefined) settings.writeBigUInt64LE(arena.string(options.customBtfPath), 48);
    settings.writeBigUInt64LE(log.address, 56);
    settings.writeBigUInt64LE(BigInt(LOG_SIZE), 64);
    const pointer = native.objectOpenMem(options.bytes, options.bytes.length, settings);
    if (!pointer) {
      throw new KernelError(
        'ERR_KERNEL_OBJECT_INVALID',
        `libbpf cannot open the object ${options.name} (${errnoName(native.errno())})`,
        {
          errno: errnoName(native.errno()),
          hint: 'Build the service again; "bpfship inspect" reads what the object holds.',
        },
      );
    }
    const object = new NativeObject(bpf, pointer);
    let targets: number[] = [];
    try {
      for (const program of object.#eachProgram()) {
        nameProgram(native, program);
        if (!options.trial) avoidMissingLinks(bpf, program);
      }
      targets = setAttachTargets(bpf, object.#eachProgram(), options.targets ?? {});
      object.#resizeMaps(options.mapSizes ?? {});
      object.#reuseMaps(options.reuseMaps ?? {});
      for (const { name, map } of object.#eachMap()) setVariables(native, map, name, options.variables ?? []);
      if (options.trial) object.#prepareTrial(options.trial.program);
      if (options.twin) prepareTwin(bpf, [...object.#eachProgram()], [...object.#eachMap()], options.twin);
      const result = object.#load(options.components ?? [], dispatcher);
      if (result < 0) throw loadError(options.name, result, log.bytes);
      object.#collect();
      return object;
    } catch (error) {
      object.close();
      throw error;
    } finally {
      for (const fd of targets) native.close(fd);
    }
  }

  #load(components: readonly string[], dispatcher: DispatcherBtf | undefined): number {
    const load = (): number => holdSignals(this.#native, () => this.#native.objectLoad(this.#object));
    if (components.length === 0 || dispatcher === undefined) return load();
    return withTrialDispatcher(this.#bpf, dispatcher, (fd) => {
      for (const program of this.#eachProgram()) {
        if (components.includes(this.#native.programName(program))) makeComponent(this.#native, program, fd);
      }
      return load();
    });
  }

  /** What the kernel made of it. */
  describe(id: number): LoadedObject {
    const native = this.#native;
    return {
      id,
      programs: [...this.#programs].map(([name, program]) => {
        const info = this.#bpf.info(native.programFd(program));
        return {
          name,
          section: native.programSection(program),
          type: PROGRAM_TYPES[info.readUInt32LE(0)] ?? 'unknown',
          id: info.readUInt32LE(4),
          tag: info.subarray(8, 16).toString('hex'),
        };
      }),
      maps: [...this.#maps].map(([name, map]) => ({
        name,
        id: this.#bpf.info(native.mapFd(map)).readUInt32LE(4),
        type: mapTypeName(native.mapType(map)),
        keySize: native.mapKeySize(map),
        valueSize: native.mapValueSize(map),
        maxEntries: native.mapMaxEntries(map),
      })),
    };
  }

  /** The descriptor of a program, or of the map of a struct_ops. */
  programFd(name: string): number {
    return this.#structOps(name)?.fd ?? this.#native.programFd(this.#program(name));
  }

  /** The instructions of a program as the kernel got them. */
  programInstructions(name: string): Uint8Array {
    const program = this.#program(name);
    const address = this.#native.programInstructions(program);
    const size = this.#native.programInstructionCount(program) * 8;
    return address === null ? new Uint8Array() : new Uint8Array(koffi.view(address, size).slice(0));
  }

  /** Puts a pinned program behind the descriptor that libbpf has of its own; that one goes. */
  usePinned(name: string, pin: string): void {
    const own = this.programFd(name);
    if (this.#structOps(name)?.link === false) {
      // Such a map cannot be registered a second time (kernel/bpf/bpf_struct_ops.c): the new one takes its pin.
      rmSync(pin, { force: true });
      this.#bpf.pin(own, pin);
      return;
    }
    this.#bpf.withPinned(pin, (fd) => {
      if (this.#native.duplicate(fd, own, O_CLOEXEC) >= 0) return;
      throw callError('ERR_KERNEL_CALL', `taking ${pin} for program "${name}"`, -this.#native.errno());
    });
  }

  /** The descriptor of a map. */
  mapFd(name: string): number {
    const map = this.#maps.get(name);
    if (map === undefined) throw new KernelError('ERR_KERNEL_NOT_FOUND', `the object has no map "${name}"`);
    return this.#native.mapFd(map);
  }

  /** Attaches one program and pins what holds it. */
  attach(name: string, options: AttachOptions): AttachedLink {
    const structOps = this.#structOps(name);
    if (structOps) return attachStructOps(this.#bpf, structOps, options);
    const pointer = this.#program(name);
    const section = this.#native.programSection(pointer).replace(/^\?/, '');
    return attachProgram({
      bpf: this.#bpf,
      program: name,
      fd: this.programFd(name),
      section,
      attachment: readSectionName(section),
      options,
      maps: [...this.#maps].map(([mapName, map]) => ({
        name: mapName,
        type: mapTypeName(this.#native.mapType(map)),
        fd: this.#native.mapFd(map),
      })),
      pointer,
    });
  }

  /** Puts a program, or a struct_ops, in the place of the one that an attachment runs. */
  takeLink(name: string, pin: string): void {
    const structOps = this.#structOps(name);
    if (structOps) switchStructOps(this.#bpf, structOps, pin);
    else switchAttachment(this.#bpf, pin, this.programFd(name));
  }

  /** The struct_ops map of a name; `undefined` where there is none. */
  #structOps(name: string): StructOps | undefined {
    const pointer = this.#maps.get(name);
    if (pointer === undefined || mapTypeName(this.#native.mapType(pointer)) !== 'struct_ops') return undefined;
    const link = (this.#native.mapFlags(pointer) & F_LINK) !== 0;
    return { name, pointer, fd: this.#native.mapFd(pointer), link };
  }

  /** Attaches one program, and detaches it at once. */
  tryAttach(name: string): void {
    const program = this.#program(name);
    const section = this.#native.programSection(program);
    const link = this.#attachAt(program, section);
    if (!link) throw this.#attachError(name, section);
    this.#native.linkDestroy(link);
  }

  #attachError(name: string, section: string): KernelError {
    const errno = this.#native.errno();
    return callError('ERR_KERNEL_ATTACH', `attaching program "${name}" (${section})`, errno, {
      hint: attachHint(errnoName(errno), section),
    });
  }

  /** Frees libbpf's side; what is pinned or attached stays. */
  close(): void {
    this.#native.objectClose(this.#object);
  }

  #program(name: string): Pointer {
    const program = this.#programs.get(name);
    if (program === undefined) throw new KernelError('ERR_KERNEL_NOT_FOUND', `the object has no program "${name}"`);
    return program;
  }

  #collect(): void {
    for (const program of this.#eachProgram()) {
      // A program that is not loaded (SEC("?…")) has no descriptor.
      if (this.#native.programFd(program) >= 0) this.#programs.set(this.#native.programName(program), program);
    }
    for (const { name, map } of this.#eachMap()) this.#maps.set(name, map);
  }

  *#eachProgram(): Generator<Pointer> {
    const next = (previous: Pointer): Pointer => this.#native.nextProgram(this.#object, previous);
    for (let program = next(null); program; program = next(program)) yield program;
  }

  *#eachMap(): Generator<{ name: string; map: Pointer }> {
    for (let map = this.#native.nextMap(this.#object, null); map; map = this.#native.nextMap(this.#object, map)) {
      const name = this.#mapNames.get(map) ?? this.#native.mapName(map);
      this.#mapNames.set(map, name);
      // libbpf puts the object's name before the maps of global data: `exec-wat.rodata`.
      const dot = name.indexOf('.');
      yield { name: dot > 0 ? name.slice(dot) : name, map };
    }
  }

  #prepareTrial(only: string | undefined): void {
    const native = this.#native;
    for (const { map } of this.#eachMap()) fillSizes(native, map);
    if (only === undefined) return;
    let found = false;
    for (const program of this.#eachProgram()) {
      const wanted = native.programName(program) === only;
      native.programSetAutoload(program, wanted);
      found ||= wanted;
    }
    if (!found) throw new KernelError('ERR_KERNEL_NOT_FOUND', `the object has no program "${only}"`);
  }

  #resizeMaps(sizes: Readonly<Record<string, number>>): void {
    for (const { name, map } of this.#eachMap()) {
      const entries = Object.hasOwn(sizes, name) ? sizes[name] : undefined;
      if (entries === undefined) continue;
      const result = this.#native.mapSetMaxEntries(map, entries);
      if (result < 0) throw callError('ERR_KERNEL_CALL', `giving map "${name}" ${entries} entries`, result);
    }
  }

  #reuseMaps(pins: Readonly<Record<string, string>>): void {
    for (const { name, map } of this.#eachMap()) {
      // What an object asks to be pinned by name, libbpf would leave in a place that nobody cleans up.
      this.#native.mapSetPinPath(map, null);
      const pin = Object.hasOwn(pins, name) ? pins[name] : undefined;
      if (pin !== undefined) reuseMap(this.#bpf, map, name, pin);
    }
  }

  #attachAt(program: Pointer, section: string): Pointer {
    const link = attachTracepoint(this.#bpf, program, section);
    return link === undefined ? this.#native.programAttach(program) : link;
  }
}

/** What a refusal to attach most probably means. */
function attachHint(errno: string, section: string): string {
  if (errno === 'EOPNOTSUPP') return `The section SEC("${section}") does not name the whole hook.`;
  if (errno === 'ENOENT' && section.startsWith('tp')) {
    return 'The tracepoint is missing, or tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing';
  }
  return 'The hook may be missing or taken; "bpfship check" shows what the variant needs.';
}

function loadError(name: string, result: number, logBytes: Buffer): KernelError {
  const end = logBytes.indexOf(0);
  const log = logBytes.subarray(0, end < 0 ? logBytes.length : end).toString('utf8');
  const errno = errnoName(result);
  if (log !== '' && !isAboutTypes(log)) {
    return callError('ERR_KERNEL_LOAD_REJECTED', `loading ${name} into the kernel`, result, { log });
  }
  return callError('ERR_KERNEL_LOAD_REJECTED', `loading ${name} into the kernel`, result, {
    hint:
      (errno === 'EPERM' ? permissionHint() : LOAD_HINTS[errno]) ??
      'The verifier said nothing about it; "bpfship check" shows what the variant needs.',
  });
}

/** libbpf gives the kernel the same memory for what it says of the object's BTF, which it can do without; the failure then is another one. */
function isAboutTypes(log: string): boolean {
  return /^(?:magic: 0xeb9f|\[\d+\] [A-Z_]+ )/m.test(log) && !/^\d+: (?:\([0-9a-f]{2}\)|R\d|frame)/m.test(log);
}

/** Meanings of an error that comes without a log. */
const LOAD_HINTS: Readonly<Record<string, string>> = {
  ENOMEM: 'The machine has too little memory for the maps of this service.',
  ESRCH: 'The kernel lacks its own BTF, or a type or function in it that the object names; "bpfship check" says which.',
  E2BIG: 'A map is larger than this kernel allows; ask the author of the service.',
};
