import type { AttachTargetRequirement } from '@bpfship/media-types';
import { type Answer, lookUp, unknown, unmet } from '../answer.ts';
import type { KernelTypes } from '../kernel-types.ts';
import type { RuleContext } from './context.ts';
import { targetShape } from './target-shape.ts';

type Shape = NonNullable<ReturnType<KernelTypes['shapeOf']>>;

/** include/linux/bpf.h, MAX_BPF_FUNC_ARGS */
const MAX_ARGUMENTS = 12;
/** Bytes of an argument that goes through registers. */
const MAX_ARGUMENT_SIZE = 16;
/**
 * Functions whose result kernels let programs change, where they know such programs (kernel/bpf/verifier.c, check_attach_modify_return): hooks of
 * security modules; with the feature `error-injection` system calls; and BPF's own, each for itself.
 */
const MODIFIABLE = /^(?:security_|__[a-z0-9]+_sys_|(?:hid_)?bpf_)/;

/**
 * Whether a program can go to a function of that prototype at all (kernel/bpf/btf.c, btf_distill_func_proto). A function that is not in the
 * BTF at hand has no prototype to look at: then it is as if it could.
 */
export function checkPrototype({ hook, value }: AttachTargetRequirement, context: RuleContext): Answer {
  if (hook === 'btf-tracepoint') return 'met';
  const shape = targetShape(hook, value, context.kernel);
  if (!shape) return 'met';
  const why = refusalOf(shape);
  if (why !== undefined) return unmet('attach-target-unsuitable', `no ${hook} program can go to ${value}: ${why}`);
  if (shape.parameters.some(({ kind }) => kind === 'union')) {
    return unknown(
      'attach-target-unknown',
      `it is not known whether ${hook} programs can go to ${value}, which takes a union`,
    );
  }
  if (shape.parameters.some(({ kind }) => kind === 'struct')) {
    const able = lookUp(context.facts.features, 'struct-arguments');
    if (able === false) {
      const reason = `the kernel lets no ${hook} program go to ${value}, which takes a struct`;
      return unmet('attach-target-unsuitable', reason, '6.0');
    }
    if (able === undefined)
      return unknown(
        'attach-target-unknown',
        `it is not known whether ${hook} programs can go to ${value}, which takes a struct`,
      );
  }
  if (hook !== 'fmod-ret') return 'met';
  const modifiable = lookUp(lookUp(context.facts.hooks, 'modifiable'), value);
  if (modifiable === true || (modifiable === undefined && MODIFIABLE.test(value))) return 'met';
  const reason = `the kernel does not let programs change what ${value} returns`;
  return modifiable === false
    ? unmet('attach-target-unsuitable', reason)
    : unknown('attach-target-unknown', `it is not known whether the kernel lets programs change what ${value} returns`);
}

function refusalOf({ parameters, result }: Shape): string | undefined {
  if (parameters.length > MAX_ARGUMENTS) return `it takes ${parameters.length} arguments`;
  if (!['void', 'number', 'pointer'].includes(result.kind)) return 'it returns a struct';
  if (parameters.some(({ kind }) => kind === 'void')) return 'it takes a variable number of arguments';
  if (parameters.some(({ kind }) => kind === 'other')) return 'it takes what is neither number, pointer nor struct';
  const largest = Math.max(0, ...parameters.map(({ size }) => size));
  return largest > MAX_ARGUMENT_SIZE ? `it takes an argument of ${largest} bytes` : undefined;
}
