import { declareSkip } from '../../../../test/support/capabilities.ts';
import { describe, expect, it } from 'vitest';
import type { ProbeQuestion } from '../../src/kernel/kernel.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { compileObject, packetCounter } from '../support/compile-object.ts';
import { IS_ROOT } from '../support/sandbox.ts';

const helper = (programType: string, name: string): ProbeQuestion => ({ kind: 'helper', programType, helper: name });

function inForm(programType: string, name: string, form: string): ProbeQuestion {
  return { kind: 'helper', programType, helper: name, form };
}

function kernelFunction(programType: string, kfunc: string): ProbeQuestion {
  return { kind: 'kfunc', programType, kfunc };
}

function field(programType: string, access: 'read' | 'write', offset: number, size: number): ProbeQuestion {
  return { kind: 'context-field', programType, access, offset, size };
}

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

  it('knows which helpers only some forms of a program type may call', async () => {
    const questions = [
      inForm('cgroup_sock_addr', 'bpf_bind', 'cgroup_inet4_connect'),
      inForm('cgroup_sock_addr', 'bpf_bind', 'cgroup_inet4_bind'),
      inForm('kprobe', 'bpf_copy_from_user', 'kprobe'),
      inForm('cgroup_sock_addr', 'bpf_bind', 'no_such_form'),
      helper('cgroup_device', 'bpf_get_retval'),
    ];
    expect(await ask(questions)).toEqual([true, false, false, undefined, expect.any(Boolean)]);
  });

  it('knows what programs may do with their context', async () => {
    const questions = [
      field('sched_cls', 'read', 8, 4),
      field('socket_filter', 'read', 88, 4),
      field('socket_filter', 'read', 8, 4),
      field('sched_cls', 'read', 400, 4),
      field('sched_cls', 'write', 8, 4),
      field('sched_cls', 'write', 0, 4),
      field('no_such_type', 'read', 0, 4),
    ];
    expect(await ask(questions)).toEqual([true, false, true, false, true, false, undefined]);
  });

  it('asks about many places of a context together, and answers for each', async () => {
    const questions = Array.from({ length: 48 }, (_, i): ProbeQuestion => {
      return { kind: 'context-field', programType: 'xdp', access: 'read', offset: i * 4, size: 4 };
    });
    const expected = questions.map((_, i) => i < 5);
    expect(await ask(questions)).toEqual(expected);
  });

  it('says no to what is no function whose result programs may change, if anything', async () => {
    const [answer] = await ask([{ kind: 'modifiable', name: 'vfs_write' }]);
    expect(answer ?? false).toBe(false);
    expect(await ask([{ kind: 'modifiable', name: 'no_such_function' }])).toEqual([undefined]);
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

  it('tries helpers of programs that need a target on several', async (context) => {
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
      helper('tracing', 'bpf_xdp_adjust_head'),
      helper('ext', 'bpf_get_current_pid_tgid'),
      helper('struct_ops', 'bpf_get_current_pid_tgid'),
    ];
    expect(await ask(questions)).toEqual([true, true, true, false, undefined, true]);
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

  it('answers or leaves open every feature that it offers, and the same again', async () => {
    await using kernel = openKernel();
    const questions = (await kernel.probedFeatures()).map((feature): ProbeQuestion => ({ kind: 'feature', feature }));
    const answers = await kernel.probe(questions);
    expect(answers.filter((answer) => answer !== undefined).length).toBeGreaterThan(60);
    expect(await kernel.probe(questions)).toEqual(answers);
  });

  it('knows what constants the verifier follows, by programs that only load where it does', async () => {
    // The same in C: a call of a function that no kernel has, which only a verifier that follows the constant never reaches.
    const wrong = '((long (*)(void))0xbad2310)()';
    const bodies: Record<string, string> = {
      'stack-scalar-spills': `volatile long five = 5; return five == 5 ? 0 : ${wrong};`,
      'readonly-map-constants': `return five == 5 ? 0 : ${wrong};`,
      'linked-scalars': `long a = bpf_get_prandom_u32(); return a == 5 && a != 5 ? ${wrong} : 0;`,
      'subprogram-constants': `return second(5) == 5 ? 0 : ${wrong};`,
    };
    const head = 'volatile const long five = 5; static __noinline int second(int a) { return a; }';
    await using kernel = openKernel();
    for (const [feature, body] of Object.entries(bodies)) {
      const bytes = compileObject(`${head} SEC("socket") int attempt(void *ctx) { ${body} }`);
      const loads = await kernel.load({ name: 'try', bytes }).then(
        () => true,
        () => false,
      );
      expect([feature, await kernel.probe([{ kind: 'feature', feature }])]).toEqual([feature, [loads]]);
    }
  });

  it('knows which kernel functions a program type may call', async (context) => {
    await using kernel = openKernel();
    const [calls] = await kernel.probe([{ kind: 'feature', feature: 'kfunc-calls' }]);
    if (calls !== true) {
      declareSkip('this kernel has no kernel functions that programs may call');
      context.skip();
    }
    const questions = [
      kernelFunction('xdp', 'bpf_dynptr_from_xdp'),
      kernelFunction('kprobe', 'bpf_dynptr_from_xdp'),
      kernelFunction('xdp', 'do_exit'),
      kernelFunction('xdp', 'no_such_function'),
      kernelFunction('no_such_type', 'bpf_dynptr_from_xdp'),
    ];
    expect(await kernel.probe(questions)).toEqual([true, false, false, undefined, undefined]);
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
