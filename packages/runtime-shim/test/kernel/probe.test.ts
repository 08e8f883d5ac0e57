import { declareSkip } from '../../../../test/support/capabilities.ts';
import { describe, expect, it } from 'vitest';
import type { ProbeQuestion } from '../../src/kernel/kernel.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject, packetCounter } from '../support/compile-object.ts';
import { IS_ROOT } from '../support/sandbox.ts';

const helper = (programType: string, name: string): ProbeQuestion => ({ kind: 'helper', programType, helper: name });

async function ask(questions: ProbeQuestion[]): Promise<(boolean | undefined)[]> {
  await using kernel = openKernel();
  return kernel.probe(questions);
}

describe.skipIf(!IS_ROOT)('probe', () => {
  it('knows program types', async () => {
    const types = ['socket_filter', 'xdp', 'raw_tracepoint', 'kprobe', 'cgroup_skb', 'cgroup_sock_addr', 'sk_lookup'];
    const answers = await ask(types.map((programType) => ({ kind: 'program-type', programType })));
    expect(answers).toEqual(types.map(() => true));
    expect(await ask([{ kind: 'program-type', programType: 'no_such_type' }])).toEqual([undefined]);
  });

  it('knows map types', async () => {
    const types = 'hash array lpm_trie ringbuf perf_event_array stack_trace queue array_of_maps percpu_array'.split(
      ' ',
    );
    const answers = await ask(types.map((mapType) => ({ kind: 'map-type', mapType })));
    expect(answers).toEqual(types.map(() => true));
    expect(await ask([{ kind: 'map-type', mapType: 'no_such_type' }])).toEqual([undefined]);
  });

  it('knows which helpers a program type may call', async () => {
    const questions = [
      helper('xdp', 'bpf_xdp_adjust_head'),
      helper('kprobe', 'bpf_xdp_adjust_head'),
      helper('raw_tracepoint', 'bpf_ringbuf_output'),
      helper('socket_filter', 'bpf_probe_read_kernel'),
      helper('xdp', 'bpf_get_current_comm'),
    ];
    expect((await ask(questions)).slice(0, 4)).toEqual([true, false, true, expect.any(Boolean)]);
  });

  it('agrees with what loads', async () => {
    const calls: [string, string, string][] = [
      ['xdp', 'bpf_get_socket_cookie', 'return (int)bpf_get_socket_cookie(ctx);'],
      ['xdp', 'bpf_get_prandom_u32', 'return bpf_get_prandom_u32() & 1;'],
      ['raw_tp/sys_enter', 'bpf_redirect', 'return bpf_redirect(1, 0);'],
      ['raw_tp/sys_enter', 'bpf_get_current_pid_tgid', 'return (int)bpf_get_current_pid_tgid();'],
      ['socket', 'bpf_override_return', 'return bpf_override_return(ctx, 1);'],
    ];
    const types: Record<string, string> = { xdp: 'xdp', 'raw_tp/sys_enter': 'raw_tracepoint', socket: 'socket_filter' };
    await using kernel = openKernel();
    for (const [section, name, body] of calls) {
      const bytes = compileObject(`SEC("${section}") int try(void *ctx) { ${body} }`.replace('int try', 'int attempt'));
      const loads = await kernel.load({ name: 'try', bytes }).then(
        () => true,
        () => false,
      );
      expect([name, await kernel.probe([helper(types[section] ?? '', name)])]).toEqual([name, [loads]]);
    }
  });

  it('tries helpers of programs that need a function on one, and says no only for helpers that are not known', async (context) => {
    const [known] = await ask([{ kind: 'program-type', programType: 'tracing' }]);
    if (known === undefined) {
      declareSkip('this machine does not let programs for functions be loaded');
      context.skip();
    }
    const questions = [
      helper('tracing', 'bpf_ringbuf_output'),
      helper('tracing', 'bpf_get_current_task_btf'),
      // Only iterators may.
      helper('tracing', 'bpf_seq_write'),
      helper('ext', 'bpf_get_current_pid_tgid'),
      helper('struct_ops', 'bpf_get_current_pid_tgid'),
    ];
    expect(await ask(questions)).toEqual([true, true, undefined, undefined, undefined]);
  });

  it('says nothing about helpers of program types and names that it does not know', async () => {
    expect(await ask([helper('no_such_type', 'bpf_loop'), helper('xdp', 'bpf_no_such_helper')])).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('knows features', async () => {
    const features = ['xdp-frags', 'cpu-v2', 'cpu-v3', 'global-data', 'bounded-loops', 'atomics', 'subprogram-calls'];
    const answers = await ask(features.map((feature) => ({ kind: 'feature', feature })));
    expect(answers).toEqual(features.map(() => true));
    expect(await ask([{ kind: 'feature', feature: 'time-travel' }])).toEqual([undefined]);
  });

  it('says that frags load where they do', async () => {
    await using kernel = openKernel();
    const [frags] = await kernel.probe([{ kind: 'feature', feature: 'xdp-frags' }]);
    const loads = await kernel.load({ name: 'x', bytes: compileObject(packetCounter({ section: 'xdp.frags' })) }).then(
      () => true,
      () => false,
    );
    expect(frags).toBe(loads);
  });
});
