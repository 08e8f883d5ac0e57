import { ShimError } from '../shim-error.ts';
import { activate } from './activate.ts';
import { attachmentsOf, checkAttachTargets, openPatterns } from './attach-targets.ts';
import { type BringUpContext, record, resultOf, runningGeneration, withPrograms } from './bring-up.ts';
import type { InstallResult, RollbackOptions } from './node-options.ts';
import type { Generation, ServiceState } from './state-schema.ts';
import { checkAgain } from './permissions/check-again.ts';
import { resolveTargets } from './resolve-targets.ts';
import type { StepTimer } from './steps.ts';
import { readStoredObject, readStoredPackage, readStoredSupplement } from './stored-package.ts';

/**
 * Makes an earlier generation the running one, from the local store.
 *
 * @param options - id of the generation, the newest before the current one where there is none; maps whose contents may be lost.
 * @throws {ShimError} `ERR_SHIM_NO_GENERATION`, and what an upgrade throws.
 */
export async function rollBack(
  context: BringUpContext,
  state: ServiceState,
  { to, discardMaps, policy }: Pick<RollbackOptions, 'to' | 'discardMaps' | 'policy'>,
  timer: StepTimer,
): Promise<InstallResult> {
  const { kernel, store, states, pins } = context;
  const target = chooseGeneration(state, to);
  const { id, attach, parameters = {} } = target;
  const { manifest, index, variant } = await readStoredPackage(store, target);
  const resolved = resolveTargets(attach);
  checkAttachTargets(variant, resolved);
  const object = await readStoredObject(store, manifest, variant);
  if (policy) await checkAgain({ store, service: state.name, generation: target, variant, object }, policy);
  const supplement = await readStoredSupplement(store, target);
  const running = await runningGeneration(context, state);
  const activation = await activate({
    kernel,
    pins,
    next: {
      id,
      index,
      variant,
      object,
      attachments: attachmentsOf(variant, resolved),
      parameters,
      discardMaps,
      supplement,
    },
    running,
    timer,
    context,
  });
  const changed = withPrograms(target, activation);
  const { stopped: _stopped, ...kept } = state;
  const generations = state.generations.map((generation) => (generation.id === id ? changed : generation));
  const warnings = await record(activation, timer, `generation ${id}`, () =>
    states.write({ ...kept, current: id, generations }),
  );
  return resultOf(state.name, changed, activation, timer, {
    rejected: [],
    warnings: [...openPatterns(variant, resolved), ...activation.warnings, ...warnings],
  });
}

function chooseGeneration({ name, current, generations }: ServiceState, to: number | undefined): Generation {
  const target = generations.findLast(({ id, health }) =>
    to === undefined ? id < current && health?.verdict !== 'failed' : id === to,
  );
  if (target && target.id !== current) return target;
  const wanted = to === undefined ? 'earlier generation' : `other generation ${to}`;
  throw new ShimError('ERR_SHIM_NO_GENERATION', `${name} has no ${wanted} to go back to`, {
    hint: `It has: ${generations.map(({ id, version }) => `${id} (${version}${id === current ? ', runs' : ''})`).join(', ')}`,
  });
}
