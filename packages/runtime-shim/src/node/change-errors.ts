import { rmSync } from 'node:fs';
import { ShimError } from '../shim-error.ts';
import { releaseBpffs } from './bpffs.ts';
import type { InstallOptions, NodeFolders } from './node-options.ts';
import type { ServicePins } from './pins.ts';
import { currentGeneration, type ServiceState } from './state-schema.ts';

/** After a failed change: an install leaves no pin behind, and a mount that was made for it goes. The error on its way is what counts. */
export function leaveNoFolders({ bpffsDir, stateDir }: NodeFolders, pins: ServicePins | undefined): void {
  try {
    if (pins) rmSync(pins.root, { recursive: true, force: true });
    releaseBpffs(bpffsDir, stateDir);
  } catch {
    // The next change of the service removes what is left.
  }
}

export function alreadyInstalled(state: ServiceState): ShimError {
  const { version } = currentGeneration(state);
  return new ShimError('ERR_SHIM_ALREADY_INSTALLED', `${state.name} ${version} is installed already`, {
    hint: `To switch it to another version: bpfship upgrade ${state.name} REFERENCE`,
  });
}

export function wrongService(is: string, wanted: string): ShimError {
  return new ShimError('ERR_SHIM_WRONG_SERVICE', `the package is ${is}, not ${wanted}`, {
    hint: `"bpfship install" installs ${is} beside it.`,
  });
}

export function withoutEmpty(attach: InstallOptions['attach'] = {}): NonNullable<InstallOptions['attach']> {
  return Object.fromEntries(
    Object.entries(attach).filter(([, target]) => Array.isArray(target) || Object.keys(target).length > 0),
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
