import { readSectionName } from '@bpfship/bpf-object';
import type { Native, Pointer } from './native/library.ts';
import { ATTACH_TYPES, PROGRAM_TYPES } from './native/names.ts';

const UNSPECIFIED = 0;
const F_SLEEPABLE = 1 << 4;
const F_XDP_HAS_FRAGS = 1 << 5;

/** Says of which type a program is where its section's name is younger than the libbpf in use: `tcx/ingress`, `uprobe.multi`. */
export function nameProgram(native: Native, program: Pointer): void {
  if (native.programType(program) !== UNSPECIFIED) return;
  const { type, attachType, sleepable, xdpFrags } = readSectionName(native.programSection(program).replace(/^\?/, ''));
  const number = PROGRAM_TYPES.indexOf(type);
  if (number <= UNSPECIFIED) return;
  native.programSetType(program, number);
  if (attachType !== undefined) native.programSetAttachType(program, ATTACH_TYPES.indexOf(attachType));
  const flags = (sleepable ? F_SLEEPABLE : 0) | (xdpFrags ? F_XDP_HAS_FRAGS : 0);
  if (flags !== 0) native.programSetFlags(program, flags);
}
