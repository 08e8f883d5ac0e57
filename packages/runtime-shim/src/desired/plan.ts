import { canonicalJson } from '@bpfship/media-types';
import type { InstalledService } from '../node/installed.ts';
import type { DesiredService } from './desired-schema.ts';
import type { Offer } from './sources.ts';

/** What is to be done with a service. */
export type Plan = { action: 'install' | 'upgrade'; offer: Offer } | { action: 'attach' | 'start' | 'stop' };

/**
 * What is to be done; nothing where the service is as it should be. One thing at a time: the next look finds the next.
 *
 * @param offer - another package than the one that runs; `undefined` where there is none.
 * @param same - the package that runs, to be brought in again with other settings.
 */
export function planOf(
  service: DesiredService,
  installed: InstalledService | undefined,
  offer: Offer | undefined,
  same: (installed: InstalledService) => Offer,
): Plan | undefined {
  if (installed === undefined) return offer && { action: 'install', offer };
  if (service.state === 'stopped') return installed.stopped ? undefined : { action: 'stop' };
  if (installed.stopped) return service.state === 'running' ? { action: 'start' } : undefined;
  if (offer !== undefined) return { action: 'upgrade', offer };
  if (differsInCode(service, installed)) return { action: 'upgrade', offer: same(installed) };
  return differsInTargets(service, installed) ? { action: 'attach' } : undefined;
}

/** Whether a service is stopped and to stay so: then its source is not asked. */
export function isStopped({ state }: DesiredService, installed: InstalledService): boolean {
  return state === 'stopped' || (installed.stopped && state !== 'running');
}

/** What the document does not say is left as it is. */
function differsInCode({ parameters = {}, variant }: DesiredService, installed: InstalledService): boolean {
  if (variant !== undefined && variant !== installed.variant) return true;
  return Object.entries(parameters).some(
    ([name, value]) => !Object.hasOwn(installed.parameters, name) || installed.parameters[name] !== value,
  );
}

function differsInTargets({ attach = {} }: DesiredService, installed: InstalledService): boolean {
  return Object.entries(attach).some(([program, target]) => {
    const now = Object.hasOwn(installed.attach, program) ? installed.attach[program] : undefined;
    return now === undefined || canonicalJson(now) !== canonicalJson(target);
  });
}
