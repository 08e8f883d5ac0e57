import { execFileSync } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hitCounter } from '../support/hit-counter.ts';
import { readIterators } from '../../src/node/read-iterators.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

const ITERATOR = `struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; } __attribute__((preserve_access_index));
struct bpf_iter__task { struct bpf_iter_meta *meta; } __attribute__((preserve_access_index));
SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
{
	static const char text[] = "a task\\n";
	bpf_seq_write(ctx->meta->seq, text, sizeof(text) - 1);
	return 0;
}
`;

/** C of further programs that count in the same map. */
function further(section: string, name: string, result: number): string {
  return `SEC("${section}") int ${name}(void *ctx)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&hits, &zero);
	if (number)
		__sync_fetch_and_add(number, 1);
	return ${result};
}
`;
}

describe.skipIf(!IS_ROOT)('a service with programs of many types', () => {
  it('is installed, upgraded and uninstalled, and says which programs others run', async () => {
    const cable = layCable();
    const sandbox = createSandbox();
    const only =
      hitCounter('tc', { context: 'struct __sk_buff', result: -1 }) +
      further('raw_tp', 'raw', 0) +
      further('tp_btf', 'loaded', 0) +
      further('socket', 'filter', 0) +
      ITERATOR +
      further('syscall', 'called', 0) +
      further('xdp/devmap', 'forwarded', 2);
    const packed = await packServices(
      ['1.0.0', '1.1.0'].map((version) => ({ version, variants: { only }, events: {} })),
    );
    const node = await sandbox.openNode();
    onTestFinished(() => node.uninstall({ service: 'test-service' }).catch(() => undefined));
    const attach = {
      '*': { interfaceName: cable.name },
      raw: { symbol: 'sched_process_exec' },
      loaded: { symbol: 'sched_process_exec' },
    };
    const installed = await node.install({ ...packed.unsigned('1.0.0'), attach });
    expect(installed.warnings).toEqual([
      expect.stringContaining('program "called" runs when somebody calls it, and is only pinned'),
      expect.stringContaining('program "forwarded" runs from an entry of a device map'),
    ]);
    const attached = installed.programs.map(({ name }) => name).sort();
    expect(attached).toEqual(['filter', 'hit', 'loaded', 'raw', 'tasks']);
    execFileSync('/bin/true');
    const upgraded = await node.upgrade({ ...packed.unsigned('1.1.0'), service: 'test-service' });
    expect(Object.fromEntries(upgraded.programs.map(({ name, switched }) => [name, switched]))).toEqual({
      filter: 'overlap',
      hit: 'in-place',
      loaded: 'stub',
      raw: 'stub',
      tasks: 'in-place',
    });
    const status = await node.status('test-service');
    expect(status.state).toBe('attached');
    const ways = status.programs.map(({ name, link }) => [name, link?.way]);
    expect(Object.fromEntries(ways)).toMatchObject({ filter: 'holder', hit: 'link', tasks: 'link' });
    const [tasks] = await readIterators(status, 'tasks');
    expect(Buffer.from(tasks?.bytes ?? []).toString()).toContain('a task');
    await expect(readIterators(status, 'raw')).rejects.toMatchObject({ code: 'ERR_SHIM_NO_ITERATOR' });
    await node.uninstall({ service: 'test-service' });
    expect(sandbox.pins()).toEqual([]);
  });
});
