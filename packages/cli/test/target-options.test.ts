import { describe, expect, it } from 'vitest';
import { attachTargets } from '../src/options/target-options.ts';

describe('targets from options', () => {
  it('are one for all programs, several, or some of a program', () => {
    expect(attachTargets({})).toEqual({ '*': {} });
    expect(attachTargets({ interface: ['eth0'], xdpMode: 'native' })).toEqual({
      '*': { interfaceName: 'eth0', xdpMode: 'native' },
    });
    expect(attachTargets({ interface: ['eth*', 'lo'], cgroup: ['/sys/fs/cgroup'] })).toEqual({
      '*': [
        { interfaceName: 'eth*', cgroupPath: '/sys/fs/cgroup' },
        { interfaceName: 'lo', cgroupPath: '/sys/fs/cgroup' },
      ],
    });
    const target = ['count=binary=/usr/bin/bash,symbol=readline,offset=0x10', 'count=binary=/usr/bin/dash'];
    expect(attachTargets({ target })['count']).toEqual([
      { binaryPath: '/usr/bin/bash', symbol: 'readline', offset: 16 },
      { binaryPath: '/usr/bin/dash' },
    ]);
    expect(attachTargets({ target: ['f=none'] })['f']).toEqual([]);
    expect(attachTargets({ target: ['f=hook=input,priority=-100,defragment=true'] })['f']).toEqual([
      { netfilterHook: 'input', priority: -100, defragment: true },
    ]);
  });

  it.each([
    'count',
    'count=eth0',
    'count=nothing=1',
    'count=mode=fast',
    'count=offset=x',
    'count=toString=1',
    '=symbol=x',
  ])('are refused: %s', (text) => {
    expect(() => attachTargets({ target: [text] })).toThrow(expect.objectContaining({ code: 'ERR_CLI_USAGE' }));
  });
});
