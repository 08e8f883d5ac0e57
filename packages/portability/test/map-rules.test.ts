import { describe, expect, it } from 'vitest';
import { checkMap } from '../src/rules/map-rules.ts';

// Each of these was made, or refused, by real kernels from 5.10 to 7.2 (test/corpus/idioms/maps.bpf.c).
const map = { name: 'map', keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };

describe('definitions of maps', () => {
  it.each([
    { ...map, type: 'hash' },
    { ...map, type: 'task_storage', maxEntries: 0, flags: 1 },
    { ...map, type: 'lpm_trie', keySize: 8, flags: 1 },
    { ...map, type: 'array', flags: 1024 },
    { ...map, type: 'ringbuf', keySize: 0, valueSize: 0 },
    // libbpf-tools leave the depth of stacks to their options.
    { ...map, type: 'stack_trace', valueSize: 0, maxEntries: 0 },
    { ...map, type: 'hash_of_maps', valueSize: 4, inner: 'array' },
  ])('$type with flags $flags and values of $valueSize bytes is made', (definition) => {
    expect(checkMap(definition)).toBe('met');
  });

  it.each([
    [{ ...map, type: 'task_storage', maxEntries: 0 }, 'BPF_F_NO_PREALLOC'],
    [{ ...map, type: 'sk_storage', maxEntries: 0 }, 'BPF_F_NO_PREALLOC'],
    [{ ...map, type: 'lpm_trie', keySize: 8 }, 'BPF_F_NO_PREALLOC'],
    [{ ...map, type: 'hash', flags: 1024 }, 'BPF_F_MMAPABLE'],
    [{ ...map, type: 'ringbuf', keySize: 0 }, 'must have 0'],
    [{ ...map, type: 'perf_event_array' }, 'must have 4'],
    [{ ...map, type: 'array', keySize: 8 }, 'must have 4'],
    [{ ...map, type: 'stack' }, 'must have 0'],
    [{ ...map, type: 'hash_of_maps', valueSize: 4 }, 'does not say what maps it holds'],
  ])('%o is refused by every kernel', (definition, reason) => {
    expect(checkMap(definition)).toMatchObject({ outcome: 'unmet', reason: expect.stringContaining(reason) });
  });
});
