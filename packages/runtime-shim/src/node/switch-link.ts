import { existsSync, rmSync } from 'node:fs';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError, type KernelErrorCode } from '../kernel/kernel-error.ts';
import type { NewGeneration, RecordedProgram, RunningGeneration } from './activation.ts';
import type { Attachment } from './attachment.ts';
import { linkPinOf } from './stubs/stub-pins.ts';
import type { ServicePins } from './pins.ts';
import type { UndoList } from './undo-list.ts';

/** Errors that say that a link must be made anew, and not that the new program is bad. */
const ATTACH_ANEW: ReadonlySet<KernelErrorCode> = new Set([
  'ERR_KERNEL_LINK_UPDATE_UNSUPPORTED',
  'ERR_KERNEL_LINK_DEAD',
  'ERR_KERNEL_NOT_FOUND',
]);

/**
 * Which of the running programs gives way to a new one. An interface has room for one XDP program, whatever its name is; where programs
 * change places, each gets the link that it finds there.
 */
export function predecessorOf(
  running: RunningGeneration,
  { attachments }: NewGeneration,
  pins: ServicePins,
  { name, hook }: Attachment,
): RecordedProgram | undefined {
  const atHook = running.programs.filter(
    (program) => program.hook === hook && existsSync(linkPinOf(pins, running.id, program)),
  );
  const sameName = atHook.find((program) => program.name === name);
  if (sameName || !hook.startsWith('xdp:')) return sameName;
  const staying = attachments.filter((other) => other.hook === hook);
  return atHook.find((program) => !staying.some((other) => other.name === program.name));
}

/** The new program, and where its link is to be pinned. */
export interface Place {
  kernel: Kernel;
  pins: ServicePins;
  /** Handle of the loaded object. */
  object: number;
  program: string;
  linkPin: string;
}

/**
 * Puts a program into the running link where the kernel can, and pins the link a second time for the new generation. The old pin stays, so
 * that the running generation is whole until the new one is recorded.
 */
export async function switchInPlace(
  { kernel, pins, object, program, linkPin }: Place,
  { id }: { id: number },
  old: RecordedProgram,
  undoing: UndoList,
): Promise<boolean> {
  const oldPin = linkPinOf(pins, id, old);
  try {
    await kernel.updateLink(oldPin, object, program);
  } catch (error) {
    if (error instanceof KernelError && ATTACH_ANEW.has(error.code)) return false;
    throw error;
  }
  undoing.push(`switching ${old.key} back`, () =>
    kernel.updateLinkToPin(oldPin, old.stub ? pins.stubProgram(old.stub.key) : pins.program(id, old.name)),
  );
  await kernel.copyPin(oldPin, linkPin);
  undoing.push(`unpinning ${program}`, () => rmSync(linkPin, { recursive: true, force: true }));
  return true;
}
