import { describe, expect, it } from 'vitest';
import { kernelVersionOf } from '../../src/facts/kernel-version.ts';

const none = { signature: '', release: '', version: '' };

describe('kernelVersionOf', () => {
  it.each([
    ['mainline', { release: '6.12.3', version: '#1 SMP' }, [6, 12, 3]],
    [
      'a release with a tail',
      { release: '5.10.0-46-cloud-amd64', version: '#1 SMP Debian 5.10.226-1 (2024-10-03)' },
      [5, 10, 226],
    ],
    ['Debian without a version', { release: '6.1.0-50', version: '#1 SMP Debian' }, [6, 1, 0]],
    ['Ubuntu', { signature: 'Ubuntu 5.4.0-12.15-generic 5.4.8\n', release: '5.4.0-12-generic' }, [5, 4, 8]],
    ['a stable release beyond 255', { release: '4.19.300' }, [4, 19, 255]],
  ])('%s', (_name, words, [a = 0, b = 0, c = 0]) => {
    expect(kernelVersionOf({ ...none, ...words })).toBe((a << 16) + (b << 8) + c);
  });

  it('is 0 where nothing tells it', () => {
    expect(kernelVersionOf({ ...none, release: 'next' })).toBe(0);
  });
});
