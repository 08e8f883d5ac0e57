import { type AttachTarget, type AttachTargets, isPattern } from '@bpfship/portability';
import type { Kernel } from '../kernel/kernel.ts';
import { areAtHooks } from './at-hooks.ts';
import type { ParameterValues } from './parameters.ts';
import type { ServicePins } from './pins.ts';
import { resolveTargets, withoutPatterns } from './resolve-targets.ts';
import { currentGeneration, type ServiceState } from './state-schema.ts';

/** A service as the state has it; whether it is in the kernel is another question. */
export interface InstalledService {
  name: string;
  version: string;
  variant: string;
  generation: number;
  /** Digest of the package's manifest. */
  digest: string;
  /** As it was asked for, with patterns. */
  attach: AttachTargets;
  /** Load parameters that somebody set. */
  parameters: ParameterValues;
  /** Registry and repository, or folder. */
  source: string;
  stopped: boolean;
  /** Digests of packages that failed their health gate. */
  failed: string[];
}

/** What the state says of a service. */
export function describeInstalled(state: ServiceState): InstalledService {
  const { id, version, variant, manifest, attach, parameters = {}, source } = currentGeneration(state);
  return {
    name: state.name,
    version,
    variant,
    generation: id,
    digest: manifest.digest,
    attach,
    parameters,
    source,
    stopped: state.stopped === true,
    failed: state.generations.flatMap((each) => (each.health?.verdict === 'failed' ? [each.manifest.digest] : [])),
  };
}

/** A look at all services of a node. */
export interface NodeSurvey {
  installed: InstalledService[];
  /** Names of those that should run and are not wholly in the kernel. */
  incomplete: string[];
  /** Those whose patterns match something else than what they are attached to, and what that is, in one line. */
  changedPatterns: { service: string; targets: string }[];
  /** Those whose state cannot be read. */
  damaged: { service: string; error: Error }[];
}

/** Looks at all services at once, with one question to the kernel. */
export async function surveyNode(
  kernel: Pick<Kernel, 'inspectPins' | 'xdpOccupant'>,
  states: readonly ServiceState[],
  pinsOf: (service: string) => ServicePins,
): Promise<Omit<NodeSurvey, 'damaged'>> {
  const wanted = states.flatMap((state) => {
    if (state.stopped) return [];
    const { id: generation, programs } = currentGeneration(state);
    const pins = pinsOf(state.name);
    return programs.map((program) => ({ service: state.name, pins, generation, program }));
  });
  const atHooks = await areAtHooks(kernel, wanted);
  const gone = wanted.filter((_one, i) => !atHooks[i]);
  return {
    installed: states.map(describeInstalled),
    incomplete: [...new Set(gone.map(({ service }) => service))],
    changedPatterns: states.flatMap((state) => {
      const targets = changedPattern(state);
      return targets === undefined ? [] : [{ service: state.name, targets }];
    }),
  };
}

/**
 * What the patterns of a service match now, in one line, where that is not what its programs are attached to; `undefined` where nothing has changed,
 * or it has no patterns.
 */
function changedPattern(state: ServiceState): string | undefined {
  const { attach, programs } = currentGeneration(state);
  if (state.stopped || !targetsIn(attach).some((target) => placesOf(target).some(isPattern))) return undefined;
  const wanted = new Set(targetsIn(withoutPatterns(resolveTargets(attach))).flatMap(placesOf));
  const attached = new Set(programs.flatMap(({ target }) => (target === undefined ? [] : placesOf(target))));
  if (wanted.size === attached.size && [...wanted].every((place) => attached.has(place))) return undefined;
  return [...wanted].sort().join(' ');
}

function targetsIn(targets: AttachTargets): AttachTarget[] {
  return Object.values(targets).flat();
}

function placesOf({ interfaceName, cgroupPath }: AttachTarget): string[] {
  return [interfaceName, cgroupPath].filter((place) => place !== undefined);
}
