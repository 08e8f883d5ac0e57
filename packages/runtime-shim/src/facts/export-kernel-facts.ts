import { helperName, HELPERS_BY_FORM } from '@bpfship/bpf-object';
import { compactBtf, type KernelFacts } from '@bpfship/portability';
import type { Kernel, ProbeQuestion } from '../kernel/kernel.ts';
import { btfKey } from '../kernel/native/find-btf-ids.ts';
import { sleepableLsmFeature } from '../kernel/native/lsm-hooks.ts';
import { ATTACH_TYPES, PROGRAM_TYPES } from '../kernel/native/names.ts';
import { readKallsyms } from './kallsyms.ts';
import { contextQuestions } from './context-questions.ts';
import { listKernelFunctions, listLsmHooks } from './kernel-functions.ts';
import { describeModules } from './module-facts.ts';
import { pack, packText } from './pack.ts';
import { readPrivileges } from './privileges.ts';
import { readKernelFacts, recordAnswer } from './read-kernel-facts.ts';
import { listTracepoints } from './tracefs.ts';

/** Numbers of helpers that are asked for: all that include/uapi/linux/bpf.h lists, which gets no more. */
const LAST_HELPER = 211;

/** Types whose programs may call more than the functions that all may (kernel/bpf/btf.c, bpf_prog_type_to_kfunc_hook). */
const CALL_KERNEL_FUNCTIONS: ReadonlySet<string> = new Set([
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock_addr',
  'sk_skb',
  'sock_ops',
  'raw_tracepoint',
  'tracing',
  'struct_ops',
  'lsm',
  'syscall',
  'netfilter',
]);

/** Forms of types by which helpers differ (helperForm in bpf-object). */
const FORMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['kprobe', ['kprobe', 'kprobe.s']],
  ['tracing', ['trace_fentry', 'trace_fentry.s', 'trace_iter', 'trace_iter.s', 'trace_raw_tp', 'trace_raw_tp.s']],
  ['lsm', ['lsm_mac', 'lsm_mac.s', 'lsm_cgroup']],
]);
/** Attach types that are forms of their own. */
const ATTACH_TYPES_OF: ReadonlyMap<string, RegExp> = new Map([
  ['cgroup_sock_addr', /^cgroup_(?:inet|udp|unix)[46]?_(?:bind|connect|sendmsg|recvmsg|getpeername|getsockname)$/],
  ['cgroup_sock', /^cgroup_inet_sock_|_post_bind$/],
  ['cgroup_sockopt', /^cgroup_[gs]etsockopt$/],
]);

/** In which form the kernel's BTF goes into the facts. */
export type BtfForm = 'full' | 'compact' | 'none';

/** What to export. */
export interface ExportFactsOptions {
  kernel: Kernel;
  /** The kernel's BTF from `readKernelBtf`; `undefined` where it has none. */
  btf: Uint8Array | undefined;
  /** `none` leaves out the BTF of modules too. Default `compact`. */
  btfForm?: BtfForm;
  /** Where the kernel shows the BTF of its modules. Default `/sys/kernel/btf`. */
  btfFolder?: string;
}

/**
 * Reads all that any package may ask of this kernel (spec/kernel-facts.md, "Facts that travel"): with the BTF in them, these facts decide
 * elsewhere as they do here. What cannot be read is left out.
 *
 * @throws {KernelError} where libbpf cannot be used.
 */
export async function exportKernelFacts(options: ExportFactsOptions): Promise<KernelFacts> {
  const { kernel, btf, btfForm = 'compact', btfFolder = '/sys/kernel/btf' } = options;
  // The worker asks while this thread reads and packs.
  const [facts, packed, asked] = await Promise.all([
    readKernelFacts({ kernel, btf }),
    packLists({ kernel, btf, btfForm, btfFolder }),
    askForCalls(kernel, btf),
  ]);
  const travelling: KernelFacts = {
    ...facts,
    ...packed,
    btf: { ...facts.btf, ...packed.btf },
  };
  // Without the right to ask, only what is allowed all the same is known.
  for (const { question, answer } of asked)
    if (facts.privileges.load || answer) recordAnswer(travelling, question, answer);
  return travelling;
}

/** Every helper for every program type; and every kernel function, for the types whose programs may call some. */
async function askForCalls(
  kernel: Kernel,
  btf: Uint8Array | undefined,
): Promise<{ question: ProbeQuestion; answer: boolean | undefined }[]> {
  const { load, unprivilegedBpfDisabled } = await readPrivileges();
  // Ten thousand questions that the kernel would refuse to answer.
  if (!load && unprivilegedBpfDisabled !== 0) return [];
  const helpers = Array.from({ length: LAST_HELPER }, (_, i) => helperName(i + 1));
  const functions = btf ? listKernelFunctions(btf) : [];
  const calls = PROGRAM_TYPES.slice(1).flatMap((programType): ProbeQuestion[] => [
    ...helpers.map((helper): ProbeQuestion => ({ kind: 'helper', programType, helper })),
    ...formQuestions(programType),
    ...(CALL_KERNEL_FUNCTIONS.has(programType) ? functions : []).map(({ name }): ProbeQuestion => ({
      kind: 'kfunc',
      programType,
      kfunc: name,
    })),
  ]);
  const hooks = btf ? listLsmHooks(btf) : [];
  const sleepable = hooks.flatMap(({ name }): ProbeQuestion[] => {
    const feature = sleepableLsmFeature(name);
    return feature === undefined ? [] : [{ kind: 'feature', feature }];
  });
  const questions = [...calls, ...sleepable, ...contextQuestions()];
  const ids = Object.fromEntries([...functions, ...hooks].map(({ name, id }) => [btfKey('func', name), id]));
  const answers = await kernel.probe(questions, ids);
  return questions.map((question, i) => ({ question, answer: answers[i] }));
}

/** Helpers that only some forms of the type may call, for each form. */
function formQuestions(programType: string): ProbeQuestion[] {
  const helpers = HELPERS_BY_FORM.get(programType) ?? [];
  const forms = FORMS.get(programType) ?? ATTACH_TYPES.filter((name) => ATTACH_TYPES_OF.get(programType)?.test(name));
  return forms.flatMap((form) =>
    helpers.map((helper): ProbeQuestion => ({ kind: 'helper', programType, helper, form })),
  );
}

async function packLists({
  kernel,
  btf,
  btfForm: form,
  btfFolder,
}: Required<Omit<ExportFactsOptions, 'btf'>> & Pick<ExportFactsOptions, 'btf'>): Promise<
  Pick<KernelFacts, 'symbols' | 'tracepoints' | 'modules'> & { btf: Partial<KernelFacts['btf']> }
> {
  const [kallsyms, tracepoints, modules] = await Promise.all([
    readKallsyms(),
    listTracepoints(kernel),
    describeModules(btfFolder, form !== 'none'),
  ]);
  const lists = kallsyms?.list();
  return {
    btf: btf ? btfMembers(btf, form) : {},
    ...(lists ? { symbols: { functions: packText(lists.functions), variables: packText(lists.variables) } } : {}),
    ...(tracepoints === undefined ? {} : { tracepoints: packText(tracepoints) }),
    modules,
  };
}

function btfMembers(btf: Uint8Array, form: BtfForm): Partial<KernelFacts['btf']> {
  if (form === 'full') return { data: Buffer.from(btf).toString('base64') };
  return form === 'compact' ? { compact: pack(compactBtf(btf)) } : {};
}
