import { describe, expect, it } from 'vitest';
import { decide, explainSelection, mainlineVersion, selectionRows } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';

const helper = { kind: 'helper', value: 'bpf_loop', programType: 'raw_tracepoint', programs: ['p'] };
const ringbuf = { kind: 'map-type', value: 'ringbuf', maps: ['events'] };
const frags = { kind: 'feature', value: 'xdp-frags' };

describe('explainSelection', () => {
  const selection = decide({
    index: index(
      variant('loop', [ringbuf, helper, frags]),
      variant('ringbuf', [ringbuf]),
      variant('perf'),
      variant('later'),
    ),
    facts: facts({ mapTypes: { ringbuf: false }, helpers: { raw_tracepoint: { bpf_loop: false } } }),
  });

  it('names every variant, its outcome, and every finding, in aligned columns', () => {
    expect(explainSelection(selection).split('\n')).toEqual([
      'VARIANT  OUTCOME    REASON',
      'loop     refused    the kernel has no map type ringbuf (mainline has it since 5.8)',
      '                    helper bpf_loop is not callable from raw_tracepoint programs (mainline has it since 5.17)',
      '                    not known: it was not probed whether the kernel has the feature xdp-frags (mainline has it since 5.18)',
      'ringbuf  refused    the kernel has no map type ringbuf (mainline has it since 5.8)',
      'perf     selected   every requirement is met',
      'later    candidate  every requirement is met',
    ]);
  });

  it('gives the same as rows', () => {
    expect(selectionRows(selection).map(({ code }) => code)).toEqual([
      'map-type-missing',
      'helper-missing',
      'feature-unknown',
      'map-type-missing',
      '',
      '',
    ]);
  });

  it('counts unknown findings of one kind, where nothing could be probed', () => {
    const helpers = ['bpf_loop', 'bpf_strncmp', 'bpf_find_vma'].map((value) => ({ ...helper, value }));
    const text = explainSelection(
      decide({ index: index(variant('loop', [ringbuf, ...helpers, frags])), facts: facts() }),
    );
    expect(text.split('\n')).toHaveLength(4);
    expect(text).toMatch(/may call bpf_loop .*, and 2 more of the kind$/m);
  });

  it('marks an uncertain variant that is tried first', () => {
    const uncertain = decide({ index: index(variant('frags', [frags])), facts: facts() });
    expect(selectionRows(uncertain)[0]?.outcome).toBe('selected');
    expect(explainSelection(uncertain)).toContain('not known');
  });

  it('tells variants of one name apart by their architecture', () => {
    const two = decide({
      index: index(
        variant('ringbuf', [], { platform: { byteOrder: 'little', architecture: 'arm64' } }),
        variant('ringbuf', [], { platform: { byteOrder: 'little', architecture: 'amd64' } }),
      ),
      facts: facts(),
    });
    expect(selectionRows(two).map((row) => `${row.variant} ${row.outcome}`)).toEqual([
      'ringbuf/arm64 refused',
      'ringbuf/amd64 selected',
    ]);
  });
});

describe('mainlineVersion', () => {
  it.each([
    ['helper', 'bpf_loop', '5.17'],
    ['helper', 'bpf_map_lookup_elem', '3.19'],
    ['map-type', 'ringbuf', '5.8'],
    ['program-type', 'lsm', '5.7'],
    ['feature', 'xdp-frags', '5.18'],
    ['hook', 'fentry', '5.5'],
  ] as const)('%s %s came with %s', (kind, name, version) => {
    expect(mainlineVersion(kind, name)).toBe(version);
  });

  it('knows nothing of what it does not list', () => {
    expect(mainlineVersion('helper', 'constructor')).toBeUndefined();
  });
});
